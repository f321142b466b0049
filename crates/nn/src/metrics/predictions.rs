//! What a classifier said about each sample, and what was right.

use crate::Error;

/// The probabilities that a classifier gave, with the true classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    classes: Vec<String>,
    /// Row-major [samples, classes].
    probabilities: Vec<f64>,
    truth: Vec<usize>,
}

impl Predictions {
    /// From probabilities, row-major [samples, classes], and the index of each sample's class.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where their numbers do not fit, or an index is no class.
    pub fn new(classes: Vec<String>, probabilities: Vec<f64>, truth: Vec<usize>) -> Result<Self, Error> {
        let n = classes.len();
        if n == 0 || probabilities.len() != n * truth.len() {
            let message = format!("{} probabilities for {} samples of {n} classes; give one a sample and class", probabilities.len(), truth.len());
            return Err(Error::Mismatch(message));
        }
        match truth.iter().find(|&&label| label >= n) {
            Some(label) => Err(Error::Mismatch(format!("a sample has class number {label}, and there are {n} classes, from 0"))),
            None => Ok(Self { classes, probabilities, truth }),
        }
    }

    /// From logits [samples, classes]: their softmax, in f64, so that large ones are still told apart.
    ///
    /// # Errors
    /// As [`Predictions::new`].
    pub fn from_logits(classes: Vec<String>, logits: &[f32], truth: Vec<usize>) -> Result<Self, Error> {
        let mut probabilities: Vec<f64> = logits.iter().map(|&z| f64::from(z)).collect();
        for row in probabilities.chunks_mut(classes.len().max(1)) {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|z| *z = libm::exp(*z - top));
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|e| *e /= sum);
        }
        Self::new(classes, probabilities, truth)
    }

    /// From one logit a sample, that of the second class: 1/(1 + e⁻ᶻ).
    ///
    /// # Errors
    /// As [`Predictions::new`].
    pub fn from_binary_logits(classes: Vec<String>, logits: &[f32], truth: Vec<usize>) -> Result<Self, Error> {
        let sigmoid = |z: f64| 1.0 / (1.0 + libm::exp(-z));
        // Each from its own side: 1 − p would lose a small p.
        let pair = |&z: &f32| [sigmoid(-f64::from(z)), sigmoid(f64::from(z))];
        Self::new(classes, logits.iter().flat_map(pair).collect(), truth)
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// The true class of each sample.
    pub fn truth(&self) -> &[usize] {
        &self.truth
    }

    /// The probabilities of each sample.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.classes.len())
    }

    /// The class that each sample is taken for: the most probable, the first of equals.
    pub fn predicted(&self) -> impl Iterator<Item = usize> {
        self.rows().map(|row| (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best }))
    }
}
