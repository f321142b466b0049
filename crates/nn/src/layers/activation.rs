//! Element-wise activations: the shape stays.

use super::Built;
use crate::recipe::{names, record};
use wgrad_tensor::Tensor;

/// An activation without settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activation {}

impl Activation {
    pub(crate) fn build(&self, input: &[usize], function: fn(&Tensor) -> Tensor) -> Built {
        Built::new(Vec::new(), input.to_vec(), move |x, _| function(x))
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
        Built::new(Vec::new(), input.to_vec(), move |x, _| x.leaky_relu(alpha))
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
        Built::new(Vec::new(), input.to_vec(), move |x, _| x.elu(alpha))
    }
}

/// An activation without settings, as a part of another layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// max(x, 0).
    Relu,
    /// x Φ(x).
    Gelu,
    /// x sigmoid(x).
    Silu,
    /// x clamp(x/6 + 1/2, 0, 1).
    Hardswish,
    /// x tanh(ln(1 + eˣ)).
    Mish,
    /// tanh x.
    Tanh,
}

names!(Function { "relu" => Relu, "gelu" => Gelu, "silu" => Silu, "hardswish" => Hardswish, "mish" => Mish, "tanh" => Tanh });

impl Function {
    /// The activation of x.
    #[track_caller]
    pub fn apply(self, x: &Tensor) -> Tensor {
        match self {
            Function::Relu => x.relu(),
            Function::Gelu => x.gelu(),
            Function::Silu => x.silu(),
            Function::Hardswish => x.hardswish(),
            Function::Mish => x.mish(),
            Function::Tanh => x.tanh(),
        }
    }
}
