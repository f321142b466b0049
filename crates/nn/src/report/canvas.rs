//! A picture in memory on which plotters draws, with letters that need no font of the system.
//!
//! Plotters' own bitmap backend draws the lines; its text would need a font file, which a bare system has
//! not. Text is drawn here from the pre-rasterised letters of Noto Sans Mono that come with the program.

use crate::files::FileError;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters::backend::BitMapBackend;
use plotters::drawing::DrawingAreaErrorKind;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform};

/// Draws on a buffer of RGB bytes.
pub(super) struct Canvas<'b>(BitMapBackend<'b>);

impl<'b> Canvas<'b> {
    /// A canvas of `size` (width, height) over `pixels`, three bytes each.
    pub(super) fn new(pixels: &'b mut [u8], size: (u32, u32)) -> Self {
        Self(BitMapBackend::with_buffer(pixels, size))
    }
}

type Failure<'b> = DrawingErrorKind<<BitMapBackend<'b> as DrawingBackend>::ErrorType>;

impl<'b> DrawingBackend for Canvas<'b> {
    type ErrorType = <BitMapBackend<'b> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> Result<(), Failure<'b>> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Result<(), Failure<'b>> {
        self.0.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Result<(), Failure<'b>> {
        self.0.draw_pixel(point, color)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Result<(), Failure<'b>> {
        self.0.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, corner: BackendCoord, opposite: BackendCoord, style: &S, fill: bool) -> Result<(), Failure<'b>> {
        self.0.draw_rect(corner, opposite, style, fill)
    }

    fn estimate_text_size<S: BackendTextStyle>(&self, text: &str, style: &S) -> Result<(u32, u32), Failure<'b>> {
        let (width, height) = extent(text, raster_height(style.size()));
        Ok(match style.transform() {
            FontTransform::Rotate90 | FontTransform::Rotate270 => (height as u32, width as u32),
            _ => (width as u32, height as u32),
        })
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Result<(), Failure<'b>> {
        let size = raster_height(style.size());
        let (width, height) = extent(text, size);
        let left = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let (transform, color) = (style.transform(), style.color());
        for (nth, letter) in text.chars().enumerate() {
            // A letter that the font has not is shown as a question mark.
            let Some(raster) = get_raster(letter, WEIGHT, size).or_else(|| get_raster('?', WEIGHT, size)) else { continue };
            for (row, line) in raster.rows().enumerate() {
                for (column, &ink) in line.iter().enumerate().filter(|(_, ink)| **ink > 0) {
                    let x = left + (nth * raster.width() + column) as i32;
                    let (x, y) = transform.transform(x, top + row as i32);
                    let ink = BackendColor { alpha: color.alpha * f64::from(ink) / 255.0, ..color };
                    self.0.draw_pixel((at.0 + x, at.1 + y), ink)?;
                }
            }
        }
        Ok(())
    }
}

const WEIGHT: FontWeight = FontWeight::Regular;

/// The size at hand that is next to the size asked for.
fn raster_height(size: f64) -> RasterHeight {
    if size < 20.0 { RasterHeight::Size16 } else { RasterHeight::Size24 }
}

/// Width and height of a text, pixels.
fn extent(text: &str, size: RasterHeight) -> (i32, i32) {
    ((text.chars().count() * get_raster_width(WEIGHT, size)) as i32, size.val() as i32)
}

/// Why something was not drawn.
pub(super) type Refused<'b> = DrawingAreaErrorKind<<Canvas<'b> as DrawingBackend>::ErrorType>;

/// A library's refusal.
pub(super) fn refused(error: impl std::fmt::Display) -> FileError {
    FileError::Draw { what: error.to_string() }
}

/// RGB bytes as a PNG file.
pub(super) fn png(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(refused)?;
    writer.write_image_data(pixels).map_err(refused)?;
    writer.finish().map_err(refused)?;
    Ok(bytes)
}
