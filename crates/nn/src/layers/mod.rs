//! Layers: a configuration that is built, once its input shape is known, into variables and a forward pass.

mod activation;
mod block;
mod branches;
mod chain;
mod conv;
mod dropout;
mod flatten;
mod linear;
mod norm;
mod pad;
mod padding;
mod pair;
mod pool;
mod residual;
mod upsample;

pub use activation::{Activation, Clamp, Elu, Function, LeakyRelu};
pub use block::Block;
pub use branches::Branches;
pub(crate) use chain::{Chain, Part};
pub use conv::{Conv1d, Conv2d, ConvTranspose2d};
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use linear::Linear;
pub use norm::{BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RmsNorm};
pub use pad::{Border, Pad2d};
pub use padding::{LinePadding, Padding};
pub use pair::{Factors, Pair};
pub use pool::{AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, GlobalAvgPool1d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool1d, MaxPool2d};
pub use residual::Residual;
pub use upsample::{Upsample, UpsampleMode};

use crate::recipe::kinds;
use crate::{Error, Init};
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use wgrad_tensor::{Data, Device, Tensor, Variable};

/// What a forward pass is for.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// u32\[3\] = (seed low, seed high, step): where present, the pass trains and dropout drops.
    pub random: Option<Tensor>,
    /// Where present, the output of every layer is put here.
    watch: Option<Watch>,
    /// While training: what the pass makes of variables that are not trained.
    updates: Option<Updates>,
}

/// New values of variables.
type Updates = Arc<Mutex<Vec<(Variable, Tensor)>>>;

/// Outputs of layers, each with the layer's path, in the order in which they were made.
type Watch = Arc<Mutex<Vec<(String, Tensor)>>>;

impl Pass {
    /// Evaluation: nothing is random.
    pub fn evaluate() -> Self {
        Self::default()
    }

    /// Training, with the key of this step's random numbers. What the layers make of their buffers, such as running statistics, is
    /// to be taken from [`Pass::updates`] after the forward pass and made in the step that trains.
    pub fn train(random: Tensor) -> Self {
        Self { random: Some(random), updates: Some(Updates::default()), ..Self::default() }
    }

    /// Whether the pass trains.
    pub fn trains(&self) -> bool {
        self.updates.is_some()
    }

    /// Gives a buffer a new value, to be made in the training step; a pass that does not train ignores it.
    pub fn update(&self, buffer: &Variable, value: Tensor) {
        if let Some(updates) = &self.updates {
            updates.lock().unwrap_or_else(PoisonError::into_inner).push((buffer.clone(), value));
        }
    }

    /// The new values of buffers that the forward pass gave so far.
    pub fn updates(&self) -> Vec<(Variable, Tensor)> {
        self.updates.as_ref().map(|updates| updates.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// The same pass, which remembers the output of every layer for [`Pass::seen`].
    pub fn watching(self) -> Self {
        Self { watch: Some(Watch::default()), ..self }
    }

    /// What the layers gave so far, each under its path (`layers.3.body.0`), those inside a container before it; nothing
    /// unless the pass is [watching](Pass::watching).
    pub fn seen(&self) -> Vec<(String, Tensor)> {
        self.watch.as_ref().map(|watch| watch.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// Tells a watching pass the output of a layer.
    pub fn tell(&self, path: &str, output: &Tensor) {
        if let Some(watch) = &self.watch {
            watch.lock().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), output.clone()));
        }
    }
}

/// What a layer needs to be built.
pub struct Site<'a> {
    /// Where its variables live.
    pub device: &'a Device,
    /// Seed of the run.
    pub seed: u64,
    /// The layer's number in the model, layers inside of others counted too: decides its random streams.
    pub index: usize,
    /// Prefix of its variables' names, `layers.0`.
    pub path: String,
    /// Layers numbered so far.
    count: &'a Cell<usize>,
}

impl Site<'_> {
    /// An error about this layer.
    pub fn error(&self, layer: &Layer, message: impl Into<String>) -> Error {
        let path = self.path.strip_prefix("layers.").unwrap_or(&self.path).to_owned();
        Error::Layer { path, layer: layer.to_string(), message: message.into() }
    }

    /// The number of elements of a parameter of this layer, where the adapter can bind it.
    ///
    /// # Errors
    /// Names the layer, the parameter's shape and the limit.
    pub(crate) fn elements(&self, layer: &Layer, name: &str, shape: &[usize]) -> Result<usize, Error> {
        let most = (self.device.caps().max_binding_bytes / 4).min(u64::from(u32::MAX));
        let count = shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
        count.filter(|&n| n as u64 <= most).ok_or_else(|| {
            self.error(layer, format!("its {name} of shape {shape:?} has more than the {most} elements that this adapter reads at once; make it smaller"))
        })
    }

    /// A parameter of this layer, filled by `init` for a unit with `fans` inputs and outputs; `stream` tells it from the layer's
    /// others.
    pub(crate) fn parameter(&self, layer: &Layer, name: &str, shape: &[usize], init: Init, fans: [usize; 2], stream: u64) -> Result<Variable, Error> {
        let count = self.elements(layer, name, shape)?;
        let values = init.draw(count, fans[0], fans[1], self.seed, 2 * self.index as u64 + stream);
        Ok(Variable::new(self.device, format!("{}.{name}", self.path), &Data::f32(shape.to_vec(), &values)?)?)
    }

    /// The place of the next layer to be built, below this one.
    fn layer(&self, name: &str) -> Self {
        let index = self.count.replace(self.count.get() + 1);
        Self { index, ..self.within(name) }
    }

    /// A part of this layer.
    fn within(&self, name: &str) -> Self {
        Self { path: format!("{}.{name}", self.path), ..*self }
    }
}

/// A layer's configuration, as a recipe writes it: `{ kind = "linear", units = 128 }`.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// y = x W + b.
    Linear(Linear),
    /// A convolution of images.
    Conv2d(Conv2d),
    /// A convolution of rows.
    Conv1d(Conv1d),
    /// A transposed convolution of images.
    ConvTranspose2d(ConvTranspose2d),
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
    /// Between two bounds.
    Clamp(Clamp),
    /// tanh x.
    Tanh(Activation),
    /// 1/(1 + e⁻ˣ).
    Sigmoid(Activation),
    /// Sets values to zero at random while training.
    Dropout(Dropout),
    /// Normalises each channel of a batch.
    BatchNorm(BatchNorm),
    /// Normalises each sample's last axes.
    LayerNorm(LayerNorm),
    /// As `LayerNorm`, by the root of the mean square.
    RmsNorm(RmsNorm),
    /// Normalises groups of channels of a sample.
    GroupNorm(GroupNorm),
    /// Normalises each channel of a sample.
    InstanceNorm(InstanceNorm),
    /// The largest value of each window of an image.
    MaxPool2d(MaxPool2d),
    /// The largest value of each window of a line.
    MaxPool1d(MaxPool1d),
    /// The mean of each window of an image.
    AvgPool2d(AvgPool2d),
    /// The mean of each window of a line.
    AvgPool1d(AvgPool1d),
    /// The mean of windows that share an image out.
    AdaptiveAvgPool2d(AdaptiveAvgPool2d),
    /// The mean of windows that share a line out.
    AdaptiveAvgPool1d(AdaptiveAvgPool1d),
    /// The mean of each channel.
    GlobalAvgPool2d(GlobalAvgPool2d),
    /// The mean of each channel of a line.
    GlobalAvgPool1d(GlobalAvgPool1d),
    /// The largest value of each channel.
    GlobalMaxPool2d(GlobalMaxPool2d),
    /// Images in another size.
    Upsample(Upsample),
    /// A border around an image.
    Pad2d(Pad2d),
    /// Layers under one name.
    Block(Block),
    /// A body with a way around it.
    Residual(Residual),
    /// Parallel layers whose outputs are joined along the channels.
    Branches(Branches),
}

kinds!(Layer, "a layer", or crate::models::Network::expand as ["lenet", "vgg11", "resnet18", "inception"] {
    "linear" => Linear(Linear),
    "conv2d" => Conv2d(Conv2d),
    "conv1d" => Conv1d(Conv1d),
    "conv_transpose2d" => ConvTranspose2d(ConvTranspose2d),
    "flatten" => Flatten(Flatten),
    "relu" => Relu(Activation),
    "gelu" => Gelu(Activation),
    "gelu_tanh" => GeluTanh(Activation),
    "silu" => Silu(Activation),
    "mish" => Mish(Activation),
    "hardswish" => Hardswish(Activation),
    "leaky_relu" => LeakyRelu(LeakyRelu),
    "elu" => Elu(Elu),
    "clamp" => Clamp(Clamp),
    "tanh" => Tanh(Activation),
    "sigmoid" => Sigmoid(Activation),
    "dropout" => Dropout(Dropout),
    "batch_norm" => BatchNorm(BatchNorm),
    "layer_norm" => LayerNorm(LayerNorm),
    "rms_norm" => RmsNorm(RmsNorm),
    "group_norm" => GroupNorm(GroupNorm),
    "instance_norm" => InstanceNorm(InstanceNorm),
    "max_pool2d" => MaxPool2d(MaxPool2d),
    "max_pool1d" => MaxPool1d(MaxPool1d),
    "avg_pool2d" => AvgPool2d(AvgPool2d),
    "avg_pool1d" => AvgPool1d(AvgPool1d),
    "adaptive_avg_pool2d" => AdaptiveAvgPool2d(AdaptiveAvgPool2d),
    "adaptive_avg_pool1d" => AdaptiveAvgPool1d(AdaptiveAvgPool1d),
    "global_avg_pool2d" => GlobalAvgPool2d(GlobalAvgPool2d),
    "global_avg_pool1d" => GlobalAvgPool1d(GlobalAvgPool1d),
    "global_max_pool2d" => GlobalMaxPool2d(GlobalMaxPool2d),
    "upsample" => Upsample(Upsample),
    "pad2d" => Pad2d(Pad2d),
    "block" => Block(Block),
    "residual" => Residual(Residual),
    "branches" => Branches(Branches),
});

/// The forward pass of a built layer.
pub(crate) type Forward = Box<dyn Fn(&Tensor, &Pass) -> Tensor + Send + Sync>;

/// A built layer.
pub(crate) struct Built {
    /// Its own, without those of layers inside.
    pub(crate) parameters: Vec<Variable>,
    /// Shape of one sample behind the layer.
    pub(crate) output: Vec<usize>,
    pub(crate) forward: Forward,
    /// Its own variables that are not trained but belong to the network, such as running statistics.
    pub(crate) buffers: Vec<Variable>,
    /// The fewest samples of a batch that it can train on.
    pub(crate) least_batch: usize,
    /// What a container holds, under its name in the paths; empty for a block's own layers.
    pub(crate) inside: Vec<(String, Arc<Chain>)>,
}

impl Built {
    /// A layer that holds no others.
    pub(crate) fn new(parameters: Vec<Variable>, output: Vec<usize>, forward: impl Fn(&Tensor, &Pass) -> Tensor + Send + Sync + 'static) -> Self {
        Self { parameters, output, forward: Box::new(forward), buffers: Vec::new(), least_batch: 1, inside: Vec::new() }
    }

    /// Its parameters, then those of the layers inside.
    pub(crate) fn parameters(&self) -> Vec<Variable> {
        self.parameters.iter().cloned().chain(self.inside.iter().flat_map(|(_, chain)| chain.parameters())).collect()
    }

    /// Its buffers, then those of the layers inside.
    pub(crate) fn buffers(&self) -> Vec<Variable> {
        self.buffers.iter().cloned().chain(self.inside.iter().flat_map(|(_, chain)| chain.buffers())).collect()
    }

    /// The fewest samples of a batch that it and the layers inside can train on.
    pub(crate) fn least_batch(&self) -> usize {
        self.inside.iter().map(|(_, chain)| chain.least_batch()).fold(self.least_batch, usize::max)
    }
}

impl Layer {
    /// Builds the layer for samples of shape `input` (batch axis left out).
    pub(crate) fn build(&self, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        match self {
            Layer::Linear(linear) => linear.build(self, input, site),
            Layer::Conv2d(conv) => conv.build(self, input, site),
            Layer::Conv1d(conv) => conv.build(self, input, site),
            Layer::ConvTranspose2d(conv) => conv.build(self, input, site),
            Layer::Flatten(flatten) => Ok(flatten.build(input)),
            Layer::Dropout(dropout) => dropout.build(self, input, site),
            Layer::BatchNorm(n) => n.build(self, input, site),
            Layer::LayerNorm(n) => n.build(self, input, site),
            Layer::RmsNorm(n) => n.build(self, input, site),
            Layer::GroupNorm(n) => n.build(self, input, site),
            Layer::InstanceNorm(n) => n.build(self, input, site),
            Layer::Relu(a) => Ok(a.build(input, Tensor::relu)),
            Layer::Gelu(a) => Ok(a.build(input, Tensor::gelu)),
            Layer::GeluTanh(a) => Ok(a.build(input, Tensor::gelu_tanh)),
            Layer::Silu(a) => Ok(a.build(input, Tensor::silu)),
            Layer::Mish(a) => Ok(a.build(input, Tensor::mish)),
            Layer::Hardswish(a) => Ok(a.build(input, Tensor::hardswish)),
            Layer::LeakyRelu(l) => Ok(l.build(input)),
            Layer::Elu(e) => Ok(e.build(input)),
            Layer::Clamp(c) => c.build(self, input, site),
            Layer::Tanh(a) => Ok(a.build(input, Tensor::tanh)),
            Layer::Sigmoid(a) => Ok(a.build(input, Tensor::sigmoid)),
            Layer::MaxPool2d(p) => p.build(self, input, site),
            Layer::MaxPool1d(p) => p.build(self, input, site),
            Layer::AvgPool2d(p) => p.build(self, input, site),
            Layer::AvgPool1d(p) => p.build(self, input, site),
            Layer::AdaptiveAvgPool2d(p) => p.build(self, input, site),
            Layer::AdaptiveAvgPool1d(p) => p.build(self, input, site),
            Layer::GlobalAvgPool2d(_) => pool::whole(self, input, site, 3, |x| x.mean_axes(&[2, 3], false)),
            Layer::GlobalAvgPool1d(_) => pool::whole(self, input, site, 2, |x| x.mean_axes(&[2], false)),
            Layer::GlobalMaxPool2d(_) => pool::whole(self, input, site, 3, |x| x.max_axes(&[2, 3], false)),
            Layer::Upsample(u) => u.build(self, input, site),
            Layer::Pad2d(p) => p.build(self, input, site),
            Layer::Block(block) => block.build(input, site),
            Layer::Residual(residual) => residual.build(self, input, site),
            Layer::Branches(branches) => branches.build(self, input, site),
        }
    }

    /// The lists of layers inside a container; none for other layers.
    pub fn inside(&self) -> Vec<&[Layer]> {
        match self {
            Layer::Block(block) => vec![&block.layers],
            Layer::Residual(residual) => std::iter::once(&residual.body).chain(&residual.shortcut).map(Vec::as_slice).collect(),
            Layer::Branches(branches) => branches.branches.iter().map(Vec::as_slice).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a training pass needs random numbers, for this layer or one inside.
    pub fn is_random(&self) -> bool {
        matches!(self, Layer::Dropout(_)) || self.inside().into_iter().flatten().any(Layer::is_random)
    }

    /// How many places of a sample its weight is applied at, from the shapes before and behind it; 0 for layers whose weight, if
    /// any, multiplies no matrix. See [`Row::flops`](crate::summary::Row::flops).
    pub(crate) fn places(&self, input: &[usize], output: &[usize]) -> usize {
        match self {
            Layer::Linear(_) => 1,
            Layer::Conv2d(_) | Layer::Conv1d(_) => output[1..].iter().product(),
            Layer::ConvTranspose2d(_) => input[1..].iter().product(),
            _ => 0,
        }
    }

    /// Whether it is a convolution of images, or holds one.
    pub(crate) fn convolves(&self) -> bool {
        matches!(self, Layer::Conv2d(_) | Layer::ConvTranspose2d(_)) || self.inside().into_iter().flatten().any(Layer::convolves)
    }

    /// Whether it leaves every value where it is: an activation, a norm, dropout.
    pub(crate) fn is_pointwise(&self) -> bool {
        use Layer::{
            BatchNorm, Clamp, Dropout, Elu, Gelu, GeluTanh, GroupNorm, Hardswish, InstanceNorm, LayerNorm, LeakyRelu, Mish, Relu, RmsNorm, Sigmoid, Silu, Tanh,
        };
        let activation = matches!(self, Relu(_) | Gelu(_) | GeluTanh(_) | Silu(_) | Mish(_) | Hardswish(_) | LeakyRelu(_) | Elu(_) | Tanh(_) | Sigmoid(_));
        activation || matches!(self, Clamp(_) | Dropout(_) | BatchNorm(_) | LayerNorm(_) | RmsNorm(_) | GroupNorm(_) | InstanceNorm(_))
    }

    /// The name that stands for its number in paths; only blocks have one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Layer::Block(block) => block.name.as_deref(),
            _ => None,
        }
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Layer::Linear(Linear { units: Some(units), .. }) => write!(f, "linear {units}"),
            Layer::Linear(_) => f.write_str("linear"),
            Layer::Conv2d(c) => write!(f, "conv2d {} of {}", c.channels, c.kernel_size),
            Layer::Conv1d(c) => write!(f, "conv1d {} of {}", c.channels, c.kernel_size),
            Layer::ConvTranspose2d(c) => write!(f, "conv_transpose2d {} of {}", c.channels, c.kernel_size),
            Layer::Flatten(_) => f.write_str("flatten"),
            Layer::Relu(_) => f.write_str("relu"),
            Layer::Gelu(_) => f.write_str("gelu"),
            Layer::GeluTanh(_) => f.write_str("gelu_tanh"),
            Layer::Silu(_) => f.write_str("silu"),
            Layer::Mish(_) => f.write_str("mish"),
            Layer::Hardswish(_) => f.write_str("hardswish"),
            Layer::LeakyRelu(l) => write!(f, "leaky_relu {}", l.alpha),
            Layer::Elu(e) => write!(f, "elu {}", e.alpha),
            Layer::Clamp(c) => write!(f, "clamp {c}"),
            Layer::Tanh(_) => f.write_str("tanh"),
            Layer::Sigmoid(_) => f.write_str("sigmoid"),
            Layer::Dropout(d) => write!(f, "dropout {}", d.ratio),
            Layer::BatchNorm(_) => f.write_str("batch_norm"),
            Layer::LayerNorm(_) => f.write_str("layer_norm"),
            Layer::RmsNorm(_) => f.write_str("rms_norm"),
            Layer::GroupNorm(n) => write!(f, "group_norm {}", n.groups),
            Layer::InstanceNorm(_) => f.write_str("instance_norm"),
            Layer::MaxPool2d(p) => write!(f, "max_pool2d {}", p.kernel_size),
            Layer::MaxPool1d(p) => write!(f, "max_pool1d {}", p.kernel_size),
            Layer::AvgPool2d(p) => write!(f, "avg_pool2d {}", p.kernel_size),
            Layer::AvgPool1d(p) => write!(f, "avg_pool1d {}", p.kernel_size),
            Layer::AdaptiveAvgPool2d(p) => write!(f, "adaptive_avg_pool2d {}", p.output_size),
            Layer::AdaptiveAvgPool1d(p) => write!(f, "adaptive_avg_pool1d {}", p.output_size),
            Layer::GlobalAvgPool2d(_) => f.write_str("global_avg_pool2d"),
            Layer::GlobalAvgPool1d(_) => f.write_str("global_avg_pool1d"),
            Layer::GlobalMaxPool2d(_) => f.write_str("global_max_pool2d"),
            Layer::Pad2d(p) => write!(f, "pad2d {} {}", p.padding, p.mode.name()),
            Layer::Upsample(u) => write!(f, "upsample {}", u.mode.name()),
            Layer::Block(_) => f.write_str("block"),
            Layer::Residual(r) => write!(f, "residual{}{}", if r.activation.is_some() { ", then " } else { "" }, r.activation.map_or("", Function::name)),
            Layer::Branches(b) => write!(f, "branches {}", b.branches.len()),
        }
    }
}
