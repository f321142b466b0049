//! Axes with labels at round values.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

/// A linear axis with labels at given values. Plotters' own search for such values does not end on some
/// ranges.
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    pub(super) labels: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.bold_points() == 0 { Vec::new() } else { self.labels.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// The distance between about `count` labels over `range`: 1, 2 or 5 times a power of ten.
pub(super) fn step(range: &Range<f64>, count: f64) -> f64 {
    let rough = (range.end - range.start) / count;
    let power = 10f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough);
    nice.unwrap_or(10.0) * power
}

/// The multiples of `step` within `range`.
pub(super) fn multiples(range: &Range<f64>, step: f64) -> Vec<f64> {
    let first = (range.start / step).ceil();
    let within = (0..100).map(|nth| (first + f64::from(nth)) * step);
    within.take_while(|value| *value <= range.end).collect()
}

/// Labels with the decimals that tell them apart, or with an exponent where those would be too many.
pub(super) fn label_format(range: &Range<f64>, step: f64) -> impl Fn(&f64) -> String + use<> {
    let exponent = range.end.abs().max(range.start.abs()) >= 1e6 || step < 1e-5;
    let decimals = (-step.log10().floor()).clamp(0.0, 5.0) as usize;
    move |value| if exponent { format!("{value:.1e}") } else { format!("{value:.decimals$}") }
}
