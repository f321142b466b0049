//! What a verification found, as a receipt for machines and a table for people.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use wgrad_tensor::runtime::AdapterFacts;
use wgrad_tensor::verify::{Direction, Outcome, Row};

/// All that a verification found, and on what.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt<'a> {
    /// Version of this program.
    pub(crate) wgrad: &'static str,
    /// Version of wgpu in it.
    pub(crate) wgpu: &'static str,
    /// Version of naga in it.
    pub(crate) naga: &'static str,
    /// When it ended, UTC.
    pub(crate) date: String,
    /// The adapter with its driver and limits.
    pub(crate) adapter: &'a AdapterFacts,
    /// What ops and cases were chosen by, if by anything.
    pub(crate) filter: Option<&'a str>,
    /// Seconds that it took.
    pub(crate) seconds: f64,
    /// Results within their tolerance.
    pub(crate) passed: usize,
    /// Results outside it.
    pub(crate) failed: usize,
    /// Results that the adapter cannot give.
    pub(crate) skipped: usize,
    /// One entry a result.
    pub(crate) rows: &'a [Row],
}

impl<'a> Receipt<'a> {
    /// A receipt of these results, dated now.
    pub(crate) fn new(adapter: &'a AdapterFacts, filter: Option<&'a str>, seconds: f64, rows: &'a [Row]) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| rows.iter().filter(|r| wanted(&r.outcome)).count();
        Self {
            wgrad: env!("CARGO_PKG_VERSION"),
            wgpu: env!("WGRAD_WGPU_VERSION"),
            naga: env!("WGRAD_NAGA_VERSION"),
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            adapter,
            filter,
            seconds,
            passed: count(|o| matches!(o, Outcome::Pass)),
            failed: count(|o| matches!(o, Outcome::Fail { .. })),
            skipped: count(|o| matches!(o, Outcome::Skip { .. })),
            rows,
        }
    }

    /// The line that says it all.
    pub(crate) fn line(&self) -> String {
        let Self { passed, failed, skipped, seconds, adapter, .. } = self;
        let skipped = if *skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        format!("{passed} results agree with the reference, {failed} differ{skipped}; {seconds:.1} s on {adapter}")
    }
}

/// What is shown of one op.
#[derive(Debug, Default)]
struct Summary<'a> {
    forward: usize,
    backward: usize,
    variants: BTreeSet<&'a str>,
    ulp: f64,
    of_allowed: f64,
    failed: usize,
    skipped: usize,
}

/// One line an op, in the order in which they first come.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut ops: BTreeMap<&str, Summary<'_>> = BTreeMap::new();
    for row in rows {
        let summary = ops.entry(&row.op).or_insert_with(|| {
            order.push(&row.op);
            Summary::default()
        });
        match row.direction {
            Direction::Forward => summary.forward += 1,
            Direction::Backward => summary.backward += 1,
        }
        summary.variants.extend(row.variant.as_deref());
        summary.ulp = summary.ulp.max(row.worst_ulp);
        summary.of_allowed = summary.of_allowed.max(row.worst_of_allowed);
        summary.failed += usize::from(matches!(row.outcome, Outcome::Fail { .. }));
        summary.skipped += usize::from(matches!(row.outcome, Outcome::Skip { .. }));
    }
    let width = order.iter().map(|op| op.len()).max().unwrap_or(0).max(2);
    let mut lines = vec![format!("{:<width$}  forward  backward  worst ULP  of tolerance  result  variants", "op")];
    for op in order {
        let s = &ops[op];
        let result = match (s.failed, s.skipped) {
            (0, 0) => "ok".to_owned(),
            (0, skipped) => format!("ok, {skipped} skipped"),
            (failed, _) => format!("{failed} FAIL"),
        };
        let variants = s.variants.iter().copied().collect::<Vec<_>>().join(", ");
        let line =
            format!("{op:<width$}  {:>7}  {:>8}  {:>9}  {:>10.1} %  {result:<6}  {variants}", s.forward, s.backward, number(s.ulp), 100.0 * s.of_allowed);
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// A number of ULP in few characters; near zero crossings it can be huge.
fn number(ulp: f64) -> String {
    if ulp < 1e4 { format!("{ulp:.1}") } else { format!("{ulp:.1e}") }
}

/// One line for each result that differs.
pub(crate) fn failures(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        if let Outcome::Fail { message } = &row.outcome {
            let variant = row.variant.as_deref().map(|v| format!(" [{v}]")).unwrap_or_default();
            let direction = format!("{:?}", row.direction).to_lowercase();
            lines.push(format!("FAIL {}: {}{variant} {direction} {}: {message}", row.op, row.case, row.result));
        }
    }
    lines
}
