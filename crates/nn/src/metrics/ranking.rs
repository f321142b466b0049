//! Metrics of the order in which scores put samples and classes.

use super::Predictions;
use serde::Serialize;
use std::cmp::Ordering;

/// The share of samples whose true class is among the `k` most probable. Of equally probable classes the first counts as more
/// probable, so that k = 1 is the accuracy. (scikit-learn's `top_k_accuracy_score` lets the last win such a tie.)
pub fn top_k_accuracy(predictions: &Predictions, k: usize) -> f64 {
    let hit = |(row, &truth): (&[f64], &usize)| {
        // What is not a number is above nothing.
        let above = |(class, p): (usize, &f64)| *p > row[truth] || (class < truth && *p >= row[truth]);
        !row[truth].is_nan() && row.iter().enumerate().filter(|&(class, p)| above((class, p))).count() < k
    };
    let hits = predictions.rows().zip(predictions.truth()).filter(|&pair| hit(pair)).count();
    if predictions.is_empty() { 0.0 } else { hits as f64 / predictions.len() as f64 }
}

/// A point of a ROC curve: what happens where all samples of at least this score are taken for positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocPoint {
    /// The score; infinite at the first point, where nothing is taken for positive.
    pub threshold: f64,
    /// The share of negative samples that are taken for positive.
    pub false_positive_rate: f64,
    /// The share of positive samples that are.
    pub true_positive_rate: f64,
}

/// The ROC curve, from (0, 0) to (1, 1), one point a distinct score; `None` unless there are positive and negative samples.
///
/// Source: Fawcett 2006, "An introduction to ROC analysis".
pub fn roc_curve(scores: &[f64], positive: &[bool]) -> Option<Vec<RocPoint>> {
    let n = scores.len().min(positive.len());
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| descending(scores[a], scores[b]));
    let positives = positive[..n].iter().filter(|p| **p).count();
    if positives == 0 || positives == n {
        return None;
    }
    let (mut hits, mut alarms) = (0, 0);
    let mut curve = vec![RocPoint { threshold: f64::INFINITY, false_positive_rate: 0.0, true_positive_rate: 0.0 }];
    for (place, &sample) in order.iter().enumerate() {
        if positive[sample] {
            hits += 1;
        } else {
            alarms += 1;
        }
        // Equal scores are taken together: no threshold parts them.
        let next = order.get(place + 1).map(|&next| scores[next]);
        if next.is_none_or(|next| descending(scores[sample], next) != Ordering::Equal) {
            let (false_positive_rate, true_positive_rate) = (alarms as f64 / (n - positives) as f64, hits as f64 / positives as f64);
            curve.push(RocPoint { threshold: scores[sample], false_positive_rate, true_positive_rate });
        }
    }
    Some(curve)
}

/// The area under the ROC curve by trapezoids: the probability that a positive sample has a higher score than a negative one,
/// equal scores counting half (Mann and Whitney). `None` unless there are both.
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let curve = roc_curve(scores, positive)?;
    let strip =
        |pair: &[RocPoint]| (pair[1].false_positive_rate - pair[0].false_positive_rate) * (pair[1].true_positive_rate + pair[0].true_positive_rate) / 2.0;
    Some(curve.windows(2).map(strip).sum())
}

/// The highest first; zeros of both signs are equal, what is not a number is last.
fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
