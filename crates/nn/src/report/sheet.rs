//! A contact sheet: samples of a set as the network is given them, before normalization.

use super::canvas::{Canvas, png, refused};
use crate::data::augment::Draw;
use crate::data::{BatchTargets, DataError, Dataset};
use crate::files::FileError;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Rows and columns of pictures.
const ROWS: usize = 10;
const COLUMNS: usize = 8;

/// The least side of a picture on the sheet: smaller ones are enlarged by whole numbers.
const SIDE: usize = 64;

/// Pixels of a letter: its width, and its height.
const LETTER: (usize, usize) = (8, 16);

/// Letters of a class's name that are shown.
const NAME: usize = 16;

/// Pixels between pictures.
const GAP: usize = 4;

/// Draws samples of a set as a PNG, a class a row: of a set that is transformed at random one sample a row, as it is measured and then
/// as seven epochs draw it; of another set eight samples a row.
///
/// # Errors
/// [`FileError::Draw`] where samples are no pictures ([height, width], or [1 or 3, height, width]), or a library refuses.
pub fn contact_sheet(set: &Dataset, seed: u64) -> Result<Vec<u8>, FileError> {
    let (channels, height, width) = match *set.input_shape() {
        [height, width] => (1, height, width),
        [channels @ (1 | 3), height, width] => (channels, height, width),
        _ => {
            let what = format!("samples of shape {:?} are no pictures ([1 or 3, height, width])", set.input_shape());
            return Err(FileError::Draw { what: DataError::Setting { set: set.name().to_owned(), what }.to_string() });
        }
    };
    let rows = rows(set);
    let plain = set.clone().unnormalized();
    let times = SIDE.div_ceil(height.min(width).max(1));
    let (cell_h, cell_w) = (height * times, width * times);
    let names: Vec<String> = rows.iter().map(|row| name(set, row[0])).collect();
    let left = GAP + names.iter().map(|name| name.chars().count()).max().unwrap_or(0) * LETTER.0 + GAP;
    let size = (left + COLUMNS * (cell_w + GAP), GAP + rows.len() * (cell_h + GAP));
    let mut pixels = vec![255u8; size.0 * size.1 * 3];
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    for column in 0..COLUMNS {
        // A column is a batch, so that samples laid over each other are seen too.
        let indices: Vec<Option<usize>> = rows.iter().map(|row| if set.is_random() { row.first() } else { row.get(column) }.copied()).collect();
        let there: Vec<usize> = indices.iter().flatten().copied().collect();
        match column {
            0 => plain.fill_batch(&there, &mut x, &mut y),
            epoch => plain.fill_training(&there, Draw { seed, epoch: epoch as u64 - 1, batch: 0 }, &mut x, &mut y),
        }
        let mut samples = x.chunks_exact(channels * height * width);
        for row in indices.iter().enumerate().filter_map(|(row, index)| index.map(|_| row)) {
            let Some(sample) = samples.next() else { break };
            let (at_x, at_y) = (left + column * (cell_w + GAP), GAP + row * (cell_h + GAP));
            for py in 0..cell_h {
                for px in 0..cell_w {
                    let value = |c: usize| sample[((c % channels) * height + py / times) * width + px / times];
                    let out = &mut pixels[3 * ((at_y + py) * size.0 + at_x + px)..][..3];
                    out.iter_mut().enumerate().for_each(|(c, out)| *out = (value(c) * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
                }
            }
        }
    }
    let size = (size.0 as u32, size.1 as u32);
    {
        let area = Canvas::new(&mut pixels, size).into_drawing_area();
        let style = ("sans", 16).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        for (row, name) in names.iter().enumerate() {
            let at = (GAP as i32, (GAP + row * (cell_h + GAP) + cell_h / 2) as i32);
            area.draw_text(name, &style, at).map_err(refused)?;
        }
        area.present().map_err(refused)?;
    }
    png(&pixels, size)
}

/// The samples of each row: some of each class in turn, or of all where there are no classes.
fn rows(set: &Dataset) -> Vec<Vec<usize>> {
    let classes = set.classes().len();
    let mut of_class = vec![Vec::new(); classes.max(1)];
    for i in 0..set.len() {
        let row = &mut of_class[set.label(i).map_or(0, |label| label as usize)];
        if row.len() < ROWS * COLUMNS {
            row.push(i);
        }
    }
    of_class.retain(|samples| !samples.is_empty());
    let shown = of_class.len().clamp(1, ROWS);
    // Few classes have several rows each.
    let each = (ROWS / shown).max(1);
    let width = if set.is_random() { 1 } else { COLUMNS };
    of_class.iter().take(ROWS).flat_map(|samples| samples.chunks(width).take(each).map(<[usize]>::to_vec)).collect()
}

fn name(set: &Dataset, index: usize) -> String {
    let name = set.label(index).and_then(|label| set.classes().get(label as usize)).map_or("", String::as_str);
    if name.chars().count() <= NAME { name.to_owned() } else { name.chars().take(NAME - 1).chain(['.']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::{Augment, RandomRotation};
    use crate::data::digits::digits;
    use crate::data::idx::Split;
    use crate::data::{Inputs, Targets};

    fn size(png: &[u8]) -> (u32, u32) {
        let word = |at: usize| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]);
        (word(16), word(20))
    }

    #[test]
    fn a_row_a_class_and_the_same_sheet_for_the_same_seed() {
        let set = digits(Split::Train, 100, 1).unwrap();
        let plain = contact_sheet(&set, 1).unwrap();
        // Ten rows and eight columns of 28 × 28, thrice as large, beside a name of one letter.
        assert_eq!(size(&plain), (16 + 8 * 88, 4 + 10 * 88));
        let turned = set.transformed(vec![Augment::RandomRotation(RandomRotation { degrees: 30.0 })]).unwrap();
        let sheet = contact_sheet(&turned, 1).unwrap();
        assert_eq!(size(&sheet), size(&plain));
        assert_eq!(sheet, contact_sheet(&turned, 1).unwrap());
        assert_ne!(sheet, contact_sheet(&turned, 2).unwrap());
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let targets = Targets::Values { data: vec![0.0; 2].into(), shape: vec![1] };
        let set = Dataset::new("numbers", Inputs::F32(vec![0.0; 8].into()), &[4], targets, vec![]).unwrap();
        assert!(contact_sheet(&set, 1).unwrap_err().to_string().contains("no pictures"));
    }
}
