//! Small picture files and archives for tests.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::io::Write;

/// Pixels [height, width, channels] of a picture whose colours change over it and with `seed`.
pub(crate) fn pattern(width: usize, height: usize, channels: usize, seed: usize) -> Vec<u8> {
    (0..height * width * channels).map(|i| ((i / channels / width * 40) + (i / channels % width * 23) + (i % channels * 70) + seed * 37) as u8).collect()
}

/// A PNG of these pixels: 1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha.
pub(crate) fn png(width: usize, height: usize, channels: usize, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color([png::ColorType::Grayscale, png::ColorType::GrayscaleAlpha, png::ColorType::Rgb, png::ColorType::Rgba][channels - 1]);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    out
}

/// A grey PNG of 16 bits a pixel.
pub(crate) fn png16(width: usize, height: usize, pixels: &[u16]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    let bytes: Vec<u8> = pixels.iter().flat_map(|p| p.to_be_bytes()).collect();
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
    out
}

/// A lossless WebP of RGB pixels.
pub(crate) fn webp(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    image_webp::WebPEncoder::new(&mut out).encode(pixels, width as u32, height as u32, image_webp::ColorType::Rgb8).unwrap();
    out
}

/// A GIF whose first picture has these palette indices.
pub(crate) fn gif(width: usize, height: usize, palette: &[u8], indices: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, width as u16, height as u16, palette).unwrap();
    let frame = gif::Frame { width: width as u16, height: height as u16, buffer: indices.into(), ..Default::default() };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    out
}

/// A BMP of RGB pixels, 24 bits, bottom up.
pub(crate) fn bmp(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let mut out = b"BM".to_vec();
    for n in [54 + row * height, 0, 54, 40, width, height, 1 | 24 << 16, 0, row * height, 0, 0, 0, 0] {
        out.extend((n as u32).to_le_bytes());
    }
    for y in (0..height).rev() {
        let start = out.len();
        pixels[3 * y * width..3 * (y + 1) * width].chunks(3).for_each(|p| out.extend([p[2], p[1], p[0]]));
        out.resize(start + row, 0);
    }
    out
}

/// Bits of a JPEG's scan, with a zero stuffed behind each 0xff.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.held = self.held << 1 | (value >> bit & 1);
            self.count += 1;
            if self.count == 8 {
                let byte = self.held as u8;
                self.out.push(byte);
                if byte == 0xff {
                    self.out.push(0);
                }
                (self.held, self.count) = (0, 0);
            }
        }
    }
}

/// A baseline JPEG of flat squares of 8 × 8 pixels: `blocks` holds Y, or Y, Cb and Cr, of each, row by row. `width` and `height` are
/// pixels; `exif` is the orientation that it claims.
pub(crate) fn jpeg(width: usize, height: usize, components: usize, blocks: &[u8], exif: Option<u16>) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    let mut segment = |marker: u8, body: &[u8]| {
        out.extend([0xff, marker]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend_from_slice(body);
    };
    if let Some(orientation) = exif {
        segment(0xe1, &[b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", &orientation.to_be_bytes()[..], &[0; 6]].concat());
    }
    segment(0xdb, &[vec![0], vec![8; 64]].concat());
    let (h, w, n) = ((height as u16).to_be_bytes(), (width as u16).to_be_bytes(), components as u8);
    let of_component: Vec<u8> = (1..=n).flat_map(|c| [c, 0x11, 0]).collect();
    segment(0xc0, &[&[8, h[0], h[1], w[0], w[1], n][..], &of_component].concat());
    // Differences of 0 to 11 bits have codes of four bits; all else is zero, one code of one bit.
    let dc = [&[0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &(0..12).collect::<Vec<u8>>()].concat();
    let ac = [&[0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0]].concat();
    segment(0xc4, &dc);
    segment(0xc4, &ac);
    let of_component: Vec<u8> = (1..=n).flat_map(|c| [c, 0]).collect();
    segment(0xda, &[&[n][..], &of_component, &[0, 63, 0]].concat());
    let (mut bits, mut last) = (Bits::default(), vec![0i32; components]);
    for block in blocks.chunks(components) {
        for (last, &value) in last.iter_mut().zip(block) {
            let now = i32::from(value) - 128;
            let difference = now - *last;
            *last = now;
            let size = 32 - difference.unsigned_abs().leading_zeros();
            bits.put(size, 4);
            let code = if difference < 0 { difference - 1 } else { difference };
            bits.put(code as u32 & ((1 << size) - 1), size);
            bits.put(0, 1);
        }
    }
    bits.put(0x7f, 7);
    out.extend(bits.out);
    out.extend([0xff, 0xd9]);
    out
}

/// A tar of these entries.
pub(crate) fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        tar_entry(&mut builder, name, tar::EntryType::Regular, bytes);
    }
    builder.into_inner().unwrap()
}

/// One entry, its name written as it is, whatever it is.
pub(crate) fn tar_entry(builder: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip of these entries, every other one stored as it is.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (n, (name, bytes)) in entries.iter().enumerate() {
        let method = [zip::CompressionMethod::Deflated, zip::CompressionMethod::Stored][n % 2];
        writer.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
