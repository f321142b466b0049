//! Element-wise activations: the shape stays.

use super::{Built, Layer, Site};
use crate::Error;
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

/// Between two bounds; one of them may be left out, and is then the largest f32 there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clamp {
    /// The least value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
}

record!(Clamp, "a clamp layer" { min: optional, max: optional });

impl Clamp {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let largest = f64::from(f32::MAX);
        let (min, max) = match (self.min, self.max) {
            (None, None) => return Err(site.error(layer, "give it `min`, `max` or both")),
            (min, max) => (min.unwrap_or(-largest), max.unwrap_or(largest)),
        };
        if ![min, max].iter().all(|b| b.abs() <= largest) || min > max {
            return Err(site.error(layer, format!("min is {min} and max {max}; both must be finite as f32, and min not above max")));
        }
        Ok(Built::new(Vec::new(), input.to_vec(), move |x, _| x.clamp(min, max)))
    }
}

impl std::fmt::Display for Clamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = |b: Option<f64>| b.map_or(String::new(), |b| b.to_string());
        write!(f, "{}..{}", bound(self.min), bound(self.max))
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
