//! Models: something with parameters and a forward pass, and the sequential kind.

use crate::layers::{AdaptiveAvgPool1d, Chain, Clamp, Conv2d, Layer, Linear, MaxPool2d, Padding, Pair, Pass};
use crate::summary::Row;
use crate::{Dropout, Error};
use wgrad_tensor::{Device, Tensor, Variable};

/// What the trainer needs of a model. Implement it for a network that is not a chain.
pub trait Model: Send + Sync {
    /// The output for a batch: x [batch, input shape…] → [batch, output shape…].
    fn forward(&self, x: &Tensor, pass: &Pass) -> Tensor;

    /// Every parameter, in a fixed order, each with a name of its own.
    fn parameters(&self) -> Vec<Variable>;

    /// Every variable that is not trained but belongs to the network, such as running statistics, in a fixed order, each with a name
    /// of its own. Checkpoints hold them. A training pass gives them new values by [`Pass::update`].
    fn buffers(&self) -> Vec<Variable> {
        Vec::new()
    }

    /// The fewest samples of a batch that it can train on.
    fn least_batch(&self) -> usize {
        1
    }

    /// Shape of one sample of the input.
    fn input_shape(&self) -> &[usize];

    /// Shape of one sample of the output.
    fn output_shape(&self) -> &[usize];

    /// Path of the layer whose output, [batch, channels, height, width], shows best where the network looks: what
    /// [`Predictor::explain`](crate::Predictor::explain) takes for Grad-CAM. The forward pass must [tell](Pass::tell) it.
    fn feature_maps(&self) -> Option<String> {
        None
    }

    /// Values of the largest activation of a sample: bounds the batches of evaluation.
    fn largest_activation(&self) -> usize {
        self.input_shape().iter().product::<usize>().max(self.output_shape().iter().product())
    }

    /// Whether a training pass draws random numbers.
    fn is_random(&self) -> bool {
        false
    }

    /// A table for people: layers, output shapes, numbers of parameters.
    fn summary(&self) -> String;

    /// The structure as text: equal for models whose checkpoints fit each other.
    fn fingerprint(&self) -> String {
        let names = self.parameters().iter().chain(&self.buffers()).map(|p| format!("{} {}", p.name(), p.ty().shape)).collect::<Vec<_>>();
        names.join("; ")
    }
}

/// Layers one after the other.
pub struct Sequential {
    chain: Chain,
    input: Vec<usize>,
}

/// Layers to be built. [`Sequential::new`] starts one.
#[derive(Debug, Clone)]
pub struct SequentialBuilder {
    input: Vec<usize>,
    layers: Vec<Layer>,
}

impl Sequential {
    /// Starts a model for samples of shape `input` (batch axis left out).
    #[expect(clippy::new_ret_no_self, reason = "a model exists only once its shapes are checked: `build` makes it")]
    pub fn new(input: impl Into<Vec<usize>>) -> SequentialBuilder {
        SequentialBuilder { input: input.into(), layers: Vec::new() }
    }

    /// Every layer with its shapes, parameters and operations; those inside containers stand behind their container.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        self.chain.walk(&mut |depth, name, part| rows.push(Row::of(depth, name, part)));
        rows
    }
}

impl SequentialBuilder {
    /// Appends a layer.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Appends layers.
    pub fn layers(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.layers.extend(layers);
        self
    }

    /// Appends a fully connected layer of `units` outputs.
    pub fn linear(self, units: usize) -> Self {
        self.layer(Layer::Linear(Linear::new(units)))
    }

    /// Appends a convolution with bias that keeps height and width; another stride or padding takes
    /// [`layer`](SequentialBuilder::layer) with a [`Conv2d`].
    pub fn conv2d(self, channels: usize, kernel_size: impl Into<Pair>) -> Self {
        self.layer(Layer::Conv2d(Conv2d { padding: Padding::Same, ..Conv2d::new(channels, kernel_size) }))
    }

    /// Appends a maximum over windows side by side.
    pub fn max_pool2d(self, kernel_size: impl Into<Pair>) -> Self {
        self.layer(Layer::MaxPool2d(MaxPool2d::new(kernel_size)))
    }

    /// Appends the mean of each channel.
    pub fn global_avg_pool2d(self) -> Self {
        self.layer(Layer::GlobalAvgPool2d(Default::default()))
    }

    /// Appends the largest value of each channel.
    pub fn global_max_pool2d(self) -> Self {
        self.layer(Layer::GlobalMaxPool2d(Default::default()))
    }

    /// Appends the mean of each channel of samples [channels, length].
    pub fn global_avg_pool1d(self) -> Self {
        self.layer(Layer::GlobalAvgPool1d(Default::default()))
    }

    /// Appends means over `output_size` windows that share the length of samples [channels, length] out.
    pub fn adaptive_avg_pool1d(self, output_size: usize) -> Self {
        self.layer(Layer::AdaptiveAvgPool1d(AdaptiveAvgPool1d { output_size }))
    }

    /// Appends bounds for every value.
    pub fn clamp(self, min: f64, max: f64) -> Self {
        self.layer(Layer::Clamp(Clamp { min: Some(min), max: Some(max) }))
    }

    /// Flattens each sample.
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten(Default::default()))
    }

    /// Appends a relu.
    pub fn relu(self) -> Self {
        self.layer(Layer::Relu(Default::default()))
    }

    /// Appends a dropout.
    pub fn dropout(self, ratio: f64) -> Self {
        self.layer(Layer::Dropout(Dropout { ratio }))
    }

    /// Appends a batch norm with the usual settings.
    pub fn batch_norm(self) -> Self {
        self.layer(Layer::BatchNorm(Default::default()))
    }

    /// Checks every shape and puts the parameters on the device, filled from `seed`.
    ///
    /// # Errors
    /// [`Error::Layer`] names the layer that does not fit and both shapes; a device error where memory runs out.
    pub fn build(self, device: &Device, seed: u64) -> Result<Sequential, Error> {
        let chain = Chain::network(&self.layers, &self.input, device, seed)?;
        Ok(Sequential { chain, input: self.input })
    }
}

impl Model for Sequential {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Tensor {
        self.chain.forward(x, pass)
    }

    fn parameters(&self) -> Vec<Variable> {
        self.chain.parameters()
    }

    fn buffers(&self) -> Vec<Variable> {
        self.chain.buffers()
    }

    fn least_batch(&self) -> usize {
        self.chain.least_batch()
    }

    fn input_shape(&self) -> &[usize] {
        &self.input
    }

    fn output_shape(&self) -> &[usize] {
        &self.chain.output
    }

    fn largest_activation(&self) -> usize {
        let mut largest: usize = self.input.iter().product();
        self.chain.walk(&mut |_, _, part| largest = largest.max(part.built.output.iter().product::<usize>()));
        largest
    }

    fn feature_maps(&self) -> Option<String> {
        self.chain.feature_maps().map(|part| part.path.clone())
    }

    fn is_random(&self) -> bool {
        self.chain.parts.iter().any(|part| part.layer.is_random())
    }

    fn summary(&self) -> String {
        crate::summary::table(&self.input, &self.rows())
    }
}
