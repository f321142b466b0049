//! Metrics of values.
//!
//! With y the true values and p the predicted ones, over n samples of one output:
//!
//! - mean squared error Σ(y − p)²/n, mean absolute error Σ|y − p|/n;
//! - R² = 1 − Σ(y − p)²/Σ(y − ȳ)²; where all y are equal it is 1 for a perfect prediction and else 0; undefined for one sample.
//!
//! Of several outputs the plain mean is taken. Source: scikit-learn, `mean_squared_error`, `mean_absolute_error`, `r2_score`.

use serde::Serialize;

/// The metrics of predicted values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Regression {
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// The share of the variance that is explained; `None` for fewer than two samples.
    pub r2: Option<f64>,
}

impl Regression {
    /// From values, row-major [samples, outputs].
    pub fn of(predicted: &[f32], truth: &[f32], outputs: usize) -> Self {
        let outputs = outputs.max(1);
        let pairs: Vec<(f64, f64)> = truth.iter().zip(predicted).map(|(&y, &p)| (f64::from(y), f64::from(p))).collect();
        let samples = pairs.len() / outputs;
        let mean = |sum: f64, n: usize| if n == 0 { 0.0 } else { sum / n as f64 };
        let explained = |output: usize| {
            let column = || pairs.iter().skip(output).step_by(outputs);
            let middle = mean(column().map(|(y, _)| y).sum(), samples);
            let (rest, total): (f64, f64) = column().fold((0.0, 0.0), |(rest, total), (y, p)| (rest + (y - p).powi(2), total + (y - middle).powi(2)));
            match (rest, total) {
                (0.0, 0.0) => 1.0,
                (_, 0.0) => 0.0,
                _ => 1.0 - rest / total,
            }
        };
        Self {
            mse: mean(pairs.iter().map(|(y, p)| (y - p).powi(2)).sum(), pairs.len()),
            mae: mean(pairs.iter().map(|(y, p)| (y - p).abs()).sum(), pairs.len()),
            r2: (samples >= 2).then(|| mean((0..outputs).map(explained).sum(), outputs)),
        }
    }
}
