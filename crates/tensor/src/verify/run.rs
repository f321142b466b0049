//! The way through all cases: told one by one, so that the caller can show how far it is, let others work, or stop.

use super::ahead::Ahead;
use super::{Outcome, Plan, Receipt, Row, variants, verify_case};
use crate::{Device, Error};
use serde::Serialize;
use std::sync::Arc;
use web_time::Instant;
use wgrad_kernels::Case;
use wgrad_kernels::op::catalogue;
use wgrad_kernels::shaders::KERNELS;

/// Cases under way at once. A browser may take 100 ms to tell that a result is there, whatever the case; native waits block, so
/// that there more than one at a time gains nothing.
const AT_ONCE: usize = if cfg!(target_arch = "wasm32") { 12 } else { 1 };

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
    cases: Vec<(&'static str, Arc<Case>)>,
    /// Cases that a sample leaves out.
    left_out: usize,
    at_once: usize,
    /// The checks of the cases from `done` on.
    started: Ahead<Result<Vec<Row>, Error>>,
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
        let cases: Vec<_> = all.filter(|(op, case)| wanted(op) || wanted(&case.name)).map(|(op, case)| (op, Arc::new(case))).collect();
        if cases.is_empty() {
            return Err(Error::NoCase { filter: filter.unwrap_or("").to_owned(), ops: ops.join(", ") });
        }
        if let Some(stem) = fault.filter(|stem| !KERNELS.iter().any(|(known, _)| known == stem)) {
            return Err(Error::NoKernel(stem.to_owned()));
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (filter, fault, started) = (owned(filter), owned(fault), Ahead::new());
        Ok(Self { filter, fault, cases, left_out: 0, at_once: AT_ONCE, started, done: 0, rows: Vec::new(), failed: 0, began: None, seconds: 0.0 })
    }

    /// The same with the first of every `n` cases only, where a sample of them will do; the receipt counts the others as unchecked.
    pub fn every(mut self, n: usize) -> Self {
        let all = self.cases.len();
        self.cases = self.cases.into_iter().step_by(n.max(1)).collect();
        self.left_out = all - self.cases.len();
        self
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// The case that [`next`](Self::next) will check; `None` when all are done.
    pub fn upcoming(&self) -> Option<&Case> {
        self.cases.get(self.done).map(|(_, case)| &**case)
    }

    /// The next case is checked: the kernel that the device's facts choose, then each variant that can run. `None` when all are
    /// done. Who stops calling stops the verification.
    ///
    /// # Errors
    /// Where the device is lost. All else that goes wrong is a result that differs.
    pub async fn next(&mut self, device: &Device) -> Result<Option<Progress<'_>>, Error> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let mut rows = self.first(device).await?;
        if self.at_once > 1 && rows.iter().any(Row::is_refusal) {
            // A device tells late of what it refuses, and not whose it was: from here on each case is alone with it.
            self.at_once = 1;
            while self.started.first().await.is_some() {}
            rows = self.first(device).await?;
        }
        let Some((op, case)) = self.cases.get(self.done) else { return Ok(None) };
        self.failed += rows.iter().filter(|r| matches!(r.outcome, Outcome::Fail { .. })).count();
        self.rows.extend(rows);
        self.done += 1;
        self.seconds = began.elapsed().as_secs_f64();
        Ok(Some(Progress { done: self.done, of: self.cases.len(), op, case: &case.name, failed: self.failed }))
    }

    /// The results of the first case that is not done, while those behind it go on. Empty behind the last one.
    async fn first(&mut self, device: &Device) -> Result<Vec<Row>, Error> {
        let (next, room) = (self.done + self.started.len(), self.at_once.saturating_sub(self.started.len()));
        for (_, case) in self.cases.iter().skip(next).take(room) {
            self.started.push(check(device.clone(), case.clone(), self.fault.clone()));
        }
        self.started.first().await.unwrap_or(Ok(Vec::new()))
    }

    /// The results so far, one a row.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The receipt of what was checked so far on `device`; `date` is the time now in UTC, as `2026-01-31T12:00:00Z`.
    pub fn receipt<'a>(&'a self, device: &'a Device, date: String) -> Receipt<'a> {
        let mut receipt = Receipt::new(device.runtime().facts(), self.filter.as_deref(), self.seconds, &self.rows, date);
        receipt.unchecked = self.cases.len() - self.done + self.left_out;
        receipt
    }
}

/// All rows of one case.
async fn check(device: Device, case: Arc<Case>, fault: Option<String>) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let chosen = std::iter::once(None);
    for variant in chosen.chain(variants(&device, &case)?.into_iter().map(|v| Some(v.to_owned()))) {
        rows.extend(verify_case(&device, &case, &Plan { variant, fault: fault.clone() }).await?);
    }
    Ok(rows)
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
        assert_eq!(verification.every(4).cases(), all.div_ceil(4));
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
