//! Heat over a picture: where a network looked, and which pixels matter.

use super::canvas::png;
use crate::data::framing::{Image, Step};
use crate::explain::Heat;
use crate::files::FileError;

/// Beyond this share of the values heat is shown at its fullest.
const BEYOND: f64 = 0.005;

/// The heat laid over the picture it belongs to, as a PNG of the picture's size: blue where there is none, then green, yellow, red.
///
/// `picture` has values 0 to 1 of one channel or three.
///
/// # Errors
/// [`FileError::Draw`] where a library refuses.
pub fn draw_heat(picture: &Image, heat: &Heat) -> Result<Vec<u8>, FileError> {
    let [_, height, width] = picture.shape;
    let scaled = heat.scaled(0.0);
    let mut layer = Image { shape: [1, heat.size[0], heat.size[1]], values: scaled.values };
    layer.apply(&Step::Resize([height, width]));
    let pixel = |(place, &heat): (usize, &f32)| {
        let heat = heat.clamp(0.0, 1.0);
        // What is cold stays visible as it is, what is hot is covered by half.
        let cover = 0.25 + 0.3 * heat;
        let color = colour(heat);
        [0, 1, 2].map(|c| byte((1.0 - cover) * channel(picture, c, place) + cover * color[c]))
    };
    let pixels: Vec<u8> = layer.values.iter().enumerate().flat_map(pixel).collect();
    png(&pixels, (width as u32, height as u32))
}

/// The heat by itself as a PNG of height and width `size`: black where there is none, then red, yellow, white.
///
/// # Errors
/// [`FileError::Draw`] where a library refuses.
pub fn draw_saliency(heat: &Heat, [height, width]: [usize; 2]) -> Result<Vec<u8>, FileError> {
    let scaled = heat.scaled(BEYOND);
    let place = |n: usize, of: usize, to: usize| (n * of / to.max(1)).min(of.saturating_sub(1));
    let mut pixels = Vec::with_capacity(3 * height * width);
    for y in 0..height {
        for x in 0..width {
            // As squares: the places are pixels of the network's own view.
            let heat = scaled.values[place(y, heat.size[0], height) * heat.size[1] + place(x, heat.size[1], width)];
            pixels.extend([3.0 * heat, 3.0 * heat - 1.0, 3.0 * heat - 2.0].map(byte));
        }
    }
    png(&pixels, (width as u32, height as u32))
}

fn channel(picture: &Image, c: usize, place: usize) -> f32 {
    let each = picture.shape[1] * picture.shape[2];
    picture.values[if picture.shape[0] == 1 { place } else { c * each + place }]
}

fn byte(value: f32) -> u8 {
    (255.0 * value.clamp(0.0, 1.0)).round() as u8
}

/// From blue over cyan, green and yellow to red.
fn colour(heat: f32) -> [f32; 3] {
    const STOPS: [[f32; 3]; 6] = [[0.1, 0.1, 0.45], [0.1, 0.4, 0.9], [0.1, 0.8, 0.75], [0.5, 0.9, 0.2], [1.0, 0.75, 0.0], [0.9, 0.05, 0.0]];
    let at = heat.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let first = (at as usize).min(STOPS.len() - 2);
    let rest = at - first as f32;
    [0, 1, 2].map(|c| STOPS[first][c] + rest * (STOPS[first + 1][c] - STOPS[first][c]))
}
