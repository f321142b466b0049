//! Pixels of a picture, and how they become the planes of a sample.

use crate::data::framing::Fit;
use crate::data::resize::resize;

/// The most pixels of a picture unless more are asked for: 8192 × 8192.
pub const MAX_PIXELS: usize = 1 << 26;

/// A picture of 8 bits a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 grey, 2 grey and alpha, 3 red, green and blue, 4 with alpha.
    pub(super) channels: usize,
    /// [height, width, channels].
    pub(super) bytes: Vec<u8>,
}

impl Pixels {
    /// A picture of red, green, blue and alpha, row by row, as a browser gives it; absent where there are not as many bytes as it has.
    pub fn rgba(width: usize, height: usize, bytes: Vec<u8>) -> Option<Self> {
        let whole = width.checked_mul(height).and_then(|n| n.checked_mul(4)).is_some_and(|n| n > 0 && n == bytes.len());
        whole.then_some(Self { width, height, channels: 4, bytes })
    }

    /// The picture as bytes [channels, height, width], of 1 channel (grey: luma by ITU-R BT.601) or 3.
    pub fn planes(&self, channels: usize, size: [usize; 2], fit: Fit) -> Vec<u8> {
        let from = [self.height, self.width];
        let mut row = |y: usize, out: &mut [f32]| {
            for (x, pixel) in self.bytes[y * self.width * self.channels..][..self.width * self.channels].chunks_exact(self.channels).enumerate() {
                let [r, g, b] = colour(pixel);
                if channels == 1 {
                    out[x] = if self.channels < 3 { r } else { 0.299 * r + 0.587 * g + 0.114 * b };
                } else {
                    (out[x], out[self.width + x], out[2 * self.width + x]) = (r, g, b);
                }
            }
        };
        let values = resize(channels, from, &mut row, fit.window(from, size), size);
        values.iter().map(|v| (v + 0.5).clamp(0.0, 255.0) as u8).collect()
    }
}

/// A pixel over white paper.
fn colour(pixel: &[u8]) -> [f32; 3] {
    let over = |value: u8, alpha: u8| (f32::from(value) * f32::from(alpha) + 255.0 * f32::from(255 - alpha)) / 255.0;
    match *pixel {
        [r, g, b] => [r, g, b].map(f32::from),
        [r, g, b, a] => [r, g, b].map(|v| over(v, a)),
        [y, a] => [over(y, a); 3],
        [y] => [f32::from(y); 3],
        _ => [0.0; 3],
    }
}
