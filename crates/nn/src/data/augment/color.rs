//! Transforms that change values and leave pixels where they are.

use super::geometry::{no_part, part};
use super::happens;
use crate::data::framing::Image;
use crate::data::rng::Rng;
use crate::recipe::record;

/// Other light and colours. A factor of each kind is drawn from [1 − s, 1 + s], the turn of the hue from ±`hue` of the colour circle;
/// they are applied in the order of the fields.
#[derive(Debug, Clone, PartialEq)]
pub struct ColorJitter {
    /// All values by one factor.
    pub brightness: f32,
    /// The distance to the mean grey of the sample.
    pub contrast: f32,
    /// The distance to the grey of each pixel.
    pub saturation: f32,
    /// Share of the colour circle, 0.5 at most.
    pub hue: f32,
}

record!(ColorJitter, "the transform color_jitter" { brightness: or(0.0), contrast: or(0.0), saturation: or(0.0), hue: or(0.0) });

impl ColorJitter {
    pub(super) fn fault(&self, shape: [usize; 3]) -> Option<String> {
        let factors = [self.brightness, self.contrast, self.saturation];
        if factors.iter().any(|f| !(0.0..=1.0).contains(f)) || !(0.0..=0.5).contains(&self.hue) {
            return Some("brightness, contrast and saturation must be from 0 to 1, hue from 0 to 0.5".to_owned());
        }
        let colours = self.saturation > 0.0 || self.hue > 0.0;
        (colours && shape[0] != 3).then(|| format!("saturation and hue need 3 channels, and samples have {}; leave them out", shape[0]))
    }

    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let mut factor = |strength: f32| rng.range(1.0 - strength, 1.0 + strength);
        let (brightness, contrast, saturation) = (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        let hue = rng.range(-self.hue, self.hue);
        let plane = image.shape[1] * image.shape[2];
        if self.brightness > 0.0 {
            image.values.iter_mut().for_each(|v| *v = (*v * brightness).clamp(0.0, 1.0));
        }
        if self.contrast > 0.0 {
            let sum: f32 = match image.values.chunks_exact(plane).collect::<Vec<_>>()[..] {
                [r, g, b] => r.iter().zip(g).zip(b).map(|((r, g), b)| luma([*r, *g, *b])).sum(),
                _ => image.values.iter().sum::<f32>() / image.shape[0] as f32,
            };
            let mean = sum / plane as f32;
            image.values.iter_mut().for_each(|v| *v = (mean + (*v - mean) * contrast).clamp(0.0, 1.0));
        }
        if self.saturation > 0.0 {
            each_pixel(image, |pixel| {
                let grey = luma(pixel);
                pixel.map(|v| (grey + (v - grey) * saturation).clamp(0.0, 1.0))
            });
        }
        if self.hue > 0.0 {
            each_pixel(image, |pixel| turned(pixel, hue));
        }
    }
}

/// Luma by ITU-R BT.601.
fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Changes each pixel of an image of three planes.
fn each_pixel(image: &mut Image, change: impl Fn([f32; 3]) -> [f32; 3]) {
    let plane = image.shape[1] * image.shape[2];
    let (r, rest) = image.values.split_at_mut(plane);
    let (g, b) = rest.split_at_mut(plane);
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        [*r, *g, *b] = change([*r, *g, *b]);
    }
}

/// A colour with its hue turned by a share of the circle (the hexagon of HSV; Smith, "Color gamut transform pairs", 1978).
fn turned([r, g, b]: [f32; 3], by: f32) -> [f32; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = most - least;
    if chroma <= 0.0 {
        return [r, g, b];
    }
    let sixth = if most == r {
        (g - b) / chroma
    } else if most == g {
        2.0 + (b - r) / chroma
    } else {
        4.0 + (r - g) / chroma
    };
    let hue = sixth + 6.0 * by + 12.0;
    [5.0f32, 3.0, 1.0].map(|n| {
        let k = (n + hue) % 6.0;
        most - chroma * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// A rectangle of random area, ratio and place blotted out (Zhong et al., "Random erasing data augmentation", 2017).
#[derive(Debug, Clone, PartialEq)]
pub struct RandomErasing {
    /// How often.
    pub probability: f32,
    /// The least and the greatest share of the area.
    pub scale: Vec<f32>,
    /// The least and the greatest ratio of width to height.
    pub ratio: Vec<f32>,
    /// What the rectangle becomes, before normalization: 0 black, 1 white.
    pub value: f32,
}

record!(RandomErasing, "the transform random_erasing" {
    probability: or(0.5),
    scale: or(vec![0.02, 0.33]),
    ratio: or(vec![0.3, 10.0 / 3.0]),
    value: or(0.0),
});

impl RandomErasing {
    pub(super) fn fault(&self) -> Option<String> {
        let value = (!self.value.is_finite()).then(|| "value must be a number".to_owned());
        no_part(self.probability, &self.scale, &self.ratio).or(value)
    }

    pub(super) fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, h, w] = image.shape;
        if !happens(self.probability, rng) {
            return;
        }
        let Some([height, width]) = part([h, w], &self.scale, &self.ratio, rng) else { return };
        let (top, left) = (rng.below((h - height) as u64 + 1) as usize, rng.below((w - width) as u64 + 1) as usize);
        for plane in image.values.chunks_exact_mut(h * w) {
            plane.chunks_exact_mut(w).skip(top).take(height).for_each(|row| row[left..left + width].fill(self.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_circle_makes_red_green_and_green_blue() {
        let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(turned([0.8, 0.2, 0.2], 1.0 / 3.0), [0.2, 0.8, 0.2]));
        assert!(close(turned([0.2, 0.8, 0.2], 1.0 / 3.0), [0.2, 0.2, 0.8]));
        assert!(close(turned([0.8, 0.2, 0.2], -1.0 / 3.0), [0.2, 0.2, 0.8]));
        assert!(close(turned([0.8, 0.5, 0.2], 0.5), [0.2, 0.5, 0.8]));
        assert_eq!(turned([0.3, 0.3, 0.3], 0.25), [0.3, 0.3, 0.3]);
    }
}
