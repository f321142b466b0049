//! From pictures of one size to the sets of a run, whoever read them.

use super::layout::{Layout, Part};
use super::limits::Limits;
use super::sorted::Sorted;
use crate::data::dataset::{Dataset, Inputs, Targets, balanced};
use crate::data::error::{DataError, count};
use crate::data::framing::Fit;
use crate::recipe::{BadFiles, Keep};

/// How a set of pictures is read.
#[derive(Debug, Clone)]
pub struct ImageOptions {
    /// Height and width in which pictures are kept.
    pub size: [usize; 2],
    /// 1, grey, or 3, red, green and blue.
    pub channels: usize,
    /// How they are brought to that size.
    pub fit: Fit,
    /// What becomes of damaged files.
    pub bad_files: BadFiles,
    /// In what form they are kept.
    pub keep: Keep,
    /// At most so many samples of the training part, or of everything where there are no parts; as many of each class as can be, drawn
    /// by the seed.
    pub samples: Option<usize>,
    /// The same for the test part.
    pub test_samples: Option<usize>,
    /// Decides which ones.
    pub seed: u64,
    /// Threads that decode; 0: one a core, eight at most.
    pub workers: usize,
    /// What is too much.
    pub limits: Limits,
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            size: [32, 32],
            channels: 3,
            fit: Fit::default(),
            bad_files: BadFiles::default(),
            keep: Keep::default(),
            samples: None,
            test_samples: None,
            seed: 0,
            workers: 0,
            limits: Limits::default(),
        }
    }
}

/// A file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// Where it is.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// The pictures of a folder or an archive.
#[derive(Debug, Clone)]
pub struct Images {
    /// The set of each part; [`Part::Train`] alone where the paths name no parts.
    pub parts: Sorted<Part, Dataset>,
    /// The files that were left out, by path.
    pub bad: Vec<BadFile>,
    /// Files that are in no class folder.
    pub beside: usize,
}

impl ImageOptions {
    /// # Errors
    /// [`DataError::Setting`] where pictures cannot be kept so.
    pub(super) fn check(&self, place: &str) -> Result<(), DataError> {
        let [height, width] = self.size;
        if ![1, 3].contains(&self.channels) || height == 0 || width == 0 || height.saturating_mul(width) > self.limits.pixels {
            let what = format!("pictures cannot be kept as {} x {height} x {width}; give 1 or 3 channels and a size above 0", self.channels);
            return Err(DataError::Setting { set: place.to_owned(), what });
        }
        Ok(())
    }

    /// Bytes that a picture takes as pixels.
    pub(super) fn each(&self) -> usize {
        self.channels * self.size[0] * self.size[1]
    }

    /// That the pictures take more memory than they may.
    pub(super) fn too_much(&self, place: &str) -> DataError {
        let mend = match self.keep {
            Keep::Pixels if cfg!(target_arch = "wasm32") => "keep them smaller (size), or take fewer (train_samples)",
            Keep::Pixels => "keep them smaller (size) or as files (keep = \"files\"), or take fewer (train_samples)",
            Keep::Files => "take fewer (train_samples)",
        };
        DataError::Files { place: place.to_owned(), what: format!("the pictures take more than {} bytes of memory; {mend}", self.limits.kept) }
    }
}

/// Which files are to be read: all in class folders, or as many as the limits say.
pub(super) fn chosen(layout: &Layout, files: usize, options: &ImageOptions) -> Vec<bool> {
    let mut all = vec![false; files];
    for (part, classes) in layout.parts.iter() {
        let limit = match part {
            Part::Train => options.samples,
            Part::Validation => None,
            Part::Test => options.test_samples,
        };
        let (mut labels, mut numbers) = (Vec::new(), Vec::new());
        for (label, (_, files)) in classes.iter().enumerate() {
            labels.resize(labels.len() + files.len(), label as u32);
            numbers.extend_from_slice(files);
        }
        match limit {
            Some(limit) => balanced(&labels, classes.len(), limit, options.seed).into_iter().for_each(|n| all[numbers[n]] = true),
            None => numbers.into_iter().for_each(|n| all[n] = true),
        }
    }
    all
}

/// A picture as it is kept, pixels or a file, or what is wrong with it.
pub(super) type Kept = Result<Box<[u8]>, String>;

/// From decoded files to sets.
pub(super) struct Assembly<'a> {
    pub(super) place: String,
    pub(super) options: &'a ImageOptions,
    pub(super) files: &'a [String],
    /// By the numbers of the files; those that were not read are absent.
    pub(super) decoded: Vec<Option<Kept>>,
    pub(super) bad: Vec<BadFile>,
}

impl Assembly<'_> {
    fn wrong(&self, what: String) -> DataError {
        DataError::Files { place: self.place.clone(), what }
    }

    /// The sets of the parts, `classes` being those of the training set where this is another part of it.
    pub(super) fn assemble(mut self, layout: Layout, classes: Option<&[String]>) -> Result<Images, DataError> {
        let beside = layout.beside.len();
        let pictures: usize = layout.parts.iter().flat_map(|(_, classes)| classes.iter()).map(|(_, files)| files.len()).sum();
        if pictures == 0 {
            let what = match beside {
                0 => "holds no pictures".to_owned(),
                n => format!("holds {} in no class folder", count(n as u64, "file")),
            };
            return Err(self.wrong(format!("{what}; a folder for each class is expected, CLASS/picture.jpg (or train/CLASS/picture.jpg)")));
        }
        let mut classes = classes.map(<[String]>::to_vec);
        let mut parts = Sorted::default();
        for (part, files) in layout.parts {
            if files.is_empty() {
                return Err(self.wrong(format!("the folder of the {} part has no class folders; put some there, or remove it", part.name())));
            }
            let names = classes.get_or_insert_with(|| files.iter().map(|(name, _)| name.clone()).collect());
            if let [only] = names.as_slice() {
                return Err(self.wrong(format!("holds one class only, {only}; a classifier needs a folder for each of two classes or more")));
            }
            let set = self.part(part, files, names)?;
            parts.insert(part, set);
        }
        if !self.bad.is_empty() {
            let few: Vec<String> = self.bad.iter().take(5).map(|bad| format!("{} ({})", bad.file, bad.what)).collect();
            log::warn!(
                "{}: {} left out that cannot be read: {}{}",
                self.place,
                count(self.bad.len() as u64, "file"),
                few.join(", "),
                if self.bad.len() > 5 { ", …" } else { "" }
            );
        }
        Ok(Images { parts, bad: self.bad, beside })
    }

    fn part(&mut self, part: Part, files: Sorted<String, Vec<usize>>, classes: &[String]) -> Result<Dataset, DataError> {
        let [height, width] = self.options.size;
        let each = if self.options.keep == Keep::Pixels { self.options.each() } else { 0 };
        let there = files.iter().flat_map(|(_, files)| files).filter(|n| self.decoded[**n].is_some()).count();
        let (mut pixels, mut encoded, mut labels) = (Vec::with_capacity(there * each), Vec::new(), Vec::with_capacity(there));
        for (class, files) in files {
            let Some(label) = classes.iter().position(|name| *name == class) else {
                return Err(self.wrong(format!(
                    "the {} part has the class folder {class:?}, which the training part has not ({})",
                    part.name(),
                    classes.join(", ")
                )));
            };
            let before = (labels.len(), self.bad.len());
            let mut taken = 0;
            for n in &files {
                // Those that a limit passes over are not there.
                let Some(kept) = self.decoded[*n].take() else { continue };
                taken += 1;
                match kept {
                    Ok(picture) => {
                        match self.options.keep {
                            Keep::Pixels => pixels.extend_from_slice(&picture),
                            Keep::Files => encoded.push(picture),
                        }
                        labels.push(label as u32);
                    }
                    Err(what) => self.bad.push(BadFile { file: format!("{}/{}", self.place, self.files[*n]), what }),
                }
            }
            if let Some(bad) = self.bad.get(before.1).filter(|_| self.options.bad_files == BadFiles::Stop) {
                return Err(DataError::Picture { file: bad.file.clone(), what: format!("{}; mend or remove it, or say bad_files = \"skip\"", bad.what) });
            }
            if files.is_empty() {
                return Err(self.wrong(format!("the class folder {class:?} of the {} part holds no pictures; put some there, or remove it", part.name())));
            }
            if let (0, Some(bad)) = (labels.len() - before.0, self.bad.get(before.1)) {
                let what = format!("none of the {} of the class folder {class:?} can be read; the first one: {}: {}", count(taken, "file"), bad.file, bad.what);
                return Err(self.wrong(what));
            }
        }
        let name = match part {
            Part::Train => self.place.clone(),
            part => format!("{} ({})", self.place, part.name()),
        };
        let inputs = match self.options.keep {
            #[cfg(not(target_arch = "wasm32"))]
            Keep::Files => Inputs::Made(std::sync::Arc::new(super::encoded::Encoded { files: encoded, options: self.options.clone() })),
            _ => Inputs::U8(pixels.into()),
        };
        let set = Dataset::new(name, inputs, &[self.options.channels, height, width], Targets::Classes(labels.into()), classes.to_vec())?;
        Ok(set.framed(self.options.fit))
    }
}
