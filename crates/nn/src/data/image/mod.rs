//! Pictures: one for a prediction, or a set of them from a folder or an archive.
//!
//! | file | what |
//! |---|---|
//! | `decode` | JPEG, PNG, WebP, BMP and GIF as pixels |
//! | `pixels` | pixels as planes of bytes |
//! | `encoded` | pictures that are kept as files |
//! | `exif` | how a camera was held |
//! | `walk` | the files of a folder, a tar or a zip |
//! | `limits` | what is too much |
//! | `layout` | what the paths of a set say |
//! | `set` | [`Images`]: a set of them, decoded on several threads |
//! | `gather` | [`Gathering`]: a set whose files somebody else reads and decodes, such as a browser |
//! | `sorted` | a small map |
//! | `assemble` | from decoded pictures to sets |

mod assemble;
#[cfg(not(target_arch = "wasm32"))]
mod decode;
#[cfg(not(target_arch = "wasm32"))]
mod encoded;
#[cfg(not(target_arch = "wasm32"))]
mod exif;
mod gather;
mod layout;
mod limits;
mod pixels;
#[cfg(not(target_arch = "wasm32"))]
mod set;
mod sorted;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod walk;

pub use crate::recipe::{BadFiles, Keep};
pub use assemble::{BadFile, ImageOptions, Images};
pub use gather::Gathering;
pub use layout::Part;
pub use limits::{Limits, is_litter};
pub use pixels::{MAX_PIXELS, Pixels};
pub use sorted::Sorted;
#[cfg(not(target_arch = "wasm32"))]
pub use walk::find;

use super::error::DataError;
use super::framing::Image;
use crate::files::Input;
#[cfg(not(target_arch = "wasm32"))]
use std::{io::Read, path::Path};

/// The most bytes of one picture file.
pub const MAX_FILE: u64 = 128 << 20;

/// Reads a picture file as a sample for the network that `input` describes: values 0 to 1 of shape [channels, height, width], brought to
/// their size as those of the training set were, not yet normalized ([`Input::normalized`] does that).
///
/// # Errors
/// [`DataError::Picture`] where it cannot be read or decoded, or the network takes no pictures.
#[cfg(not(target_arch = "wasm32"))]
pub fn read_picture(path: &Path, input: &Input) -> Result<Vec<f32>, DataError> {
    // Before the file is read: no picture will do.
    shape(&path.display().to_string(), input)?;
    picture(&path.display().to_string(), &read_file(path)?, input)
}

/// Channels, height and width of the network's samples.
fn shape(file: &str, input: &Input) -> Result<(usize, [usize; 2]), DataError> {
    match *input.shape {
        [height, width] => Ok((1, [height, width])),
        [channels @ (1 | 3), height, width] => Ok((channels, [height, width])),
        _ => {
            let what = format!("the network takes samples of shape {:?}, which are no pictures ([1 or 3, height, width])", input.shape);
            Err(DataError::Picture { file: file.to_owned(), what })
        }
    }
}

/// [`read_picture`] of the contents of a file, which `file` names in messages.
///
/// # Errors
/// As [`read_picture`].
#[cfg(not(target_arch = "wasm32"))]
pub fn picture(file: &str, bytes: &[u8], input: &Input) -> Result<Vec<f32>, DataError> {
    let pixels = Pixels::decode(bytes, MAX_PIXELS).map_err(|what| DataError::Picture { file: file.to_owned(), what })?;
    framed(file, &pixels, input)
}

/// [`read_picture`] of a picture that is decoded already.
///
/// # Errors
/// [`DataError::Picture`] where the network takes no pictures.
pub fn framed(file: &str, pixels: &Pixels, input: &Input) -> Result<Vec<f32>, DataError> {
    let wrong = |what: String| DataError::Picture { file: file.to_owned(), what };
    let (channels, size) = shape(file, input)?;
    let framing = input.picture.as_ref();
    let (kept, fit) = framing.map_or((size, Default::default()), |f| (f.size, f.fit));
    if kept.contains(&0) || kept[0].saturating_mul(kept[1]) > MAX_PIXELS {
        return Err(wrong(format!("the network's description says that pictures are kept at {kept:?}, which cannot be")));
    }
    let values = pixels.planes(channels, kept, fit).iter().map(|&v| f32::from(v) / 255.0).collect();
    let mut image = Image { shape: [channels, kept[0], kept[1]], values };
    framing.iter().flat_map(|f| &f.steps).for_each(|step| image.apply(step));
    if image.shape[1..] != size {
        return Err(wrong(format!("the network's description is damaged: it brings pictures to {:?}, and the network takes {size:?}", &image.shape[1..])));
    }
    Ok(image.values)
}

/// The bytes of a picture file, of [`MAX_FILE`] at most.
#[cfg(not(target_arch = "wasm32"))]
fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::Io { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        let what = format!("more than the {MAX_FILE} bytes that a picture file may have");
        return Err(DataError::Picture { file: path.display().to_string(), what });
    }
    Ok(bytes)
}
