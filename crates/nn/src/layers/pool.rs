//! Pooling: windows over the height and the width of samples [channels, height, width], or over the length of [channels, length].

use super::{Built, Layer, Pair, Site};
use crate::Error;
use crate::recipe::record;
use wgrad_tensor::kernels::{Op, ops};
use wgrad_tensor::{DType, Tensor, TensorType};

/// The largest value of each window.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxPool2d {
    /// A window.
    pub kernel_size: Pair,
    /// Steps from window to window; absent: `kernel_size`.
    pub stride: Option<Pair>,
    /// Padding on both sides, at most half a window.
    pub padding: Pair,
    /// Steps between the places of a window.
    pub dilation: Pair,
    /// Whether a last, incomplete window counts.
    pub ceil_mode: bool,
}

record!(MaxPool2d, "a max_pool2d layer" {
    kernel_size: required,
    stride: optional,
    padding: or(Pair::both(0)),
    dilation: or(Pair::both(1)),
    ceil_mode: or(false),
});

/// As [`MaxPool2d`], over one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxPool1d {
    /// A window.
    pub kernel_size: usize,
    /// Steps from window to window; absent: `kernel_size`.
    pub stride: Option<usize>,
    /// Padding on both sides, at most half a window.
    pub padding: usize,
    /// Steps between the places of a window.
    pub dilation: usize,
    /// Whether a last, incomplete window counts.
    pub ceil_mode: bool,
}

record!(MaxPool1d, "a max_pool1d layer" { kernel_size: required, stride: optional, padding: or(0), dilation: or(1), ceil_mode: or(false) });

/// The mean of each window.
#[derive(Debug, Clone, PartialEq)]
pub struct AvgPool2d {
    /// A window.
    pub kernel_size: Pair,
    /// Steps from window to window; absent: `kernel_size`.
    pub stride: Option<Pair>,
    /// Padding on both sides, at most half a window.
    pub padding: Pair,
    /// Whether a last, incomplete window counts.
    pub ceil_mode: bool,
    /// Whether padding counts, as zeros; true where a recipe says nothing.
    pub count_include_pad: bool,
}

record!(AvgPool2d, "an avg_pool2d layer" {
    kernel_size: required,
    stride: optional,
    padding: or(Pair::both(0)),
    ceil_mode: or(false),
    count_include_pad: or(true),
});

/// As [`AvgPool2d`], over one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct AvgPool1d {
    /// A window.
    pub kernel_size: usize,
    /// Steps from window to window; absent: `kernel_size`.
    pub stride: Option<usize>,
    /// Padding on both sides, at most half a window.
    pub padding: usize,
    /// Whether a last, incomplete window counts.
    pub ceil_mode: bool,
    /// Whether padding counts, as zeros; true where a recipe says nothing.
    pub count_include_pad: bool,
}

record!(AvgPool1d, "an avg_pool1d layer" { kernel_size: required, stride: optional, padding: or(0), ceil_mode: or(false), count_include_pad: or(true) });

/// The mean of windows that share an image out.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveAvgPool2d {
    /// Windows down and across.
    pub output_size: Pair,
}

record!(AdaptiveAvgPool2d, "an adaptive_avg_pool2d layer" { output_size: required });

/// The mean of each channel: [channels, height, width] → \[channels\].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GlobalAvgPool2d {}

record!(GlobalAvgPool2d, "a global_avg_pool2d layer" {});

/// The mean of windows that share a line out.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveAvgPool1d {
    /// Windows.
    pub output_size: usize,
}

record!(AdaptiveAvgPool1d, "an adaptive_avg_pool1d layer" { output_size: required });

/// The mean of each channel: [channels, length] → \[channels\].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GlobalAvgPool1d {}

record!(GlobalAvgPool1d, "a global_avg_pool1d layer" {});

/// The largest value of each channel: [channels, height, width] → \[channels\].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GlobalMaxPool2d {}

record!(GlobalMaxPool2d, "a global_max_pool2d layer" {});

/// The same padding on opposite sides: above, left, below, right.
fn sides(padding: Pair) -> [usize; 4] {
    [padding.h, padding.w, padding.h, padding.w]
}

impl MaxPool2d {
    /// Windows side by side.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        Self { kernel_size: kernel_size.into(), stride: None, padding: Pair::both(0), dilation: Pair::both(1), ceil_mode: false }
    }

    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let op = ops::MaxPool2d {
            kernel_shape: self.kernel_size.array(),
            strides: self.stride.unwrap_or(self.kernel_size).array(),
            pads: sides(self.padding),
            dilations: self.dilation.array(),
            ceil_mode: self.ceil_mode,
        };
        images(op, layer, input, site)
    }
}

impl MaxPool1d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let op = ops::MaxPool2d {
            kernel_shape: [1, self.kernel_size],
            strides: [1, self.stride.unwrap_or(self.kernel_size)],
            pads: [0, self.padding, 0, self.padding],
            dilations: [1, self.dilation],
            ceil_mode: self.ceil_mode,
        };
        lines(op, layer, input, site)
    }
}

impl AvgPool2d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let op = ops::AvgPool2d {
            kernel_shape: self.kernel_size.array(),
            strides: self.stride.unwrap_or(self.kernel_size).array(),
            pads: sides(self.padding),
            ceil_mode: self.ceil_mode,
            count_include_pad: self.count_include_pad,
        };
        images(op, layer, input, site)
    }
}

impl AvgPool1d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let op = ops::AvgPool2d {
            kernel_shape: [1, self.kernel_size],
            strides: [1, self.stride.unwrap_or(self.kernel_size)],
            pads: [0, self.padding, 0, self.padding],
            ceil_mode: self.ceil_mode,
            count_include_pad: self.count_include_pad,
        };
        lines(op, layer, input, site)
    }
}

impl AdaptiveAvgPool2d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        images(ops::AdaptiveAvgPool2d { output_size: self.output_size.array() }, layer, input, site)
    }
}

impl AdaptiveAvgPool1d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        lines(ops::AdaptiveAvgPool2d { output_size: [1, self.output_size] }, layer, input, site)
    }
}

/// A function that leaves one number of each channel of samples of `rank` axes.
pub(super) fn whole(layer: &Layer, input: &[usize], site: &Site<'_>, rank: usize, function: fn(&Tensor) -> Tensor) -> Result<Built, Error> {
    if input.len() != rank {
        let wanted = if rank == 3 { "three axes, [channels, height, width]" } else { "two axes, [channels, length]" };
        return Err(site.error(layer, format!("it takes samples of {wanted}, and is given {input:?}")));
    }
    if input[1..].contains(&0) {
        return Err(site.error(layer, format!("samples of {input:?} have channels without values")));
    }
    Ok(Built::new(Vec::new(), vec![input[0]], move |x, _| function(x)))
}

/// An op over images as a layer.
pub(super) fn images(op: impl Into<Op>, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
    if input.len() != 3 {
        return Err(site.error(layer, format!("it takes samples of three axes, [channels, height, width], and is given {input:?}")));
    }
    over(op.into(), layer, input, input, site)
}

/// An op over images as a layer over lines: images of height 1.
pub(super) fn lines(op: impl Into<Op>, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
    let &[channels, length] = input else {
        return Err(site.error(layer, format!("it takes samples of two axes, [channels, length], and is given {input:?}")));
    };
    over(op.into(), layer, input, &[channels, 1, length], site)
}

fn over(op: Op, layer: &Layer, input: &[usize], image: &[usize], site: &Site<'_>) -> Result<Built, Error> {
    let ty = TensorType::new([&[1], image].concat(), DType::F32);
    let pooled = op.infer(&[ty]).map_err(|e| site.error(layer, format!("samples of {input:?}: {}", e.message)))?;
    let shape = &pooled[0].shape;
    let (flat, image) = (input.len() == 2, image.to_vec());
    let output = if flat { vec![shape[1], shape[3]] } else { shape[1..].to_vec() };
    let ends = [image, output.clone()].map(|shape| std::iter::once(-1).chain(shape.iter().map(|&n| n as i64)).collect::<Vec<_>>());
    let forward = move |x: &Tensor, _: &super::Pass| {
        if flat { x.reshape(&ends[0]).apply(op.clone(), &[]).reshape(&ends[1]) } else { x.apply(op.clone(), &[]) }
    };
    Ok(Built::new(Vec::new(), output, forward))
}
