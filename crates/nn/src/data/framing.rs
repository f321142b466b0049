//! How a picture of any size becomes a sample of the size that a network takes.
//!
//! A picture is first brought to the size in which the set keeps it ([`Fit`]); then come the fixed steps of the set's transforms
//! ([`Step`]). A trained network records both, so that a picture for prediction goes the way of those that it was measured on.

use super::resize::{Window, resize};
use crate::recipe::names;
use serde::{Deserialize, Serialize};

/// How a picture whose sides have another ratio is brought to the wanted size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The whole picture, stretched or squeezed.
    #[default]
    Stretch,
    /// The middle of the picture, as much of it as has the wanted ratio.
    Crop,
}

names!(Fit { "stretch" => Stretch, "crop" => Crop });

impl Fit {
    /// The part of a picture of height and width `from` that is brought to `to`.
    pub(crate) fn window(self, from: [usize; 2], to: [usize; 2]) -> Window {
        let [h, w] = from.map(|n| n as f32);
        match self {
            Fit::Stretch => Window::whole(from),
            Fit::Crop => {
                // As many source pixels a target pixel along both sides: the fewer.
                let scale = (h / to[0] as f32).min(w / to[1] as f32);
                let (height, width) = (scale * to[0] as f32, scale * to[1] as f32);
                Window { top: (h - height) / 2.0, left: (w - width) / 2.0, height, width }
            }
        }
    }
}

/// One fixed change of a sample [channels, height, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// To this height and width, by a triangle filter as wide as what it leaves out.
    Resize([usize; 2]),
    /// The middle, of this height and width.
    CenterCrop([usize; 2]),
}

/// How pictures become samples: recorded with a trained network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framing {
    /// Height and width in which pictures are kept.
    pub size: [usize; 2],
    /// How they get there.
    pub fit: Fit,
    /// What follows, in this order.
    pub steps: Vec<Step>,
}

/// A sample [channels, height, width] under way through its transforms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Image {
    /// Channels, height and width.
    pub shape: [usize; 3],
    /// The values, row-major: 0 to 1 where they were bytes.
    pub values: Vec<f32>,
}

impl Image {
    /// Takes a fixed step.
    pub fn apply(&mut self, step: &Step) {
        match *step {
            Step::Resize(to) => self.resize(Window::whole([self.shape[1], self.shape[2]]), to),
            Step::CenterCrop([height, width]) => {
                let [_, h, w] = self.shape;
                self.crop((h as isize - height as isize) / 2, (w as isize - width as isize) / 2, [height, width]);
            }
        }
    }

    /// A window of the image, brought to height and width `to`.
    pub(crate) fn resize(&mut self, window: Window, to: [usize; 2]) {
        let [channels, h, w] = self.shape;
        if to == [h, w] && window == Window::whole(to) {
            return;
        }
        let values = &self.values;
        let mut row = |y: usize, out: &mut [f32]| {
            for (c, out) in out.chunks_exact_mut(w).enumerate() {
                out.copy_from_slice(&values[(c * h + y) * w..][..w]);
            }
        };
        let resized = resize(channels, [h, w], &mut row, window, to);
        *self = Self { shape: [channels, to[0], to[1]], values: resized };
    }

    /// The part of height and width `size` that begins at row `top` and column `left`; what lies outside is 0.
    pub(crate) fn crop(&mut self, top: isize, left: isize, size: [usize; 2]) {
        let [channels, h, w] = self.shape;
        if (top, left, size) == (0, 0, [h, w]) {
            return;
        }
        let mut out = vec![0.0; channels * size[0] * size[1]];
        let (first, last) = ((-left).clamp(0, size[1] as isize), (w as isize - left).clamp(0, size[1] as isize));
        for c in 0..channels {
            for y in 0..size[0] {
                let from = top + y as isize;
                if from < 0 || from >= h as isize || first >= last {
                    continue;
                }
                let row = &self.values[(c * h + from as usize) * w..][..w];
                let to = &mut out[(c * size[0] + y) * size[1]..][..size[1]];
                to[first as usize..last as usize].copy_from_slice(&row[(first + left) as usize..(last + left) as usize]);
            }
        }
        *self = Self { shape: [channels, size[0], size[1]], values: out };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(h: usize, w: usize) -> Image {
        Image { shape: [1, h, w], values: (0..h * w).map(|i| i as f32).collect() }
    }

    #[test]
    fn crops_may_reach_beyond_the_edge() {
        let mut crop = image(2, 3);
        crop.crop(-1, 1, [3, 3]);
        assert_eq!((crop.shape, crop.values), ([1, 3, 3], vec![0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0, 0.0]));
        let mut outside = image(2, 3);
        outside.crop(5, -9, [2, 2]);
        assert_eq!(outside.values, [0.0; 4]);
    }

    #[test]
    fn centre_crop_takes_the_middle() {
        let mut crop = image(4, 5);
        crop.apply(&Step::CenterCrop([2, 3]));
        assert_eq!(crop.values, [6.0, 7.0, 8.0, 11.0, 12.0, 13.0]);
    }

    #[test]
    fn crop_keeps_the_ratio_and_the_middle() {
        assert_eq!(Fit::Crop.window([100, 200], [10, 10]), Window { top: 0.0, left: 50.0, height: 100.0, width: 100.0 });
        assert_eq!(Fit::Crop.window([100, 200], [10, 40]), Window { top: 25.0, left: 0.0, height: 50.0, width: 200.0 });
        assert_eq!(Fit::Stretch.window([100, 200], [10, 40]), Window { top: 0.0, left: 0.0, height: 100.0, width: 200.0 });
    }
}
