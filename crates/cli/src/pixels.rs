//! PNG and JPEG files as planes of bytes of a wanted size.

use std::io::Cursor;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// The most pixels along a side of a picture.
const MAX_SIDE: usize = 16_384;

/// A picture of 8 bits a channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pixels {
    width: usize,
    height: usize,
    /// 1 grey, 2 grey and alpha, 3 red, green and blue, 4 with alpha.
    channels: usize,
    /// [height, width, channels].
    bytes: Vec<u8>,
}

impl Pixels {
    /// Decodes a PNG or a JPEG.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let pixels = match bytes {
            [0x89, b'P', b'N', b'G', ..] => png(bytes)?,
            [0xff, 0xd8, ..] => jpeg(bytes)?,
            _ => return Err("neither a PNG nor a JPEG".to_owned()),
        };
        match pixels.width.checked_mul(pixels.height).and_then(|n| n.checked_mul(pixels.channels)) {
            Some(n) if n > 0 && n == pixels.bytes.len() => Ok(pixels),
            _ => Err("the decoder gave another number of pixels than the picture has".to_owned()),
        }
    }

    /// The picture as [channels, height, width], of 1 channel (grey) or 3: each pixel the mean of what it covers.
    pub(crate) fn planes(&self, channels: usize, height: usize, width: usize) -> Vec<u8> {
        let (rows, columns) = (spans(self.height, height), spans(self.width, width));
        let mut out = Vec::with_capacity(channels * height * width);
        for channel in 0..channels {
            for row in &rows {
                for column in &columns {
                    out.push(self.mean(row, column, |pixel| if channels == 1 { grey(pixel) } else { colour(pixel, channel) }));
                }
            }
        }
        out
    }

    fn mean(&self, rows: &[(usize, f64)], columns: &[(usize, f64)], value: impl Fn(&[u8]) -> f64) -> u8 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for &(y, h) in rows {
            for &(x, w) in columns {
                let at = (y * self.width + x) * self.channels;
                sum += h * w * value(&self.bytes[at..at + self.channels]);
                weight += h * w;
            }
        }
        (sum / weight).round() as u8
    }
}

/// For each of `to` cells: the cells of `from` that it covers, and how much of each.
fn spans(from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
    let scale = from as f64 / to as f64;
    let span = |n: usize| {
        let (start, end) = (n as f64 * scale, (n + 1) as f64 * scale);
        let cells = start.floor() as usize..(end.ceil() as usize).min(from);
        // Rounding may leave a sliver of nothing at an end.
        let all = cells.map(|i| (i, (end.min((i + 1) as f64) - start.max(i as f64)).max(1e-9)));
        all.collect()
    };
    (0..to).map(span).collect()
}

/// Luma by ITU-R BT.601; alpha is left out.
fn grey(pixel: &[u8]) -> f64 {
    match *pixel {
        [r, g, b, ..] => 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b),
        [y, ..] => f64::from(y),
        [] => 0.0,
    }
}

fn colour(pixel: &[u8], channel: usize) -> f64 {
    f64::from(if pixel.len() >= 3 { pixel[channel] } else { pixel[0] })
}

fn png(bytes: &[u8]) -> Result<Pixels, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    // Palettes and few bits become bytes, 16 bits become 8.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(format!("{width}x{height} pixels, more than {MAX_SIDE} along a side"));
    }
    let size = reader.output_buffer_size().ok_or("too many pixels")?;
    let mut out = vec![0; size];
    let frame = reader.next_frame(&mut out).map_err(|e| e.to_string())?;
    out.truncate(frame.buffer_size());
    Ok(Pixels { width, height, channels: frame.color_type.samples(), bytes: out })
}

fn jpeg(bytes: &[u8]) -> Result<Pixels, String> {
    let options = DecoderOptions::default().set_max_width(MAX_SIDE).set_max_height(MAX_SIDE).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let out = decoder.decode().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no size in its header")?;
    Ok(Pixels { width, height, channels: 3, bytes: out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey_picture(width: usize, height: usize, bytes: Vec<u8>) -> Pixels {
        Pixels { width, height, channels: 1, bytes }
    }

    #[test]
    fn same_size_is_the_same_bytes() {
        let picture = grey_picture(3, 2, vec![0, 50, 100, 150, 200, 255]);
        assert_eq!(picture.planes(1, 2, 3), picture.bytes);
    }

    #[test]
    fn smaller_takes_means() {
        let picture = grey_picture(4, 2, vec![0, 10, 100, 200, 20, 30, 100, 200]);
        assert_eq!(picture.planes(1, 1, 2), [15, 150]);
        // Thirds: 3 -> 2 covers one and a half each.
        assert_eq!(grey_picture(3, 1, vec![0, 90, 180]).planes(1, 1, 2), [30, 150]);
    }

    #[test]
    fn larger_repeats() {
        assert_eq!(grey_picture(2, 1, vec![7, 9]).planes(1, 2, 4), [7, 7, 9, 9, 7, 7, 9, 9]);
    }

    #[test]
    fn colours_become_planes_or_grey() {
        let picture = Pixels { width: 2, height: 1, channels: 3, bytes: vec![255, 0, 0, 0, 0, 255] };
        assert_eq!(picture.planes(3, 1, 2), [255, 0, 0, 0, 0, 255]);
        assert_eq!(picture.planes(1, 1, 2), [76, 29]);
    }

    #[test]
    fn damaged_files_are_errors() {
        for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff\xe0\0\x10JFIF"] {
            assert!(Pixels::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
