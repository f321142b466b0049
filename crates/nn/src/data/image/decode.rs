//! The bytes of a picture file as pixels: JPEG, PNG, WebP, BMP and GIF.
//!
//! What becomes of the unusual: 16 bits a channel become 8; palettes and CMYK become red, green and blue; what is transparent shows
//! white paper; of an animation the first picture is taken; EXIF's orientation is applied (JPEG, PNG, WebP). Colour profiles are not looked at.

use super::exif;
use super::pixels::Pixels;
use std::io::Cursor;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

impl Pixels {
    /// Decodes a file of at most `limit` pixels. The size is looked at before anything is allocated.
    ///
    /// # Errors
    /// What is wrong with it, without its name.
    pub(crate) fn decode(bytes: &[u8], limit: usize) -> Result<Self, String> {
        let decode = match bytes {
            [] => return Err("an empty file".to_owned()),
            [0xff, 0xd8, ..] => jpeg,
            [0x89, b'P', b'N', b'G', ..] => png,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp,
            [b'B', b'M', ..] => bmp,
            [b'G', b'I', b'F', b'8', ..] => gif,
            _ => return Err("no picture: neither JPEG nor PNG, WebP, BMP or GIF".to_owned()),
        };
        // The decoders are other people's; a fault in one of them is a bad file, not the end of the program.
        let decoded = std::panic::catch_unwind(|| decode(bytes, limit)).unwrap_or_else(|_| Err("the decoder failed on it".to_owned()));
        let (pixels, orientation) = decoded?;
        match pixels.width.checked_mul(pixels.height).and_then(|n| n.checked_mul(pixels.channels)) {
            Some(n) if n > 0 && n == pixels.bytes.len() => Ok(pixels.turned(orientation)),
            _ => Err("the decoder gave another number of pixels than the picture has".to_owned()),
        }
    }

    fn turned(self, orientation: u8) -> Self {
        if orientation <= 1 {
            return self;
        }
        let from = [self.width, self.height];
        let [width, height] = if orientation < 5 { from } else { [self.height, self.width] };
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for y in 0..height {
            for x in 0..width {
                let [sx, sy] = exif::source(orientation, [x, y], from);
                bytes.extend_from_slice(&self.bytes[(sy * self.width + sx) * self.channels..][..self.channels]);
            }
        }
        Self { width, height, bytes, ..self }
    }
}

type Decoded = Result<(Pixels, u8), String>;

/// Refuses a picture that is too large, or larger than its file can hold, before it is decoded.
fn check(width: usize, height: usize, limit: usize, can_hold: usize) -> Result<(), String> {
    match width.checked_mul(height) {
        Some(0) => Err("a picture of no pixels".to_owned()),
        Some(n) if n > can_hold && n <= limit => Err(format!("breaks off: the file is too short for {width}x{height} pixels")),
        Some(n) if n <= limit => Ok(()),
        _ => Err(format!("{width}x{height} pixels, more than the {limit} that a picture may have")),
    }
}

fn jpeg(bytes: &[u8], limit: usize) -> Decoded {
    if !jpeg_ends(bytes) {
        return Err("breaks off: a JPEG without its end".to_owned());
    }
    let options = DecoderOptions::default().set_max_width(usize::MAX).set_max_height(usize::MAX).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no size in its header")?;
    // At least a bit for 8 × 8 pixels.
    check(width, height, limit, bytes.len().saturating_mul(8 * 64))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    if grey {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let out = decoder.decode().map_err(|e| e.to_string())?;
    let orientation = decoder.exif().map_or(1, |exif| exif::orientation(exif));
    Ok((Pixels { width, height, channels: if grey { 1 } else { 3 }, bytes: out }, orientation))
}

/// Whether an end marker follows the first scan. The decoder fills up what is missing with grey, as browsers do while they load; a set
/// of samples wants to know. Pictures inside of headers (thumbnails) have ends of their own and are passed over.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Between segments there may be bytes that belong to none.
        while bytes.get(at).is_some_and(|&b| b != 0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at + 1) else { return false };
        at += 1;
        match marker {
            0xff | 0x00 => {}
            0x01 | 0xd0..=0xd8 => at += 1,
            0xd9 => return true,
            0xda => return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]),
            _ => match bytes.get(at + 1..at + 3) {
                Some(&[high, low]) => at += 1 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
        }
    }
}

fn png(bytes: &[u8], limit: usize) -> Decoded {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    // Palettes and few bits become bytes, 16 bits become 8.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    // Deflate gives at most 1,032 bytes for one, and a byte holds at most eight pixels.
    check(width, height, limit, bytes.len().saturating_mul(8 * 1032))?;
    let size = reader.output_buffer_size().ok_or("too many pixels")?;
    let mut out = vec![0; size];
    let frame = reader.next_frame(&mut out).map_err(|e| e.to_string())?;
    out.truncate(frame.buffer_size());
    let orientation = reader.info().exif_metadata.as_ref().map_or(1, |exif| exif::orientation(exif));
    Ok((Pixels { width, height, channels: frame.color_type.samples(), bytes: out }, orientation))
}

fn webp(bytes: &[u8], limit: usize) -> Decoded {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    check(width, height, limit, usize::MAX)?;
    decoder.set_memory_limit(limit.saturating_mul(16));
    let orientation = decoder.exif_metadata().ok().flatten().map_or(1, |exif| exif::orientation(&exif));
    let size = decoder.output_buffer_size().ok_or("too many pixels")?;
    let mut out = vec![0; size];
    decoder.read_image(&mut out).map_err(|e| e.to_string())?;
    Ok((Pixels { width, height, channels: if decoder.has_alpha() { 4 } else { 3 }, bytes: out }, orientation))
}

fn bmp(bytes: &[u8], limit: usize) -> Decoded {
    let options = DecoderOptions::default().set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = zune_bmp::BmpDecoder::new_with_options(ZCursor::new(bytes), options);
    let wrong = |e: zune_bmp::BmpDecoderErrors| format!("{e:?}").trim().to_owned();
    decoder.decode_headers().map_err(wrong)?;
    let (width, height) = decoder.dimensions().ok_or("no size in its header")?;
    // Runs are at most 255 pixels in two bytes, and may leave out rows: the end of the picture is then in few bytes.
    check(width, height, limit, bytes.len().saturating_mul(8 * 255))?;
    let channels = decoder.colorspace().map_or(3, |c| c.num_components());
    let out = decoder.decode().map_err(wrong)?;
    Ok((Pixels { width, height, channels, bytes: out }, 1))
}

fn gif(bytes: &[u8], limit: usize) -> Decoded {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let memory = std::num::NonZeroU64::new(4 * limit as u64).ok_or("no pixels are allowed")?;
    options.set_memory_limit(gif::MemoryLimit::Bytes(memory));
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    check(width, height, limit, usize::MAX)?;
    let frame = decoder.read_next_frame().map_err(|e| e.to_string())?.ok_or("a GIF without a picture")?;
    // What the first picture does not cover is transparent.
    let mut out = vec![0; width * height * 4];
    let (left, top, across) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
    for (y, row) in frame.buffer.chunks_exact((4 * across).max(1)).enumerate() {
        let from = ((top + y) * width + left) * 4;
        if let Some(to) = out.get_mut(from..from + row.len()).filter(|_| left + across <= width) {
            to.copy_from_slice(row);
        }
    }
    Ok((Pixels { width, height, channels: 4, bytes: out }, 1))
}
