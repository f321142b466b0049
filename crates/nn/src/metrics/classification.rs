//! Metrics of classes, from the confusion matrix.
//!
//! With TPₖ the samples of class k that were taken for k, FPₖ those of other classes that were, and FNₖ those of class k that were
//! not:
//!
//! - precisionₖ = TPₖ/(TPₖ + FPₖ), recallₖ = TPₖ/(TPₖ + FNₖ), F1ₖ = 2 TPₖ/(2 TPₖ + FPₖ + FNₖ), 0 where the denominator is 0;
//! - macro: the plain mean over the classes that occur, as truth or as prediction; weighted: the mean weighted by the samples
//!   of each class; micro: from the sums over all classes, which for one class a sample is the accuracy;
//! - accuracy: the share of samples that were taken for what they are.
//!
//! Source: scikit-learn, `precision_recall_fscore_support`, `accuracy_score`, `confusion_matrix`; Sokolova and Lapalme 2009.

use super::{Predictions, roc_auc, top_k_accuracy};
use serde::Serialize;

/// The k of the top-k accuracies that are worked out, where there are more classes than that.
const TOP: [usize; 4] = [2, 3, 5, 10];

/// What is known about one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    /// Its name.
    pub name: String,
    /// The share of what was taken for it that is of it.
    pub precision: f64,
    /// The share of it that was found.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Samples that are of it.
    pub support: u64,
    /// Area under the ROC curve of this class against all others; `None` where all samples, or none, are of it.
    pub roc_auc: Option<f64>,
}

/// A mean over the classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Average {
    /// Of the precisions.
    pub precision: f64,
    /// Of the recalls.
    pub recall: f64,
    /// Of the F1s.
    pub f1: f64,
}

/// The metrics of a classifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// The share of right answers.
    pub accuracy: f64,
    /// (k, share of samples whose true class is among the k most probable), for the k from 2, 3, 5, 10 that are below the number
    /// of classes.
    pub top_k: Vec<(usize, f64)>,
    /// Each class.
    pub classes: Vec<ClassScore>,
    /// The plain mean over the classes that occur.
    #[serde(rename = "macro")]
    pub macro_average: Average,
    /// From sums over all classes.
    #[serde(rename = "micro")]
    pub micro_average: Average,
    /// The mean weighted by the samples of each class.
    #[serde(rename = "weighted")]
    pub weighted_average: Average,
    /// Area under the ROC curve: of the second class where there are two, else the mean over one class against all others, for
    /// those that have one. `None` where none has.
    pub roc_auc: Option<f64>,
    /// Samples by true class (row) and predicted class (column).
    pub confusion: Vec<Vec<u64>>,
}

/// a/b, and 0 where b is 0.
fn share(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

/// Samples by true class (row) and predicted class (column).
pub fn confusion_matrix(predictions: &Predictions) -> Vec<Vec<u64>> {
    let classes = predictions.classes().len();
    let mut counts = vec![vec![0; classes]; classes];
    predictions.truth().iter().zip(predictions.predicted()).for_each(|(&truth, predicted)| counts[truth][predicted] += 1);
    counts
}

impl Classification {
    /// All metrics.
    pub fn of(predictions: &Predictions) -> Self {
        let names = predictions.classes();
        let confusion = confusion_matrix(predictions);
        let row = |k: usize| confusion[k].iter().sum::<u64>();
        let column = |k: usize| confusion.iter().map(|row| row[k]).sum::<u64>();
        let area = |k: usize| {
            let scores: Vec<f64> = predictions.rows().map(|row| row[k]).collect();
            let positive: Vec<bool> = predictions.truth().iter().map(|&t| t == k).collect();
            roc_auc(&scores, &positive)
        };
        let classes: Vec<ClassScore> = (0..names.len())
            .map(|k| {
                let (hits, support, taken) = (confusion[k][k], row(k), column(k));
                let (precision, recall, f1) = (share(hits, taken), share(hits, support), share(2 * hits, support + taken));
                ClassScore { name: names[k].clone(), precision, recall, f1, support, roc_auc: area(k) }
            })
            .collect();
        let (right, n) = ((0..names.len()).map(|k| confusion[k][k]).sum(), predictions.len() as u64);
        let accuracy = share(right, n);
        let mean = |weight: &dyn Fn(usize) -> u64| {
            let total: u64 = (0..names.len()).map(weight).sum();
            let of = |value: fn(&ClassScore) -> f64| {
                let sum: f64 = classes.iter().enumerate().map(|(k, c)| weight(k) as f64 * value(c)).sum();
                if total == 0 { 0.0 } else { sum / total as f64 }
            };
            Average { precision: of(|c| c.precision), recall: of(|c| c.recall), f1: of(|c| c.f1) }
        };
        let areas: Vec<f64> = classes.iter().filter_map(|c| c.roc_auc).collect();
        let mean_area = (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64);
        Self {
            accuracy,
            top_k: TOP.iter().filter(|&&k| k < names.len()).map(|&k| (k, top_k_accuracy(predictions, k))).collect(),
            macro_average: mean(&|k| u64::from(row(k) + column(k) > 0)),
            micro_average: Average { precision: accuracy, recall: accuracy, f1: accuracy },
            weighted_average: mean(&row),
            roc_auc: if names.len() == 2 { classes[1].roc_auc } else { mean_area },
            classes,
            confusion,
        }
    }
}
