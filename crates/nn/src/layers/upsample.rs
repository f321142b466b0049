//! Larger images: [channels, height, width] → [channels, height', width'].

use super::pool::images;
use super::{Built, Layer, Pair, Site};
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
    /// How many times as large; or else `size` is given.
    pub scale_factor: Option<Pair>,
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
        let sizes = match (self.scale_factor, self.size, input) {
            (Some(factor), None, &[_, h, w]) => [h.saturating_mul(factor.h), w.saturating_mul(factor.w)],
            (None, Some(size), _) => size.array(),
            // Not an image: refused below.
            (Some(_), None, _) => [1, 1],
            _ => return Err(site.error(layer, "give it either `scale_factor` or `size`")),
        };
        let mode = match self.mode {
            UpsampleMode::Nearest => InterpolateMode::Nearest,
            UpsampleMode::Bilinear => InterpolateMode::Bilinear,
        };
        images(Interpolate { align_corners: self.align_corners, ..Interpolate::to(mode, sizes) }, layer, input, site)
    }
}
