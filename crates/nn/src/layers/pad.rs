//! A border around images: [channels, height, width] → [channels, height + 2·padding, width + 2·padding].

use super::{Built, Layer, Pair, Site};
use crate::Error;
use crate::recipe::{names, record};
use wgrad_tensor::Tensor;
use wgrad_tensor::kernels::Op;
use wgrad_tensor::kernels::ops::{Pad, PadMode};
use wgrad_tensor::{DType, TensorType};

/// What a border shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// One value.
    Constant,
    /// The image, mirrored about its outermost pixels.
    Reflect,
    /// The outermost pixels.
    Replicate,
    /// The image from its other side.
    Circular,
}

names!(Border { "constant" => Constant, "reflect" => Reflect, "replicate" => Replicate, "circular" => Circular });

/// A border around images.
#[derive(Debug, Clone, PartialEq)]
pub struct Pad2d {
    /// Its width on both sides.
    pub padding: Pair,
    /// What it shows.
    pub mode: Border,
    /// The value of a constant border.
    pub value: f64,
}

record!(Pad2d, "a pad2d layer" { padding: required, mode: or(Border::Constant), value: or(0.0) });

impl Pad2d {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        if input.len() != 3 {
            return Err(site.error(layer, format!("it takes samples of three axes, [channels, height, width], and is given {input:?}")));
        }
        let mode = match self.mode {
            Border::Constant => PadMode::Constant,
            Border::Reflect => PadMode::Reflect,
            Border::Replicate => PadMode::Edge,
            Border::Circular => PadMode::Wrap,
        };
        let side = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (h, w) = (side(self.padding.h), side(self.padding.w));
        let op: Op = Pad { pads: vec![0, 0, h, w, 0, 0, h, w], mode, value: self.value }.into();
        let sample = TensorType::new([&[1], input].concat(), DType::F32);
        let padded = op.infer(&[sample]).map_err(|e| site.error(layer, format!("samples of {input:?}: {}", e.message)))?;
        let output = padded[0].shape[1..].to_vec();
        Ok(Built::new(Vec::new(), output, move |x: &Tensor, _| x.apply(op.clone(), &[])))
    }
}
