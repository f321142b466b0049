//! Pictures as samples: PNG and JPEG files, and images of IDX files.

use crate::Failure;
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use wgrad_nn::data::framing::{Image, Step};
use wgrad_nn::data::idx::{Idx, IdxKind};
use wgrad_nn::data::image::read_picture;
use wgrad_nn::files::Input;

/// A sample, with a name for people.
pub(crate) struct Picture {
    /// The file, and the number in it where it holds many.
    pub(crate) name: String,
    /// The file.
    path: PathBuf,
    /// Its number in a file that holds many.
    number: Option<usize>,
    /// Values 0 to 1, in the order of the model's input shape.
    values: Vec<f32>,
}

/// Reads the pictures of one file: JPEG, PNG, WebP, BMP or GIF, or the images `range` of an IDX file (plain or gzip).
pub(crate) fn read(path: &Path, input: &Input, range: Option<Range<usize>>, invert: bool) -> Result<Vec<Picture>, Failure> {
    let mut pictures = match starts_like_idx(path)? {
        true => from_idx(path, &input.shape, range.unwrap_or(0..1))?,
        false => vec![Picture { name: path.display().to_string(), path: path.to_owned(), number: None, values: read_picture(path, input)? }],
    };
    if invert {
        pictures.iter_mut().for_each(|p| negative(&mut p.values));
    }
    Ok(pictures)
}

/// Turns black into white.
fn negative(values: &mut [f32]) {
    // Through bytes, so that the picture and its negative give the same values to the last bit.
    values.iter_mut().for_each(|v| *v = (255.0 - 255.0 * *v) / 255.0);
}

/// Pixels along the longer side of a picture to look at, at least.
const LOOKED_AT: usize = 256;

impl Picture {
    /// Where a picture that belongs to this one is put: beside it, or into a folder; `taken` are the names that were given out before.
    pub(crate) fn beside(&self, what: &str, folder: Option<&Path>, taken: &mut HashSet<PathBuf>) -> PathBuf {
        let stem = self.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = folder.or(self.path.parent()).unwrap_or(Path::new(""));
        let number = self.number.map(|n| format!("-{n}")).unwrap_or_default();
        let name = |again: usize| folder.join(format!("{stem}{number}-{what}{}.png", if again > 1 { format!("-{again}") } else { String::new() }));
        let mut again = 1;
        while !taken.insert(name(again)) {
            again += 1;
        }
        name(again)
    }

    /// What the network sees of it, in the same frame, larger: for people to look at.
    pub(crate) fn view(&self, input: &Input, invert: bool) -> Result<Image, Failure> {
        let [channels, height, width] = match *input.shape {
            [height, width] => [1, height, width],
            [channels, height, width] => [channels, height, width],
            _ => return Err(format!("samples of shape {:?} are no pictures", input.shape).into()),
        };
        let times = LOOKED_AT.div_ceil(height.max(width).max(1));
        let larger = |[h, w]: [usize; 2]| [times * h, times * w];
        let shape = [channels, times * height, times * width];
        if self.number.is_some() {
            let mut image = Image { shape: [channels, height, width], values: self.values.clone() };
            image.apply(&Step::Resize(larger([height, width])));
            return Ok(image);
        }
        let mut input = Input { shape: shape.to_vec(), ..input.clone() };
        if let Some(framing) = &mut input.picture {
            framing.size = larger(framing.size);
            framing.steps.iter_mut().for_each(|step| match step {
                Step::Resize(size) | Step::CenterCrop(size) => *size = larger(*size),
            });
        }
        let mut values = read_picture(&self.path, &input)?;
        if invert {
            negative(&mut values);
        }
        Ok(Image { shape, values })
    }
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
    Ok(range.map(|n| Picture { name: format!("{}[{n}]", path.display()), path: path.to_owned(), number: Some(n), values: values(n) }).collect())
}

/// The values that the network takes, scaled as in training.
pub(crate) fn values(pictures: &[Picture], input: &Input) -> Vec<f32> {
    input.normalized(pictures.iter().flat_map(|p| p.values.iter().copied()).collect())
}
