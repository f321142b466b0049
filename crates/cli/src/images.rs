//! Pictures as samples: PNG and JPEG files, and images of IDX files.

use crate::Failure;
use crate::pixels::Pixels;
use std::ops::Range;
use std::path::Path;
use wgrad_nn::data::idx::{Idx, IdxKind};
use wgrad_nn::data::{BatchTargets, Dataset, Inputs, Targets};
use wgrad_nn::files::Input;

/// A sample as bytes, with a name for people.
pub(crate) struct Picture {
    /// The file, and the number in it where it holds many.
    pub(crate) name: String,
    /// One byte a value, in the order of the model's input shape.
    bytes: Vec<u8>,
}

/// How a model sees pictures.
struct Canvas {
    channels: usize,
    height: usize,
    width: usize,
}

impl Canvas {
    fn of(shape: &[usize]) -> Result<Self, Failure> {
        match *shape {
            [height, width] => Ok(Self { channels: 1, height, width }),
            [channels @ (1 | 3), height, width] => Ok(Self { channels, height, width }),
            _ => {
                Err(format!("the network takes samples of shape {shape:?}, which are no pictures ([1 or 3, height, width]); give numbers with --values").into())
            }
        }
    }
}

/// Reads the pictures of one file: PNG, JPEG, or the images `range` of an IDX file (plain or gzip).
pub(crate) fn read(path: &Path, shape: &[usize], range: Option<Range<usize>>, invert: bool) -> Result<Vec<Picture>, Failure> {
    let canvas = Canvas::of(shape)?;
    let mut pictures = match starts_like_idx(path)? {
        true => from_idx(path, &canvas, range.unwrap_or(0..1))?,
        false => vec![from_picture(path, &canvas)?],
    };
    if invert {
        pictures.iter_mut().flat_map(|p| &mut p.bytes).for_each(|b| *b = 255 - *b);
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

fn from_idx(path: &Path, canvas: &Canvas, range: Range<usize>) -> Result<Vec<Picture>, Failure> {
    let idx = Idx::read(path, IdxKind::Images)?;
    // invariant: a file of images has three dimensions.
    let (count, each) = (idx.shape[0], idx.shape[1] * idx.shape[2]);
    if idx.shape[1..] != [canvas.height, canvas.width] || canvas.channels != 1 {
        let wanted = [canvas.channels, canvas.height, canvas.width];
        return Err(format!("{}: holds grey images of {:?}, the network takes {wanted:?}", path.display(), &idx.shape[1..]).into());
    }
    if range.end > count {
        return Err(format!("{}: holds {count} images, there is no number {}", path.display(), range.end - 1).into());
    }
    let picture = |n: usize| Picture { name: format!("{}[{n}]", path.display()), bytes: idx.data[n * each..(n + 1) * each].to_vec() };
    Ok(range.map(picture).collect())
}

fn from_picture(path: &Path, canvas: &Canvas) -> Result<Picture, Failure> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let pixels = Pixels::decode(&bytes).map_err(|e| format!("{}: {e}; give a PNG, a JPEG or an IDX file of images", path.display()))?;
    Ok(Picture { name: path.display().to_string(), bytes: pixels.planes(canvas.channels, canvas.height, canvas.width) })
}

/// The values that the network takes, scaled as in training.
pub(crate) fn values(pictures: &[Picture], input: &Input) -> Result<Vec<f32>, Failure> {
    let bytes: Vec<u8> = pictures.iter().flat_map(|p| p.bytes.iter().copied()).collect();
    scaled(Inputs::U8(bytes.into()), pictures.len(), input)
}

/// Samples scaled by the set's own code, so that training and prediction cannot differ.
pub(crate) fn scaled(inputs: Inputs, samples: usize, input: &Input) -> Result<Vec<f32>, Failure> {
    let targets = Targets::Values { data: vec![0.0; samples].into(), shape: vec![1] };
    let mut set = Dataset::new("the samples given", inputs, &input.shape, targets, Vec::new())?;
    if let Some(normalize) = &input.normalize {
        set = set.normalized(normalize.clone())?;
    }
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&(0..samples).collect::<Vec<_>>(), &mut x, &mut y);
    Ok(x)
}
