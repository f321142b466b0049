//! Pictures as samples: PNG and JPEG files, and images of IDX files.

use crate::Failure;
use std::ops::Range;
use std::path::Path;
use wgrad_nn::data::idx::{Idx, IdxKind};
use wgrad_nn::data::image::read_picture;
use wgrad_nn::files::Input;

/// A sample, with a name for people.
pub(crate) struct Picture {
    /// The file, and the number in it where it holds many.
    pub(crate) name: String,
    /// Values 0 to 1, in the order of the model's input shape.
    values: Vec<f32>,
}

/// Reads the pictures of one file: JPEG, PNG, WebP, BMP or GIF, or the images `range` of an IDX file (plain or gzip).
pub(crate) fn read(path: &Path, input: &Input, range: Option<Range<usize>>, invert: bool) -> Result<Vec<Picture>, Failure> {
    let mut pictures = match starts_like_idx(path)? {
        true => from_idx(path, &input.shape, range.unwrap_or(0..1))?,
        false => vec![Picture { name: path.display().to_string(), values: read_picture(path, input)? }],
    };
    if invert {
        // Through bytes, so that the picture and its negative give the same values to the last bit.
        pictures.iter_mut().flat_map(|p| &mut p.values).for_each(|v| *v = (255.0 - 255.0 * *v) / 255.0);
    }
    Ok(pictures)
}

fn starts_like_idx(path: &Path) -> Result<bool, Failure> {
    use std::io::Read;
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    file.take(4).read_to_end(&mut start).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(start.starts_with(&[0, 0, 8]) || start.starts_with(&[0x1f, 0x8b]))
}

fn from_idx(path: &Path, shape: &[usize], range: Range<usize>) -> Result<Vec<Picture>, Failure> {
    let idx = Idx::read(path, IdxKind::Images)?;
    // invariant: a file of images has three dimensions.
    let (count, each) = (idx.shape[0], idx.shape[1] * idx.shape[2]);
    if shape != &idx.shape[1..] && shape != [&[1], &idx.shape[1..]].concat() {
        return Err(format!("{}: holds grey images of {:?}, the network takes {shape:?}", path.display(), &idx.shape[1..]).into());
    }
    if range.end > count {
        return Err(format!("{}: holds {count} images, there is no number {}", path.display(), range.end - 1).into());
    }
    let values = |n: usize| idx.data[n * each..(n + 1) * each].iter().map(|&v| f32::from(v) / 255.0).collect();
    Ok(range.map(|n| Picture { name: format!("{}[{n}]", path.display()), values: values(n) }).collect())
}

/// The values that the network takes, scaled as in training.
pub(crate) fn values(pictures: &[Picture], input: &Input) -> Vec<f32> {
    input.normalized(pictures.iter().flat_map(|p| p.values.iter().copied()).collect())
}
