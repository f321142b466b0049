//! Convolutions: y = w ∗ x + b, of images [C, H, W] or rows [C, L] a sample.

use super::{Built, Layer, LinePadding, Padding, Pair, Pass, Site};
use crate::recipe::record;
use crate::{Error, Init};
use wgrad_tensor::kernels::ops::{Conv2d as Conv2dOp, ConvTranspose2d as ConvTranspose2dOp, Window};
use wgrad_tensor::kernels::{DType, Op, TensorType};
use wgrad_tensor::{Tensor, Variable};

/// A convolution of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv2d {
    /// Channels of the output.
    pub channels: usize,
    /// Height and width of the window.
    pub kernel_size: Pair,
    /// Pixels from one place of the window to the next.
    pub stride: Pair,
    /// Zeros around the image.
    pub padding: Padding,
    /// Pixels from one tap of the window to the next.
    pub dilation: Pair,
    /// Groups of channels that do not see each other; as many as channels: depthwise.
    pub groups: usize,
    /// Whether there is a bias for each channel.
    pub bias: bool,
    /// How the weights are filled; fans count the window's taps.
    pub init: Init,
}

record!(Conv2d, "a conv2d layer" {
    channels: required,
    kernel_size: required,
    stride: or(Pair::both(1)),
    padding: or(Padding::default()),
    dilation: or(Pair::both(1)),
    groups: or(1),
    bias: or(true),
    init: or(Init::Default),
});

impl Conv2d {
    /// A convolution with bias, stride 1 and no padding.
    pub fn new(channels: usize, kernel_size: impl Into<Pair>) -> Self {
        let one = Pair::both(1);
        let padding = Padding::default();
        Self { channels, kernel_size: kernel_size.into(), stride: one, padding, dilation: one, groups: 1, bias: true, init: Init::Default }
    }

    /// The same with zeros around the image.
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.padding = padding.into();
        self
    }

    /// The same with this stride.
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.stride = stride.into();
        self
    }

    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let &[channels, height, width] = input else {
            return Err(site.error(layer, format!("it takes images, [channels, height, width], and is given {input:?}")));
        };
        counted(layer, site, self.channels, self.groups, [self.kernel_size, self.stride, self.dilation])?;
        let (kernel, strides, dilations) = (self.kernel_size.array(), self.stride.array(), self.dilation.array());
        let reach = [0, 1].map(|a| dilations[a].saturating_mul(kernel[a] - 1).saturating_add(1));
        let window = Window { strides, pads: self.padding.sides([height, width], reach, strides), dilations, group: self.groups };
        if !channels.is_multiple_of(self.groups) || !self.channels.is_multiple_of(self.groups) {
            let message = format!("its {} groups must divide the {channels} channels of {input:?} and its own {} channels", self.groups, self.channels);
            return Err(site.error(layer, message));
        }
        let shape = [self.channels, channels / self.groups, kernel[0], kernel[1]];
        site.elements(layer, "weight", &shape)?;
        let types = [[1, channels, height, width], shape].map(|s| TensorType::new(s, DType::F32));
        let output = shape_of(Conv2dOp::new(window.clone()), &types).map_err(|message| site.error(layer, message))?;
        let taps = kernel[0] * kernel[1];
        let (weight, bias) = variables(layer, site, &shape, [shape[1] * taps, self.channels * taps], self.init, self.bias.then_some(self.channels))?;
        let parameters = std::iter::once(weight.clone()).chain(bias.clone()).collect();
        let forward = move |x: &Tensor, _: &Pass| with_bias(&x.conv2d(&weight.value(), &window), bias.as_ref());
        Ok(Built::new(parameters, output, forward))
    }
}

/// A convolution of rows [C, L].
#[derive(Debug, Clone, PartialEq)]
pub struct Conv1d {
    /// Channels of the output.
    pub channels: usize,
    /// Length of the window.
    pub kernel_size: usize,
    /// Elements from one place of the window to the next.
    pub stride: usize,
    /// Zeros before and behind the row.
    pub padding: LinePadding,
    /// Elements from one tap of the window to the next.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether there is a bias for each channel.
    pub bias: bool,
    /// How the weights are filled.
    pub init: Init,
}

record!(Conv1d, "a conv1d layer" {
    channels: required,
    kernel_size: required,
    stride: or(1),
    padding: or(LinePadding::default()),
    dilation: or(1),
    groups: or(1),
    bias: or(true),
    init: or(Init::Default),
});

impl Conv1d {
    /// A convolution with bias, stride 1 and no padding.
    pub fn new(channels: usize, kernel_size: usize) -> Self {
        let padding = LinePadding::default();
        Self { channels, kernel_size, stride: 1, padding, dilation: 1, groups: 1, bias: true, init: Init::Default }
    }

    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let &[channels, length] = input else {
            return Err(site.error(layer, format!("it takes rows, [channels, length], and is given {input:?}")));
        };
        let high = Conv2d {
            channels: self.channels,
            kernel_size: Pair::new(1, self.kernel_size),
            stride: Pair::new(1, self.stride),
            padding: self.padding.into(),
            dilation: Pair::new(1, self.dilation),
            groups: self.groups,
            bias: self.bias,
            init: self.init,
        };
        let built = high.build(layer, &[channels, 1, length], site)?;
        let (output, inner) = (vec![built.output[0], built.output[2]], built.forward);
        let shape = built.output;
        let forward = move |x: &Tensor, pass: &Pass| {
            let n = x.shape()[0] as i64;
            let y = inner(&x.reshape(&[n, channels as i64, 1, length as i64]), pass);
            y.reshape(&[n, shape[0] as i64, shape[2] as i64])
        };
        Ok(Built::new(built.parameters, output, forward))
    }
}

/// A transposed convolution of images: it makes them larger where its stride is above 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvTranspose2d {
    /// Channels of the output.
    pub channels: usize,
    /// Height and width of the window.
    pub kernel_size: Pair,
    /// Pixels of the output from one input pixel to the next.
    pub stride: Pair,
    /// Rows and columns cut off on each side.
    pub padding: Pair,
    /// Rows and columns added at the bottom and the right, less than the stride.
    pub output_padding: Pair,
    /// Pixels from one tap of the window to the next.
    pub dilation: Pair,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether there is a bias for each channel.
    pub bias: bool,
    /// How the weights are filled.
    pub init: Init,
}

record!(ConvTranspose2d, "a conv_transpose2d layer" {
    channels: required,
    kernel_size: required,
    stride: or(Pair::both(1)),
    padding: or(Pair::both(0)),
    output_padding: or(Pair::both(0)),
    dilation: or(Pair::both(1)),
    groups: or(1),
    bias: or(true),
    init: or(Init::Default),
});

impl ConvTranspose2d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let &[channels, height, width] = input else {
            return Err(site.error(layer, format!("it takes images, [channels, height, width], and is given {input:?}")));
        };
        counted(layer, site, self.channels, self.groups, [self.kernel_size, self.stride, self.dilation])?;
        let Pair { h, w } = self.padding;
        let window = Window { strides: self.stride.array(), pads: [h, w, h, w], dilations: self.dilation.array(), group: self.groups };
        if !self.channels.is_multiple_of(self.groups) {
            return Err(site.error(layer, format!("its {} groups must divide its {} channels", self.groups, self.channels)));
        }
        let shape = [channels, self.channels / self.groups, self.kernel_size.h, self.kernel_size.w];
        site.elements(layer, "weight", &shape)?;
        let types = [[1, channels, height, width], shape].map(|s| TensorType::new(s, DType::F32));
        let output_padding = self.output_padding.array();
        let op = ConvTranspose2dOp { window: window.clone(), output_padding, epilogue: None };
        let output = shape_of(op, &types).map_err(|message| site.error(layer, message))?;
        let taps = self.kernel_size.h * self.kernel_size.w;
        // PyTorch counts the fans by the axes of the weight, which are those of the convolution that this is the transpose of.
        let (weight, bias) = variables(layer, site, &shape, [shape[1] * taps, channels * taps], self.init, self.bias.then_some(self.channels))?;
        let parameters = std::iter::once(weight.clone()).chain(bias.clone()).collect();
        let forward = move |x: &Tensor, _: &Pass| with_bias(&x.conv_transpose2d(&weight.value(), &window, output_padding), bias.as_ref());
        Ok(Built::new(parameters, output, forward))
    }
}

/// Whether the numbers count something; `windows` are kernel size, stride and dilation.
fn counted(layer: &Layer, site: &Site<'_>, channels: usize, groups: usize, windows: [Pair; 3]) -> Result<(), Error> {
    let numbers = windows.iter().flat_map(|p| p.array());
    if channels == 0 || groups == 0 || numbers.clone().any(|n| n == 0) {
        return Err(site.error(layer, "channels, kernel_size, stride, dilation and groups must all be at least 1"));
    }
    match numbers.max() {
        Some(n) if n > 1 << 16 => Err(site.error(layer, format!("kernel_size, stride and dilation may be up to 65536, and one is {n}"))),
        _ => Ok(()),
    }
}

/// The shape of a sample behind an op, or what its rule says.
fn shape_of(op: impl Into<Op>, types: &[TensorType]) -> Result<Vec<usize>, String> {
    match op.into().infer(types) {
        Ok(made) => Ok(made[0].shape[1..].to_vec()),
        Err(e) => Err(e.to_string()),
    }
}

/// Weight and bias; `fans` are those of the weight: in, out.
fn variables(
    layer: &Layer,
    site: &Site<'_>,
    shape: &[usize],
    fans: [usize; 2],
    init: Init,
    bias: Option<usize>,
) -> Result<(Variable, Option<Variable>), Error> {
    let weight = site.parameter(layer, "weight", shape, init, fans, 0)?;
    // As for a linear layer: PyTorch's bias, or none to begin with where the weights are filled otherwise.
    let bias_init = if init == Init::Default { Init::Default } else { Init::Zeros };
    let bias = bias.map(|n| site.parameter(layer, "bias", &[n], bias_init, fans, 1)).transpose()?;
    Ok((weight, bias))
}

/// One number for each channel; it becomes a part of the convolution's launch.
fn with_bias(y: &Tensor, bias: Option<&Variable>) -> Tensor {
    match bias {
        Some(bias) => {
            let bias = bias.value();
            let channels = bias.shape()[0] as i64;
            y + &bias.reshape(&[channels, 1, 1])
        }
        None => y.clone(),
    }
}
