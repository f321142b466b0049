//! The confusion matrix as a picture: a row a true class, a column a predicted one.

use super::canvas::{Canvas, Refused, png, refused};
use crate::files::FileError;
use crate::metrics::Classification;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Pixels of a letter: its width, and its height with the space to the next line.
const LETTER: (i32, i32) = (8, 16);

/// Letters of a class's name that are shown.
const NAME: usize = 16;

/// The least pixels of a cell that its count and its names are written for.
const WRITTEN: i32 = 18;

/// Draws the confusion matrix as a PNG under `title`. A cell is the darker, the larger its share of its row.
///
/// # Errors
/// [`FileError::Draw`] where a library refuses.
pub fn draw_confusion(metrics: &Classification, title: &str) -> Result<Vec<u8>, FileError> {
    let sheet = Sheet::of(metrics);
    let size = sheet.size(title);
    let mut pixels = vec![255; size.0 as usize * size.1 as usize * 3];
    {
        let area = Canvas::new(&mut pixels, size).into_drawing_area();
        sheet.draw(&area, title).map_err(refused)?;
        area.present().map_err(refused)?;
    }
    png(&pixels, size)
}

/// The measures of a picture.
struct Sheet<'m> {
    metrics: &'m Classification,
    names: Vec<String>,
    /// Side of a cell.
    cell: i32,
    /// Where the first cell begins.
    left: i32,
    top: i32,
}

type Area<'b> = DrawingArea<Canvas<'b>, Shift>;

impl<'m> Sheet<'m> {
    fn of(metrics: &'m Classification) -> Self {
        let classes = metrics.classes.len().max(1) as i32;
        let digits = metrics.confusion.iter().flatten().max().map_or(1, |n| n.to_string().len()) as i32;
        let cell = if classes <= 16 { (digits * LETTER.0 + 10).max((330 / classes).clamp(44, 100)) } else { (900 / classes).clamp(3, 44) };
        let names: Vec<String> = metrics.classes.iter().map(|c| shortened(&c.name)).collect();
        let written = if cell >= WRITTEN { names.iter().map(|n| n.chars().count()).max().unwrap_or(0) as i32 * LETTER.0 } else { 0 };
        Self { metrics, names, cell, left: 44 + written, top: 52 }
    }

    fn side(&self) -> i32 {
        self.cell * self.metrics.classes.len() as i32
    }

    fn size(&self, title: &str) -> (u32, u32) {
        let width = (self.left + self.side() + 24).max(title.chars().count() as i32 * 12 + 32);
        // Names below the matrix stand upright where they are wider than a cell.
        let height = self.top + self.side() + self.below() + 40;
        (width as u32, height as u32)
    }

    /// Whether the names below fit side by side.
    fn lying(&self) -> bool {
        self.names.iter().all(|n| n.chars().count() as i32 * LETTER.0 + 4 <= self.cell)
    }

    /// The height of the names below.
    fn below(&self) -> i32 {
        match self.cell >= WRITTEN {
            true if self.lying() => LETTER.1 + 4,
            true => self.names.iter().map(|n| n.chars().count()).max().unwrap_or(0) as i32 * LETTER.0 + 4,
            false => 0,
        }
    }

    fn draw<'b>(&self, area: &Area<'b>, title: &str) -> Result<(), Refused<'b>> {
        let style = |size: i32, color: RGBColor, h: HPos, v: VPos| ("sans", size).into_font().color(&color).pos(Pos::new(h, v));
        let (cell, side) = (self.cell, self.side());
        let (width, _) = area.dim_in_pixel();
        area.draw_text(title, &style(24, BLACK, HPos::Center, VPos::Center), (width as i32 / 2, 26))?;
        for (row, counts) in self.metrics.confusion.iter().enumerate() {
            let total = counts.iter().sum::<u64>().max(1);
            for (column, &count) in counts.iter().enumerate() {
                let share = count as f64 / total as f64;
                let (x, y) = (self.left + column as i32 * cell, self.top + row as i32 * cell);
                area.draw(&Rectangle::new([(x, y), (x + cell, y + cell)], shade(share).filled()))?;
                let text = count.to_string();
                if count > 0 && text.len() as i32 * LETTER.0 < cell && cell >= WRITTEN {
                    let ink = if share > 0.5 { WHITE } else { BLACK };
                    area.draw_text(&text, &style(16, ink, HPos::Center, VPos::Center), (x + cell / 2, y + cell / 2))?;
                }
            }
        }
        area.draw(&Rectangle::new([(self.left, self.top), (self.left + side, self.top + side)], RGBColor(90, 90, 90)))?;
        if cell >= WRITTEN {
            for (k, name) in self.names.iter().enumerate() {
                let middle = k as i32 * cell + cell / 2;
                area.draw_text(name, &style(16, BLACK, HPos::Right, VPos::Center), (self.left - 6, self.top + middle))?;
                let (turn, h, v) =
                    if self.lying() { (FontTransform::None, HPos::Center, VPos::Top) } else { (FontTransform::Rotate270, HPos::Right, VPos::Center) };
                let below = ("sans", 16).into_font().transform(turn).color(&BLACK).pos(Pos::new(h, v));
                area.draw_text(name, &below, (self.left + middle, self.top + side + 6))?;
            }
        }
        let bottom = self.top + side + self.below() + 22;
        area.draw_text("predicted", &style(16, BLACK, HPos::Center, VPos::Center), (self.left + side / 2, bottom))?;
        let truth = ("sans", 16).into_font().transform(FontTransform::Rotate270).color(&BLACK).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw_text("true", &truth, (18, self.top + side / 2))
    }
}

/// The first letters of a name that is too long.
pub(super) fn shortened(name: &str) -> String {
    let short: String = name.chars().take(NAME).collect();
    if short.len() < name.len() { short.chars().take(NAME - 2).chain("..".chars()).collect() } else { short }
}

/// From white to dark blue.
fn shade(share: f64) -> RGBColor {
    let mix = |from: f64, to: f64| (from + (to - from) * share.clamp(0.0, 1.0).powf(0.7)) as u8;
    RGBColor(mix(255.0, 8.0), mix(255.0, 64.0), mix(255.0, 129.0))
}
