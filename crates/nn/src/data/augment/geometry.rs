//! Transforms that move pixels.

use super::{happens, no_range, no_share};
use crate::data::framing::Image;
use crate::data::resize::Window;
use crate::data::rng::Rng;
use crate::layers::Pair;
use crate::recipe::record;

/// To another height and width, by a triangle filter (bilinear, antialiased). In evaluation too.
#[derive(Debug, Clone, PartialEq)]
pub struct Resize {
    /// Height and width.
    pub size: Pair,
}

record!(Resize, "the transform resize" { size: required });

/// The middle. In evaluation too.
#[derive(Debug, Clone, PartialEq)]
pub struct CenterCrop {
    /// Height and width.
    pub size: Pair,
}

record!(CenterCrop, "the transform center_crop" { size: required });

/// A part of a sample, anywhere, after `padding` of black was put round it. In evaluation the middle.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomCrop {
    /// Height and width; absent: those of the sample, which is then shifted about by the padding.
    pub size: Option<Pair>,
    /// Pixels above and below, and left and right.
    pub padding: Pair,
}

record!(RandomCrop, "the transform random_crop" { size: optional, padding: or(Pair::both(0)) });

impl RandomCrop {
    pub(super) fn fault(&self, shape: [usize; 3]) -> Option<String> {
        too_large(self.size.unwrap_or(Pair::new(shape[1], shape[2])), shape, self.padding)
    }

    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, h, w] = image.shape;
        let size = self.size.map_or([h, w], Pair::array);
        let place = |from: usize, padding: usize, to: usize, rng: &mut Rng| rng.below((from + 2 * padding - to) as u64 + 1) as isize - padding as isize;
        let (top, left) = (place(h, self.padding.h, size[0], rng), place(w, self.padding.w, size[1], rng));
        image.crop(top, left, size);
    }
}

/// A part of random area and ratio, anywhere, brought to one size (Szegedy et al., "Going deeper with convolutions", 2014). In
/// evaluation all of the sample, brought to that size.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomResizedCrop {
    /// Height and width; absent: those of the sample.
    pub size: Option<Pair>,
    /// The least and the greatest share of the area.
    pub scale: Vec<f32>,
    /// The least and the greatest ratio of width to height.
    pub ratio: Vec<f32>,
}

record!(RandomResizedCrop, "the transform random_resized_crop" { size: optional, scale: or(vec![0.08, 1.0]), ratio: or(vec![0.75, 4.0 / 3.0]) });

impl RandomResizedCrop {
    pub(super) fn fault(&self) -> Option<String> {
        let share = self.scale.iter().any(|&s| s > 1.0).then(|| format!("scale = {:?}; a part has no more than the whole area, 1", self.scale));
        self.size.and_then(no_size).or_else(|| no_range("scale", &self.scale)).or(share).or_else(|| no_range("ratio", &self.ratio))
    }

    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, h, w] = image.shape;
        let to = self.size.map_or([h, w], Pair::array);
        let [height, width] = part([h, w], &self.scale, &self.ratio, rng).unwrap_or([h, w]);
        let (top, left) = (rng.below((h - height) as u64 + 1), rng.below((w - width) as u64 + 1));
        let window = Window { top: top as f32, left: left as f32, height: height as f32, width: width as f32 };
        image.resize(window, to);
    }
}

/// Height and width of a part of random area and ratio, the latter drawn on a logarithmic scale; `None` where ten draws gave none that
/// has room.
pub(super) fn part([h, w]: [usize; 2], scale: &[f32], ratio: &[f32], rng: &mut Rng) -> Option<[usize; 2]> {
    let (&[low, high], &[flat, tall]) = (scale, ratio) else { return None };
    // This library's functions give the same bits everywhere.
    let (flat, tall) = (libm::log(f64::from(flat)) as f32, libm::log(f64::from(tall)) as f32);
    (0..10).find_map(|_| {
        let area = (h * w) as f32 * rng.range(low, high);
        let ratio = libm::exp(f64::from(rng.range(flat, tall))) as f32;
        let (height, width) = ((area / ratio).sqrt().round(), (area * ratio).sqrt().round());
        (height >= 1.0 && width >= 1.0 && height <= h as f32 && width <= w as f32).then_some([height as usize, width as usize])
    })
}

/// Left for right.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomHorizontalFlip {
    /// How often.
    pub probability: f32,
}

record!(RandomHorizontalFlip, "the transform random_horizontal_flip" { probability: or(0.5) });

impl RandomHorizontalFlip {
    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        if happens(self.probability, rng) {
            image.values.chunks_exact_mut(image.shape[2]).for_each(<[f32]>::reverse);
        }
    }
}

/// Top for bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomVerticalFlip {
    /// How often.
    pub probability: f32,
}

record!(RandomVerticalFlip, "the transform random_vertical_flip" { probability: or(0.5) });

impl RandomVerticalFlip {
    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, h, w] = image.shape;
        if happens(self.probability, rng) {
            for plane in image.values.chunks_exact_mut(h * w) {
                for y in 0..h / 2 {
                    let (above, below) = plane.split_at_mut((h - 1 - y) * w);
                    above[y * w..(y + 1) * w].swap_with_slice(&mut below[..w]);
                }
            }
        }
    }
}

/// Turned round the middle, bilinear; black comes in at the corners.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomRotation {
    /// The greatest angle either way.
    pub degrees: f32,
}

record!(RandomRotation, "the transform random_rotation" { degrees: required });

impl RandomRotation {
    pub(super) fn fault(&self) -> Option<String> {
        (!(0.0..=180.0).contains(&self.degrees)).then(|| format!("degrees = {}; it must be from 0 to 180", self.degrees))
    }

    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let radians = f64::from(rng.range(-self.degrees, self.degrees)) * (std::f64::consts::PI / 180.0);
        let (sin, cos) = (libm::sin(radians) as f32, libm::cos(radians) as f32);
        let [_, h, w] = image.shape;
        let (cy, cx) = (h as f32 / 2.0 - 0.5, w as f32 / 2.0 - 0.5);
        let mut out = vec![0.0; image.values.len()];
        for y in 0..h {
            for x in 0..w {
                let (dy, dx) = (y as f32 - cy, x as f32 - cx);
                let (sy, sx) = (cy + cos * dy - sin * dx, cx + sin * dy + cos * dx);
                let (top, left) = (sy.floor(), sx.floor());
                let (fy, fx) = (sy - top, sx - left);
                // Up to one pixel beyond the edge there is something to blend with black.
                if top < -1.0 || left < -1.0 || top >= h as f32 || left >= w as f32 {
                    continue;
                }
                let (top, left) = (top as isize, left as isize);
                for (plane, out) in image.values.chunks_exact(h * w).zip(out.chunks_exact_mut(h * w)) {
                    let at = |y: isize, x: isize| {
                        let inside = y >= 0 && x >= 0 && y < h as isize && x < w as isize;
                        if inside { plane[y as usize * w + x as usize] } else { 0.0 }
                    };
                    let upper = at(top, left) * (1.0 - fx) + at(top, left + 1) * fx;
                    let lower = at(top + 1, left) * (1.0 - fx) + at(top + 1, left + 1) * fx;
                    out[y * w + x] = upper * (1.0 - fy) + lower * fy;
                }
            }
        }
        image.values = out;
    }
}

pub(super) fn no_size(size: Pair) -> Option<String> {
    let pixels = size.h.checked_mul(size.w).filter(|n| (1..=1 << 26).contains(n));
    pixels.is_none().then(|| format!("a size of {size}; it must be above 0 and no more than 8192x8192"))
}

pub(super) fn too_large(size: Pair, shape: [usize; 3], padding: Pair) -> Option<String> {
    let room = |from: usize, padding: usize| padding.checked_mul(2).and_then(|p| p.checked_add(from)).unwrap_or(0);
    let fits = size.h <= room(shape[1], padding.h) && size.w <= room(shape[2], padding.w);
    let message =
        || format!("a crop of {size} out of {}x{}; it must not be larger than that with its padding, and no padding larger than the crop", shape[1], shape[2]);
    // Padding beyond the crop's own size would give crops of nothing but black.
    no_size(size).or_else(|| (!fits || padding.h > size.h || padding.w > size.w).then(message))
}

/// Whether a probability and two ranges make sense.
pub(super) fn no_part(probability: f32, scale: &[f32], ratio: &[f32]) -> Option<String> {
    no_share(probability).or_else(|| no_range("scale", scale)).or_else(|| no_range("ratio", ratio))
}
