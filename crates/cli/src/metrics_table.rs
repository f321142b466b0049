//! The metrics of a test, for people.

use wgrad_nn::metrics::{Average, Classification, Metrics, Regression};

/// Classes that are listed one by one.
const LISTED: usize = 100;

/// The metrics as lines of text.
pub(crate) fn text(metrics: &Metrics) -> String {
    match metrics {
        Metrics::Classes(metrics) => classes(metrics),
        Metrics::Values(Regression { mse, mae, r2 }) => {
            let r2 = r2.map(|r2| format!(", R² {r2:.4}")).unwrap_or_default();
            format!("mean squared error {mse:.4e}, mean absolute error {mae:.4e}{r2}")
        }
    }
}

fn classes(metrics: &Classification) -> String {
    let area = |a: Option<f64>| a.map_or("-".to_owned(), |a| format!("{a:.4}"));
    let line = |name: &str, a: &Average, samples: String, auc: String| [name.to_owned(), number(a.precision), number(a.recall), number(a.f1), auc, samples];
    let mut lines = vec![["class", "precision", "recall", "F1", "ROC-AUC", "samples"].map(str::to_owned)];
    for class in metrics.classes.iter().take(LISTED) {
        let own = Average { precision: class.precision, recall: class.recall, f1: class.f1 };
        lines.push(line(&class.name, &own, class.support.to_string(), area(class.roc_auc)));
    }
    let left_out = metrics.classes.len().saturating_sub(LISTED);
    let total: u64 = metrics.classes.iter().map(|c| c.support).sum();
    // Of two classes the area is that of the second, not a mean.
    let mean_area = if metrics.classes.len() > 2 { area(metrics.roc_auc) } else { String::new() };
    let means = lines.len();
    lines.push(line("macro", &metrics.macro_average, total.to_string(), mean_area));
    lines.push(line("micro", &metrics.micro_average, total.to_string(), String::new()));
    lines.push(line("weighted", &metrics.weighted_average, total.to_string(), String::new()));
    let width = |k: usize| lines.iter().map(|l| l[k].chars().count()).max().unwrap_or(0);
    let [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(width);
    let rule = "─".repeat(a + b + c + d + e + f + 10);
    let mut out = String::new();
    for (n, [name, precision, recall, f1, auc, samples]) in lines.iter().enumerate() {
        if n == 1 || n == means {
            out.push_str(&format!("{rule}\n"));
        }
        if n == means && left_out > 0 {
            out.push_str(&format!("… and {left_out} more; --json has them all\n{rule}\n"));
        }
        out.push_str(&format!("{name:<a$}  {precision:>b$}  {recall:>c$}  {f1:>d$}  {auc:>e$}  {samples:>f$}\n"));
    }
    let mut shares: Vec<String> = metrics.top_k.iter().map(|(k, share)| format!("top-{k} accuracy {:.2} %", 100.0 * share)).collect();
    shares.extend(metrics.roc_auc.map(|a| format!("ROC-AUC {a:.4}")));
    format!("{out}{rule}\n{}", shares.join(", "))
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}
