//! While training, y = x·m/(1 − ratio) with m = 0 at probability `ratio`, else 1 (Srivastava et al. 2014, inverted); y = x otherwise.
//!
//! The mask is a pure function of (seed, step, layer): the backward pass draws it again instead of keeping it.

use super::{Built, Layer, Pass, Site};
use crate::Error;
use crate::recipe::record;
use wgrad_tensor::{Tensor, kernels::ops};

/// Sets values to zero at random while training.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout {
    /// The probability of zero, in [0, 1).
    pub ratio: f64,
}

record!(Dropout, "a dropout layer" { ratio: required });

impl Dropout {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        if !(0.0..1.0).contains(&self.ratio) {
            return Err(site.error(layer, format!("`ratio` is {}; it must be at least 0 and below 1", self.ratio)));
        }
        let op = ops::Dropout { ratio: self.ratio, stream: site.index as u32 };
        let forward = move |x: &Tensor, pass: &Pass| match &pass.random {
            Some(key) if op.ratio > 0.0 => x.apply(op.clone(), &[key]),
            _ => x.clone(),
        };
        Ok(Built::new(Vec::new(), input.to_vec(), forward))
    }
}
