//! Element-wise activations: the shape stays.

use super::Built;
use crate::recipe::record;
use wgrad_tensor::Tensor;

/// An activation without settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activation {}

impl Activation {
    pub(crate) fn build(&self, input: &[usize], function: fn(&Tensor) -> Tensor) -> Built {
        Built { parameters: Vec::new(), output: input.to_vec(), forward: Box::new(move |x, _| function(x)) }
    }
}

record!(Activation, "an activation" {});

/// x where positive, `alpha`·x elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakyRelu {
    /// Slope of the negative side; 0.01 where a recipe says nothing (PyTorch's `negative_slope`).
    pub alpha: f64,
}

record!(LeakyRelu, "a leaky_relu layer" { alpha: or(0.01) });

impl LeakyRelu {
    pub(crate) fn build(&self, input: &[usize]) -> Built {
        let alpha = self.alpha;
        Built { parameters: Vec::new(), output: input.to_vec(), forward: Box::new(move |x, _| x.leaky_relu(alpha)) }
    }
}

/// x where positive, `alpha`·(eˣ − 1) elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Elu {
    /// What the negative side tends to, negated; 1 where a recipe says nothing.
    pub alpha: f64,
}

record!(Elu, "an elu layer" { alpha: or(1.0) });

impl Elu {
    pub(crate) fn build(&self, input: &[usize]) -> Built {
        let alpha = self.alpha;
        Built { parameters: Vec::new(), output: input.to_vec(), forward: Box::new(move |x, _| x.elu(alpha)) }
    }
}
