//! The files that a recipe on pictures names, and the sets that they become, whoever reads them.

use super::Pictures;
use crate::data::Dataset;
use crate::data::error::DataError;
use crate::data::image::{ImageOptions, Images, Part};

impl Pictures {
    /// How the file that trains is read.
    pub fn options(&self, seed: u64) -> ImageOptions {
        ImageOptions {
            size: self.size.array(),
            channels: self.channels,
            fit: self.fit,
            bad_files: self.bad_files,
            keep: self.keep,
            samples: self.train_samples,
            test_samples: self.test_samples,
            seed,
            ..ImageOptions::default()
        }
    }

    /// The other files: the part that each one is, its name, and how it is read.
    pub fn others(&self, seed: u64) -> Vec<(Part, &str, ImageOptions)> {
        let all = [(Part::Test, &self.test, self.test_samples), (Part::Validation, &self.validation, None)];
        let named = all.into_iter().filter_map(|(part, name, samples)| Some((part, name.as_deref()?, samples)));
        named.map(|(part, name, samples)| (part, name, ImageOptions { samples, ..self.options(seed) })).collect()
    }
}

/// The sets of a recipe on pictures as they were read.
#[derive(Debug, Clone)]
pub struct PictureSets {
    /// Trains.
    pub train: Dataset,
    /// Validates.
    pub validation: Option<Dataset>,
    /// Tests.
    pub test: Option<Dataset>,
}

impl PictureSets {
    /// Those of the file that trains.
    ///
    /// # Errors
    /// [`DataError::Files`] where it has no part that trains.
    pub fn of(pictures: &Pictures, mut images: Images) -> Result<Self, DataError> {
        // invariant: a set that could be read has this part.
        let Some(train) = images.parts.remove(&Part::Train) else {
            return Err(DataError::Files { place: pictures.train.clone(), what: "holds no training part".to_owned() });
        };
        Ok(Self { train, test: images.parts.remove(&Part::Test), validation: images.parts.remove(&Part::Validation) })
    }

    /// Those of another file, which is the part that it is named for, whatever it is called inside.
    pub fn add(&mut self, part: Part, mut images: Images) {
        let set = images.parts.remove(&part).or_else(|| images.parts.remove(&Part::Train));
        match part {
            Part::Validation => self.validation = set,
            _ => self.test = set,
        }
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.train.classes()
    }
}
