//! What a verification found, as a receipt for machines and a table for people.

use super::{Direction, Outcome, Row};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use wgrad_runtime::AdapterFacts;

/// The version of wgpu that this program is built with.
pub const WGPU: &str = env!("WGRAD_WGPU_VERSION");
/// The version of naga that this program is built with.
pub const NAGA: &str = env!("WGRAD_NAGA_VERSION");

/// All that a verification found, and on what.
#[derive(Debug, Serialize)]
pub struct Receipt<'a> {
    /// Version of this program.
    pub wgrad: &'static str,
    /// Version of wgpu in it.
    pub wgpu: &'static str,
    /// Version of naga in it.
    pub naga: &'static str,
    /// When it ended, UTC.
    pub date: String,
    /// The adapter with its driver and limits.
    pub adapter: &'a AdapterFacts,
    /// What ops and cases were chosen by, if by anything.
    pub filter: Option<&'a str>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Results within their tolerance.
    pub passed: usize,
    /// Results outside it.
    pub failed: usize,
    /// Results that the adapter cannot give.
    pub skipped: usize,
    /// Cases that were not reached, because the verification was stopped.
    #[serde(skip_serializing_if = "none")]
    pub unchecked: usize,
    /// One entry a result.
    pub rows: &'a [Row],
}

impl<'a> Receipt<'a> {
    /// A receipt of these results. The date is the caller's: a library has no clock that is right everywhere.
    pub(super) fn new(adapter: &'a AdapterFacts, filter: Option<&'a str>, seconds: f64, rows: &'a [Row], date: String) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| rows.iter().filter(|r| wanted(&r.outcome)).count();
        Self {
            wgrad: env!("CARGO_PKG_VERSION"),
            wgpu: WGPU,
            naga: NAGA,
            date,
            adapter,
            filter,
            seconds,
            passed: count(|o| matches!(o, Outcome::Pass)),
            failed: count(|o| matches!(o, Outcome::Fail { .. })),
            skipped: count(|o| matches!(o, Outcome::Skip { .. })),
            unchecked: 0,
            rows,
        }
    }

    /// The line that says it all.
    pub fn line(&self) -> String {
        let Self { passed, failed, skipped, unchecked, seconds, adapter, .. } = self;
        let skipped = if *skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        let stopped = if *unchecked > 0 { format!(", stopped before {unchecked} cases") } else { String::new() };
        format!("{passed} results agree with the reference, {failed} differ{skipped}{stopped}; {seconds:.1} s on {adapter}")
    }

    /// A table for people: one line an op, in the order in which they first come.
    pub fn table(&self) -> String {
        table(self.rows)
    }

    /// One line for each result that differs.
    pub fn failures(&self) -> Vec<String> {
        failures(self.rows)
    }
}

fn none(count: &usize) -> bool {
    *count == 0
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

fn table(rows: &[Row]) -> String {
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

fn failures(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        if let Outcome::Fail { message } = &row.outcome {
            let variant = row.variant.as_deref().map(|v| format!(" [{v}]")).unwrap_or_default();
            let direction = format!("{:?}", row.direction).to_ascii_lowercase();
            lines.push(format!("FAIL {}: {}{variant} {direction} {}: {message}", row.op, row.case, row.result));
        }
    }
    lines
}
