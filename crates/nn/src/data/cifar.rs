//! CIFAR-10: 60,000 pictures of 32 × 32 pixels in ten classes.
//!
//! Its binary version has records of 3,073 bytes: the label, then 1,024 bytes each of red, green and blue, row by row (A. Krizhevsky,
//! "Learning multiple layers of features from tiny images", 2009, and the page of the set). Five files of 10,000 records train, one tests.

use super::dataset::{Dataset, Inputs, Targets};
use super::error::DataError;

/// Bytes of a record.
const RECORD: usize = 1 + 3 * 32 * 32;

/// The classes, in the order of the labels, which is that of the alphabet.
pub const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The files of the binary version: those that train, then the one that tests.
pub const FILES: [&str; 6] = ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];

/// Names of a folder or an archive with the binary files.
pub const BINARY: [&str; 3] = ["cifar-10-batches-bin", "cifar-10-binary.tar.gz", "cifar-10-binary.tar"];

/// Names of the archives with the pictures, without their endings.
pub const PICTURES: [&str; 2] = ["cifar10-train", "cifar10-test"];

/// A set from the bytes of binary files with their names. `meta` is the text of `batches.meta.txt`, a class a line, where it is there.
///
/// # Errors
/// [`DataError`] where a file is no whole number of records, or a label is no class.
pub fn cifar10_from_bytes(name: &str, files: &[(String, Vec<u8>)], meta: Option<&str>) -> Result<Dataset, DataError> {
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let classes = meta.map(lines).unwrap_or_else(|| CLASSES.map(str::to_owned).to_vec());
    if classes.len() != CLASSES.len() {
        let what = format!("batches.meta.txt names {} classes; CIFAR-10 has ten, one a line", classes.len());
        return Err(DataError::Files { place: name.to_owned(), what });
    }
    let total = files.iter().map(|(_, bytes)| bytes.len() / RECORD).sum::<usize>();
    let (mut pixels, mut labels) = (Vec::with_capacity(total * (RECORD - 1)), Vec::with_capacity(total));
    for (file, bytes) in files {
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let what = format!("{} whole records of {RECORD} bytes", bytes.len() / RECORD + 1);
            return Err(DataError::Truncated { file: file.clone(), len: bytes.len() as u64, needed: (bytes.len() / RECORD * RECORD + RECORD) as u64, what });
        }
        for (sample, record) in bytes.chunks_exact(RECORD).enumerate() {
            let label = u32::from(record[0]);
            if label as usize >= classes.len() {
                return Err(DataError::Label { file: file.clone(), label, offset: (sample * RECORD) as u64, sample, classes: classes.len() });
            }
            labels.push(label);
            pixels.extend_from_slice(&record[1..]);
        }
    }
    Dataset::new(name, Inputs::U8(pixels.into()), &[3, 32, 32], Targets::Classes(labels.into()), classes)
}

#[cfg(not(target_arch = "wasm32"))]
pub use files::cifar10;

#[cfg(not(target_arch = "wasm32"))]
mod files {
    use super::{BINARY, DataError, Dataset, FILES, PICTURES, cifar10_from_bytes};
    use crate::data::image::walk::{Found, Visitor, walk};
    use crate::data::image::{ImageOptions, Images, Limits, Part};
    use std::path::{Path, PathBuf};

    /// The sets for training and tests, from the first of `folders` (or their subfolder `cifar10`) that has them: at most `samples`
    /// each, as many of each class as can be, drawn by `seed`.
    ///
    /// # Errors
    /// [`DataError::NotFound`] lists what was looked for and where; otherwise what is wrong with the files.
    pub fn cifar10(folders: &[PathBuf], samples: [Option<usize>; 2], seed: u64) -> Result<[Dataset; 2], DataError> {
        let folders: Vec<PathBuf> = folders.iter().flat_map(|folder| [folder.clone(), folder.join("cifar10")]).collect();
        for folder in &folders {
            let binary = [folder.clone()].into_iter().chain(BINARY.iter().map(|name| folder.join(name)));
            let mut found = binary.filter(|path| path.is_file() || path.join(FILES[0]).is_file());
            if let Some(path) = found.next() {
                let [train, test] = read_binary(&path)?;
                let limited = |set: Dataset, n: Option<usize>| n.map_or(set.clone(), |n| set.balanced(n, seed));
                return Ok([limited(train, samples[0]), limited(test, samples[1])]);
            }
            let endings = [".tar.gz", ".tgz", ".tar", ".zip", ""];
            let pictures = PICTURES.map(|name| endings.iter().map(|ending| folder.join(format!("{name}{ending}"))).find(|path| path.exists()));
            if let [Some(train), Some(test)] = pictures {
                let read = |path: &Path, samples, classes: Option<&[String]>| -> Result<Dataset, DataError> {
                    let options = ImageOptions { size: [32, 32], samples, seed, ..ImageOptions::default() };
                    let set = Images::read(path, &options, classes)?.parts.remove(&Part::Train);
                    set.ok_or_else(|| DataError::Files { place: path.display().to_string(), what: "holds no class folders".to_owned() })
                };
                let train = read(&train, samples[0], None)?;
                let test = read(&test, samples[1], Some(train.classes()))?;
                return Ok([train, test]);
            }
        }
        let binary = BINARY.iter().map(|name| (*name).to_owned());
        let pictures = PICTURES.iter().map(|name| format!("{name}.tar.gz"));
        Err(DataError::NoFile {
            file: format!("CIFAR-10 ({}, or {})", binary.collect::<Vec<_>>().join(", "), pictures.collect::<Vec<_>>().join(" with ")),
            places: folders.iter().map(|folder| folder.display().to_string()).collect(),
        })
    }

    /// The binary files in a folder or an archive.
    fn read_binary(path: &Path) -> Result<[Dataset; 2], DataError> {
        let mut taken = Taken { meta: None, files: Default::default() };
        walk(path, &Limits::default(), &mut taken)?;
        let place = path.display();
        let mut files = Vec::new();
        for (name, found) in FILES.iter().zip(taken.files) {
            let missing =
                || DataError::Files { place: place.to_string(), what: format!("{name} of CIFAR-10 is not there; copy it there, or the whole set again") };
            files.push((format!("{place}/{name}"), found.ok_or_else(missing)?));
        }
        let test = files.split_off(FILES.len() - 1);
        let meta = taken.meta.as_deref();
        Ok([cifar10_from_bytes("cifar10", &files, meta)?, cifar10_from_bytes("cifar10 (test)", &test, meta)?])
    }

    struct Taken {
        meta: Option<String>,
        files: [Option<Vec<u8>>; FILES.len()],
    }

    impl Taken {
        fn number(path: &str) -> Option<usize> {
            let name = path.rsplit('/').next().unwrap_or(path);
            FILES.iter().position(|file| *file == name)
        }
    }

    impl Visitor for Taken {
        fn wants(&mut self, path: &str) -> bool {
            Self::number(path).is_some() || path.ends_with("batches.meta.txt")
        }

        fn take(&mut self, found: Found) -> Result<(), DataError> {
            let Found::File(path, bytes) = found else { return Ok(()) };
            let bytes = bytes.map_err(|what| DataError::Files { place: path.clone(), what })?;
            match Self::number(&path) {
                Some(number) => self.files[number] = Some(bytes),
                None => self.meta = Some(String::from_utf8_lossy(&bytes).into_owned()),
            }
            Ok(())
        }
    }
}
