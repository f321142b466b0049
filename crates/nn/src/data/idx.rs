//! The IDX format of MNIST: a short header, then unsigned bytes, plain or inside gzip.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 2 | zero |
//! | 2 | 1 | element type, 0x08 for unsigned bytes |
//! | 3 | 1 | number of dimensions, n |
//! | 4 | 4n | the dimensions, big-endian |
//! | 4 + 4n | product of the dimensions | the elements, row-major |
//!
//! Source: "The MNIST database of handwritten digits", LeCun, Cortes and Burges, section on file formats.
//! A header's claims are compared with the bytes that are there before anything is allocated for them.

use super::dataset::{Dataset, Inputs, Normalize, Targets};
use super::error::{DataError, count};
#[cfg(not(target_arch = "wasm32"))]
use std::io::Read;

/// The most bytes that a file may hold, compressed or not: 2 GiB.
pub const MAX_BYTES: u64 = 2 << 30;

/// What a file must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdxKind {
    /// Images: three dimensions, `[count, height, width]`.
    Images,
    /// Labels: one dimension, `[count]`.
    Labels,
}

impl IdxKind {
    fn dimensions(self) -> usize {
        match self {
            IdxKind::Images => 3,
            IdxKind::Labels => 1,
        }
    }
}

/// The contents of an IDX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    /// Where it comes from, for messages.
    pub file: String,
    /// The dimensions; the first one counts the samples.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub data: Vec<u8>,
}

impl Idx {
    /// Reads `bytes`, plain or gzip (told apart by the first two bytes). `file` names them in messages. In a browser plain only: it
    /// decompresses by itself.
    ///
    /// # Errors
    /// [`DataError`] for anything that is not one whole IDX file of that kind.
    pub fn parse(file: &str, bytes: &[u8], kind: IdxKind) -> Result<Self, DataError> {
        if bytes.is_empty() {
            return Err(DataError::Empty { file: file.to_owned(), what: "0 bytes".to_owned() });
        }
        check_size(file, "the file's contents", bytes.len() as u64)?;
        #[cfg(not(target_arch = "wasm32"))]
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return super::gzip::parse(file, bytes, kind);
        }
        let (shape, start) = parse_header(file, bytes, kind)?;
        let (needed, what) = (size(file, &shape)? + start as u64, describe(&shape));
        let len = bytes.len() as u64;
        if len < needed {
            return Err(DataError::Truncated { file: file.to_owned(), len, needed, what });
        }
        if len > needed {
            return Err(DataError::Trailing { file: file.to_owned(), needed, extra: count(len - needed, "byte"), what });
        }
        Ok(Self { file: file.to_owned(), shape: to_usize(&shape), data: bytes[start..].to_vec() })
    }

    /// Reads the file at `path`, plain or gzip.
    ///
    /// # Errors
    /// As [`Idx::parse`], and [`DataError::Io`] where it cannot be read.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read(path: &std::path::Path, kind: IdxKind) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { action: "read", path: path.to_owned(), source };
        let mut bytes = Vec::new();
        // The length that the system states is not to be relied on (pipes, devices): read to a limit.
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(&path.display().to_string(), &bytes, kind)
    }
}

/// Joins an image file and its label file into a set of samples [1, height, width].
///
/// # Errors
/// [`DataError`] where their counts differ or a label is not below the number of `classes`.
pub fn images_with_labels(name: &str, images: Idx, labels: Idx, classes: Vec<String>) -> Result<Dataset, DataError> {
    let (Some((&n, pixels)), Some(&m)) = (images.shape.split_first(), labels.shape.first()) else {
        let what = "images need the dimensions [count, height, width] and labels [count]".to_owned();
        return Err(DataError::Setting { set: name.to_owned(), what });
    };
    if n != m {
        return Err(DataError::CountMismatch { inputs_from: images.file, inputs: n, targets_from: labels.file, targets: m });
    }
    if let Some(sample) = labels.data.iter().position(|&label| usize::from(label) >= classes.len()) {
        return Err(DataError::Label {
            label: u32::from(labels.data[sample]),
            offset: 4 + 4 * labels.shape.len() as u64 + sample as u64,
            file: labels.file,
            sample,
            classes: classes.len(),
        });
    }
    let mut input_shape = vec![1];
    input_shape.extend_from_slice(pixels);
    let targets = Targets::Classes(labels.data.iter().map(|&label| u32::from(label)).collect());
    Dataset::new(name, Inputs::U8(images.data.into()), &input_shape, targets, classes)
}

/// Which half of a published set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// To be judged by.
    Test,
}

impl Split {
    /// The image file and the label file of MNIST, without `.gz`.
    pub fn mnist_files(self) -> [&'static str; 2] {
        match self {
            Split::Train => ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
            Split::Test => ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
        }
    }
}

/// MNIST from the bytes of its two files, normalized by its own mean and deviation (0.1307, 0.3081).
///
/// # Errors
/// [`DataError`] where the bytes are not an image file and its label file.
pub fn mnist_from_bytes(split: Split, images: &[u8], labels: &[u8]) -> Result<Dataset, DataError> {
    let [image_file, label_file] = split.mnist_files();
    let images = Idx::parse(image_file, images, IdxKind::Images)?;
    mnist_set(split, images, Idx::parse(label_file, labels, IdxKind::Labels)?)
}

/// MNIST from `dir`, `dir/mnist` or `dir/MNIST/raw`, each file plain or `.gz`.
///
/// # Errors
/// [`DataError::NotFound`] with every place looked at, or what is wrong with a file that is there.
#[cfg(not(target_arch = "wasm32"))]
pub fn mnist(dir: &std::path::Path, split: Split) -> Result<Dataset, DataError> {
    let files = split.mnist_files();
    let Some([images, labels]) = mnist_folders(dir).iter().find_map(|folder| find_pair(folder, files)) else {
        return Err(DataError::NotFound {
            what: "MNIST".to_owned(),
            set: "mnist".to_owned(),
            files: files.iter().map(|file| format!("{file}[.gz]")).collect(),
            places: mnist_folders(dir).iter().map(|folder| folder.display().to_string()).collect(),
        });
    };
    let images = Idx::read(&images, IdxKind::Images)?;
    mnist_set(split, images, Idx::read(&labels, IdxKind::Labels)?)
}

/// Whether [`mnist`] finds the files of both splits under `dir`; what is in them is not looked at.
#[cfg(not(target_arch = "wasm32"))]
pub fn has_mnist(dir: &std::path::Path) -> bool {
    let has = |split: Split| mnist_folders(dir).iter().any(|folder| find_pair(folder, split.mnist_files()).is_some());
    has(Split::Train) && has(Split::Test)
}

/// The folders under `dir` in which [`mnist`] looks.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn mnist_folders(dir: &std::path::Path) -> [std::path::PathBuf; 3] {
    [dir.to_owned(), dir.join("mnist"), dir.join("MNIST").join("raw")]
}

#[cfg(not(target_arch = "wasm32"))]
fn find_pair(folder: &std::path::Path, files: [&str; 2]) -> Option<[std::path::PathBuf; 2]> {
    let find = |file: &str| [folder.join(file), folder.join(format!("{file}.gz"))].into_iter().find(|path| path.is_file());
    Some([find(files[0])?, find(files[1])?])
}

fn mnist_set(split: Split, images: Idx, labels: Idx) -> Result<Dataset, DataError> {
    let name = match split {
        Split::Train => "mnist",
        Split::Test => "mnist (test)",
    };
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    images_with_labels(name, images, labels, classes)?.normalized(Normalize::all(0.1307, 0.3081))
}

/// The dimensions and the offset of the first element.
pub(super) fn parse_header(file: &str, bytes: &[u8], kind: IdxKind) -> Result<(Vec<u64>, usize), DataError> {
    let file = || file.to_owned();
    let &[zero, also_zero, code, dimensions, ref rest @ ..] = bytes else {
        let what = "the magic number".to_owned();
        return Err(DataError::Truncated { file: file(), len: bytes.len() as u64, needed: 4, what });
    };
    if (zero, also_zero) != (0, 0) || element_type(code).is_none() || dimensions == 0 {
        return Err(DataError::NotIdx { file: file(), found: bytes[..4].to_vec() });
    }
    if let Some(name) = element_type(code).filter(|_| code != 0x08) {
        return Err(DataError::ElementType { file: file(), code, name });
    }
    let words = rest.chunks_exact(4).map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]])));
    let shape: Vec<u64> = words.take(usize::from(dimensions)).collect();
    if usize::from(dimensions) != kind.dimensions() {
        let of = |n: usize| match n {
            1 => "labels",
            3 => "images",
            _ => "an array of another number of dimensions",
        };
        return Err(DataError::Mislabelled {
            file: file(),
            found: of(usize::from(dimensions)),
            found_magic: u32::from_be_bytes([zero, also_zero, code, dimensions]),
            shape,
            expected: of(kind.dimensions()),
            expected_magic: 0x0800 + kind.dimensions() as u32,
        });
    }
    let start = 4 + 4 * kind.dimensions();
    if shape.len() < kind.dimensions() {
        let what = format!("the header of a file with {}", count(u64::from(dimensions), "dimension"));
        return Err(DataError::Truncated { file: file(), len: bytes.len() as u64, needed: start as u64, what });
    }
    if shape.contains(&0) {
        return Err(DataError::Empty { file: file(), what: format!("dimensions {shape:?}") });
    }
    Ok((shape, start))
}

/// Bytes of an array of this shape, within [`MAX_BYTES`].
pub(super) fn size(file: &str, shape: &[u64]) -> Result<u64, DataError> {
    let size = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).unwrap_or(u64::MAX);
    check_size(file, &describe(shape), size)?;
    Ok(size)
}

fn check_size(file: &str, what: &str, size: u64) -> Result<(), DataError> {
    if size <= MAX_BYTES {
        return Ok(());
    }
    let claimed = if size == u64::MAX { "2^64 or more".to_owned() } else { size.to_string() };
    let limit = format!("the {MAX_BYTES} that a data file may hold");
    Err(DataError::TooLarge { file: file.to_owned(), what: what.to_owned(), claimed, limit })
}

pub(super) fn describe(shape: &[u64]) -> String {
    match shape {
        [n] => count(*n, "label"),
        [n, height, width] => format!("{} of {height}x{width}", count(*n, "image")),
        _ => format!("an array of {shape:?}"),
    }
}

/// Dimensions as indices. Their product passed [`size`] and none is zero, so each fits.
pub(super) fn to_usize(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|&d| d as usize).collect()
}

fn element_type(code: u8) -> Option<&'static str> {
    match code {
        0x08 => Some("unsigned byte"),
        0x09 => Some("signed byte"),
        0x0B => Some("16-bit integer"),
        0x0C => Some("32-bit integer"),
        0x0D => Some("32-bit float"),
        0x0E => Some("64-bit float"),
        _ => None,
    }
}
