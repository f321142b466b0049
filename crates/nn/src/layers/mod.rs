//! Layers: a configuration that is built, once its input shape is known, into variables and a forward pass.

mod activation;
mod dropout;
mod flatten;
mod linear;
mod pair;

pub use activation::{Activation, Elu, LeakyRelu};
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use linear::Linear;
pub use pair::Pair;

use crate::Error;
use crate::recipe::kinds;
use wgrad_tensor::{Device, Tensor, Variable};

/// What a forward pass is for.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// u32\[3\] = (seed low, seed high, step): where present, the pass trains and dropout drops.
    pub random: Option<Tensor>,
}

impl Pass {
    /// Evaluation: nothing is random.
    pub fn evaluate() -> Self {
        Self::default()
    }

    /// Training, with the key of this step's random numbers.
    pub fn train(random: Tensor) -> Self {
        Self { random: Some(random) }
    }
}

/// What a layer needs to be built.
pub struct Site<'a> {
    /// Where its variables live.
    pub device: &'a Device,
    /// Seed of the run.
    pub seed: u64,
    /// The layer's number in the model: decides its random streams.
    pub index: usize,
    /// Prefix of its variables' names, `layers.0`.
    pub path: String,
}

impl Site<'_> {
    /// An error about this layer.
    pub fn error(&self, layer: &Layer, message: impl Into<String>) -> Error {
        Error::Layer { index: self.index, layer: layer.to_string(), message: message.into() }
    }
}

/// A layer's configuration, as a recipe writes it: `{ kind = "linear", units = 128 }`.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// y = x W + b.
    Linear(Linear),
    /// All axes of a sample as one.
    Flatten(Flatten),
    /// max(x, 0).
    Relu(Activation),
    /// x Φ(x).
    Gelu(Activation),
    /// x Φ(x) by tanh.
    GeluTanh(Activation),
    /// x sigmoid(x).
    Silu(Activation),
    /// x tanh(ln(1 + eˣ)).
    Mish(Activation),
    /// x clamp(x/6 + 1/2, 0, 1).
    Hardswish(Activation),
    /// x where positive, alpha x elsewhere.
    LeakyRelu(LeakyRelu),
    /// x where positive, alpha (eˣ − 1) elsewhere.
    Elu(Elu),
    /// tanh x.
    Tanh(Activation),
    /// 1/(1 + e⁻ˣ).
    Sigmoid(Activation),
    /// Sets values to zero at random while training.
    Dropout(Dropout),
}

kinds!(Layer, "a layer" {
    "linear" => Linear(Linear),
    "flatten" => Flatten(Flatten),
    "relu" => Relu(Activation),
    "gelu" => Gelu(Activation),
    "gelu_tanh" => GeluTanh(Activation),
    "silu" => Silu(Activation),
    "mish" => Mish(Activation),
    "hardswish" => Hardswish(Activation),
    "leaky_relu" => LeakyRelu(LeakyRelu),
    "elu" => Elu(Elu),
    "tanh" => Tanh(Activation),
    "sigmoid" => Sigmoid(Activation),
    "dropout" => Dropout(Dropout),
});

/// The forward pass of a built layer.
pub(crate) type Forward = Box<dyn Fn(&Tensor, &Pass) -> Tensor + Send + Sync>;

/// A built layer.
pub(crate) struct Built {
    pub(crate) parameters: Vec<Variable>,
    /// Shape of one sample behind the layer.
    pub(crate) output: Vec<usize>,
    pub(crate) forward: Forward,
}

impl Layer {
    /// Builds the layer for samples of shape `input` (batch axis left out).
    pub(crate) fn build(&self, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        match self {
            Layer::Linear(linear) => linear.build(self, input, site),
            Layer::Flatten(flatten) => Ok(flatten.build(input)),
            Layer::Dropout(dropout) => dropout.build(self, input, site),
            Layer::Relu(a) => Ok(a.build(input, Tensor::relu)),
            Layer::Gelu(a) => Ok(a.build(input, Tensor::gelu)),
            Layer::GeluTanh(a) => Ok(a.build(input, Tensor::gelu_tanh)),
            Layer::Silu(a) => Ok(a.build(input, Tensor::silu)),
            Layer::Mish(a) => Ok(a.build(input, Tensor::mish)),
            Layer::Hardswish(a) => Ok(a.build(input, Tensor::hardswish)),
            Layer::LeakyRelu(l) => Ok(l.build(input)),
            Layer::Elu(e) => Ok(e.build(input)),
            Layer::Tanh(a) => Ok(a.build(input, Tensor::tanh)),
            Layer::Sigmoid(a) => Ok(a.build(input, Tensor::sigmoid)),
        }
    }

    /// Whether a training pass needs random numbers.
    pub fn is_random(&self) -> bool {
        matches!(self, Layer::Dropout(_))
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Layer::Linear(l) => write!(f, "linear {}", l.units),
            Layer::Flatten(_) => f.write_str("flatten"),
            Layer::Relu(_) => f.write_str("relu"),
            Layer::Gelu(_) => f.write_str("gelu"),
            Layer::GeluTanh(_) => f.write_str("gelu_tanh"),
            Layer::Silu(_) => f.write_str("silu"),
            Layer::Mish(_) => f.write_str("mish"),
            Layer::Hardswish(_) => f.write_str("hardswish"),
            Layer::LeakyRelu(l) => write!(f, "leaky_relu {}", l.alpha),
            Layer::Elu(e) => write!(f, "elu {}", e.alpha),
            Layer::Tanh(_) => f.write_str("tanh"),
            Layer::Sigmoid(_) => f.write_str("sigmoid"),
            Layer::Dropout(d) => write!(f, "dropout {}", d.ratio),
        }
    }
}
