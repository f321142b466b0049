//! Larger images: [channels, height, width] → [channels, height', width'].

use super::pool::images;
use super::{Built, Factors, Layer, Pair, Site};
use crate::Error;
use crate::recipe::{names, record};
use wgrad_tensor::kernels::ops::{Interpolate, InterpolateMode};

/// Where new pixels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpsampleMode {
    /// The nearest pixel.
    Nearest,
    /// The four around, by their distances.
    Bilinear,
}

names!(UpsampleMode { "nearest" => Nearest, "bilinear" => Bilinear });

/// Images in another size.
#[derive(Debug, Clone, PartialEq)]
pub struct Upsample {
    /// How many times as large, fractions too (the size is rounded down); or else `size` is given.
    pub scale_factor: Option<Factors>,
    /// The new height and width.
    pub size: Option<Pair>,
    /// Where new pixels come from.
    pub mode: UpsampleMode,
    /// For bilinear: whether corners lie on corners.
    pub align_corners: bool,
}

record!(Upsample, "an upsample layer" { scale_factor: optional, size: optional, mode: or(UpsampleMode::Nearest), align_corners: or(false) });

impl Upsample {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let mode = match self.mode {
            UpsampleMode::Nearest => InterpolateMode::Nearest,
            UpsampleMode::Bilinear => InterpolateMode::Bilinear,
        };
        let op = match (self.scale_factor, self.size) {
            (Some(Factors { h, w }), None) => Interpolate::by(mode, [h, w]),
            (None, Some(size)) => Interpolate::to(mode, size.array()),
            _ => return Err(site.error(layer, "give it either `scale_factor` or `size`")),
        };
        images(Interpolate { align_corners: self.align_corners, ..op }, layer, input, site)
    }
}
