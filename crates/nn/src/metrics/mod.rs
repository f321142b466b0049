//! Metrics: how good predictions are, computed on the host in f64 from the outputs of a whole test.
//!
//! A test reads the network's outputs once a batch ([`Trainer::test`](crate::Trainer::test)); everything here is arithmetic on
//! them. The definitions are those of scikit-learn (its user guide, "Metrics and scoring"), with `zero_division = 0`: a share of
//! nothing is 0.
//!
//! | for | metrics | file |
//! |---|---|---|
//! | classes | confusion matrix; accuracy; precision, recall and F1 of each class and as macro, micro and weighted means | [`classification`] |
//! | classes | top-k accuracy, ROC curve, area under it | [`ranking`] |
//! | values | mean squared and mean absolute error, R² | [`regression`] |
//!
//! ```
//! use wgrad_nn::metrics::{Classification, Predictions};
//!
//! let classes = ["cat", "dog"].map(str::to_owned).to_vec();
//! // Three samples: a cat, a dog, a cat that is taken for a dog.
//! let predictions = Predictions::new(classes, vec![0.9, 0.1, 0.2, 0.8, 0.4, 0.6], vec![0, 1, 0])?;
//! let metrics = Classification::of(&predictions);
//! assert_eq!(metrics.confusion, [[1, 1], [0, 1]]);
//! assert_eq!(metrics.classes[1].precision, 0.5);
//! assert_eq!(metrics.roc_auc, Some(1.0));
//! # Ok::<(), wgrad_nn::Error>(())
//! ```

pub mod classification;
mod predictions;
pub mod ranking;
pub mod regression;

pub use classification::{Average, ClassScore, Classification};
pub use predictions::Predictions;
pub use ranking::{RocPoint, roc_auc, roc_curve, top_k_accuracy};
pub use regression::Regression;

use serde::Serialize;

/// The metrics of a test, for what the network says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Metrics {
    /// Which class.
    Classes(Classification),
    /// Which values.
    Values(Regression),
}

impl Metrics {
    /// The metrics that are single numbers, by name: what is compared between runs.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let mut all: Vec<(String, f64)> = Vec::new();
        let mut add = |name: &str, value: Option<f64>| all.extend(value.map(|v| (name.to_owned(), v)));
        match self {
            Metrics::Classes(m) => {
                add("accuracy", Some(m.accuracy));
                add("macro_precision", Some(m.macro_average.precision));
                add("macro_recall", Some(m.macro_average.recall));
                add("macro_f1", Some(m.macro_average.f1));
                add("weighted_f1", Some(m.weighted_average.f1));
                add("roc_auc", m.roc_auc);
                m.top_k.iter().for_each(|(k, share)| add(&format!("top_{k}_accuracy"), Some(*share)));
            }
            Metrics::Values(m) => {
                add("mse", Some(m.mse));
                add("mae", Some(m.mae));
                add("r2", m.r2);
            }
        }
        all
    }
}

/// Mean and standard deviation of some numbers, the deviation with n − 1 (0 for a single number); `None` for none.
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (!values.is_empty()).then(|| (mean, (squares / (n - 1.0).max(1.0)).sqrt()))
}
