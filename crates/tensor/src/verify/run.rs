//! The way through all cases: one at a time, so that the caller can show how far it is, let others work, or stop.

use super::{Outcome, Plan, Receipt, Row, variants, verify_case};
use crate::{Device, Error};
use serde::Serialize;
use web_time::Instant;
use wgrad_kernels::Case;
use wgrad_kernels::op::catalogue;
use wgrad_kernels::shaders::KERNELS;

/// A verification of a device under way: all chosen cases, each with every variant that the device can run.
///
/// ```no_run
/// # async fn verify(device: &wgrad_tensor::Device) -> Result<(), wgrad_tensor::Error> {
/// let mut verification = wgrad_tensor::verify::Verification::new(Some("softmax"), None)?;
/// while let Some(progress) = verification.next(device).await? {
///     println!("{}/{} {}", progress.done, progress.of, progress.case);
/// }
/// println!("{}", verification.receipt(device, String::new()).line());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Verification {
    filter: Option<String>,
    fault: Option<String>,
    cases: Vec<(&'static str, Case)>,
    done: usize,
    rows: Vec<Row>,
    failed: usize,
    began: Option<Instant>,
    seconds: f64,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress<'a> {
    /// Cases done.
    pub done: usize,
    /// Cases in all.
    pub of: usize,
    /// The op of the case just done.
    pub op: &'static str,
    /// The case just done.
    pub case: &'a str,
    /// Results that differ so far.
    pub failed: usize,
}

impl Verification {
    /// All cases, or those whose op's name or whose own name holds `filter`. `fault` is for the tests of verification itself:
    /// the stem of a kernel that is made to err.
    ///
    /// # Errors
    /// [`Error::NoCase`] where the filter names nothing, [`Error::NoKernel`] where the fault does.
    pub fn new(filter: Option<&str>, fault: Option<&str>) -> Result<Self, Error> {
        let catalogue = catalogue();
        let wanted = |name: &str| filter.is_none_or(|f| name.contains(f));
        let ops: Vec<&str> = catalogue.iter().map(|e| e.name).collect();
        let all = catalogue.into_iter().flat_map(|e| e.cases.into_iter().map(move |c| (e.name, c)));
        let cases: Vec<(&str, Case)> = all.filter(|(op, case)| wanted(op) || wanted(&case.name)).collect();
        if cases.is_empty() {
            return Err(Error::NoCase { filter: filter.unwrap_or("").to_owned(), ops: ops.join(", ") });
        }
        if let Some(stem) = fault.filter(|stem| !KERNELS.iter().any(|(known, _)| known == stem)) {
            return Err(Error::NoKernel(stem.to_owned()));
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self { filter: owned(filter), fault: owned(fault), cases, done: 0, rows: Vec::new(), failed: 0, began: None, seconds: 0.0 })
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// The case that [`next`](Self::next) will check; `None` when all are done.
    pub fn upcoming(&self) -> Option<&Case> {
        self.cases.get(self.done).map(|(_, case)| case)
    }

    /// Checks the next case: the kernel that the device's facts choose, then each variant that can run. `None` when all are
    /// done. Who stops calling stops the verification.
    ///
    /// # Errors
    /// Where the device is lost. All else that goes wrong is a result that differs.
    pub async fn next(&mut self, device: &Device) -> Result<Option<Progress<'_>>, Error> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let Some((op, case)) = self.cases.get(self.done) else { return Ok(None) };
        let chosen = std::iter::once(None);
        for variant in chosen.chain(variants(device, case)?.into_iter().map(|v| Some(v.to_owned()))) {
            let rows = verify_case(device, case, &Plan { variant, fault: self.fault.clone() }).await?;
            self.failed += rows.iter().filter(|r| matches!(r.outcome, Outcome::Fail { .. })).count();
            self.rows.extend(rows);
        }
        self.done += 1;
        self.seconds = began.elapsed().as_secs_f64();
        Ok(Some(Progress { done: self.done, of: self.cases.len(), op, case: &case.name, failed: self.failed }))
    }

    /// The results so far, one a row.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The receipt of what was checked so far on `device`; `date` is the time now in UTC, as `2026-01-31T12:00:00Z`.
    pub fn receipt<'a>(&'a self, device: &'a Device, date: String) -> Receipt<'a> {
        let mut receipt = Receipt::new(device.runtime().facts(), self.filter.as_deref(), self.seconds, &self.rows, date);
        receipt.unchecked = self.cases.len() - self.done;
        receipt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_takes_every_case_of_every_op() {
        let all: usize = catalogue().iter().map(|e| e.cases.len()).sum();
        let verification = Verification::new(None, None).unwrap();
        assert_eq!(verification.cases(), all);
        assert_eq!(verification.upcoming().map(|c| c.name.clone()), catalogue()[0].cases.first().map(|c| c.name.clone()));
    }

    #[test]
    fn a_filter_names_ops_and_cases() {
        let softmax = Verification::new(Some("softmax"), None).unwrap();
        assert!(softmax.cases() > 0 && softmax.cases.iter().all(|(op, case)| op.contains("softmax") || case.name.contains("softmax")));
        let one = softmax.cases[0].1.name.clone();
        assert!(Verification::new(Some(&one), None).unwrap().cases() >= 1);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let error = Verification::new(Some("nonsense"), None).unwrap_err().to_string();
        assert!(error.contains("\"nonsense\"") && error.contains("softmax"), "{error}");
        let error = Verification::new(None, Some("nonsense")).unwrap_err().to_string();
        assert!(error.starts_with("nonsense"), "{error}");
    }
}
