//! All axes of a sample as one: [batch, a, b, …] → [batch, a·b·…]. A view: no data move.

use super::Built;
use crate::recipe::record;
use wgrad_tensor::Tensor;

/// Flattens each sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flatten {}

impl Flatten {
    pub(crate) fn build(&self, input: &[usize]) -> Built {
        let n: usize = input.iter().product();
        let forward = move |x: &Tensor, _: &super::Pass| x.reshape(&[-1, n as i64]);
        Built::new(Vec::new(), vec![n], forward)
    }
}

record!(Flatten, "a flatten layer" {});
