//! Rows of the bench, as lines of a table or of JSON.

use std::fmt::Write as _;
use wgrad_nn::bench::Row;

/// Prints rows as lines of a table, or as lines of JSON.
pub(crate) struct Table {
    pub(crate) json: bool,
    /// Whether rows carry a variant, and their speed is compared with that of the first.
    pub(crate) variants: bool,
}

const WORKLOAD: usize = 23;
const SHAPE: usize = 24;
const VARIANT: usize = 16;

impl Table {
    /// What stands above the rows; nothing for JSON.
    pub(crate) fn head(&self, adapter: &str) -> Option<String> {
        if self.json {
            return None;
        }
        let (name, more) = if self.variants { (format!("{:<VARIANT$} ", "variant"), "  times the chosen") } else { (String::new(), "") };
        let columns = format!(
            "{:<WORKLOAD$} {:<SHAPE$} {name}{:>11} {:>11} {:>11} {:>21} {:>11} {:>7}{more}",
            "workload", "shape", "median ms", "min ms", "CPU ms", "rate", "first ms", "samples"
        );
        Some(format!("{adapter}\n{columns}\n{}", "─".repeat(columns.len())))
    }

    /// A row. `first` is the median of the first variant.
    pub(crate) fn line(&self, row: &Row, first: Option<f64>) -> String {
        if self.json {
            // A row has neither maps with odd keys nor anything else that JSON cannot say.
            return serde_json::to_string(row).unwrap_or_default();
        }
        let variant = row.variant.as_ref().map_or(String::new(), |v| format!("{v:<VARIANT$} "));
        let cpu = row.cpu_ms.map_or("–".to_owned(), |ms| format!("{ms:.3}"));
        let (rate, unit) = match row.steps_per_s {
            Some(steps) => (steps, "steps/s"),
            None => (row.gflops_or_samples_per_s, row.unit),
        };
        let mut line = format!(
            "{:<WORKLOAD$} {:<SHAPE$} {variant}{:>11.3} {:>11.3} {cpu:>11} {rate:>11.2} {unit:<9} {:>11.1} {:>7}",
            row.workload, row.shape, row.median_ms, row.min_ms, row.cold_ms, row.samples
        );
        if let Some(first) = first {
            // Writing to a String cannot fail.
            let _ = write!(line, "  {:.2}", row.median_ms / first);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            peer: "wgrad",
            version: "0",
            backend: "vulkan".into(),
            adapter: "0: a".into(),
            workload: "copy",
            shape: "16M".into(),
            variant: None,
            median_ms: 2.0,
            min_ms: 1.0,
            max_ms: 3.0,
            cpu_ms: None,
            gflops_or_samples_per_s: 10.0,
            unit: "GB/s",
            steps_per_s: None,
            cold_ms: 5.0,
            warmup_ms: 6.0,
            samples: 5,
            calls_per_sample: 1,
            load1: None,
            loss: None,
        }
    }

    #[test]
    fn a_line_stands_under_its_columns() {
        let table = Table { json: false, variants: false };
        let head = table.head("0: a").unwrap();
        let columns = head.lines().nth(1).unwrap();
        let line = table.line(&row(), None);
        let end = |text: &str, what: &str| text.find(what).map(|at| at + what.len());
        assert_eq!(end(columns, "median ms"), end(&line, "2.000"));
        assert_eq!(end(columns, "samples"), Some(line.chars().count()));
        assert!(line.contains("10.00 GB/s"), "{line}");
    }

    #[test]
    fn json_has_no_head_and_leaves_out_what_is_unknown() {
        let table = Table { json: true, variants: false };
        assert_eq!(table.head("0: a"), None);
        let value: serde_json::Value = serde_json::from_str(&table.line(&row(), None)).unwrap();
        assert_eq!((&value["peer"], &value["median_ms"]), (&"wgrad".into(), &2.0.into()));
        assert!(value.get("loss").is_none() && value.get("variant").is_none());
    }

    #[test]
    fn variants_are_compared_with_the_first() {
        let table = Table { json: false, variants: true };
        let row = Row { variant: Some("naive".into()), ..row() };
        assert!(table.line(&row, Some(0.5)).ends_with("  4.00"));
        assert!(table.head("0: a").unwrap().contains("variant"));
    }
}
