//! Reading the files that a recipe names.

use super::pictures::{Cifar10, Pictures, Table};
use super::{Data, Recipe};
use crate::Error;
use crate::data::Dataset;
use crate::data::cifar;
use crate::data::error::DataError;
use crate::data::image::{ImageOptions, Images, Part, find};
use crate::data::locate::folders;
use std::path::{Path, PathBuf};

impl Recipe {
    pub(super) fn read_pictures(&self, pictures: &Pictures, dir: Option<&Path>) -> Result<Data, Error> {
        let options = ImageOptions {
            size: pictures.size.array(),
            channels: pictures.channels,
            fit: pictures.fit,
            bad_files: pictures.bad_files,
            keep: pictures.keep,
            samples: pictures.train_samples,
            test_samples: pictures.test_samples,
            seed: self.seed,
            ..ImageOptions::default()
        };
        let folders = folders(dir);
        let place = |name: &str| match (name, dir) {
            // What --data names is the set itself, be it a folder or an archive, and nothing else is taken for it.
            (".", Some(dir)) => Ok(dir.to_owned()),
            (".", None) => {
                let what = "it does not say where the pictures are: --data names a folder with a folder for each class, or a .tar, .tar.gz or .zip of them";
                Err(DataError::Files { place: self.name.clone(), what: what.to_owned() })
            }
            _ => find(name, &folders),
        };
        let mut skipped = Vec::new();
        let mut read = |name: &str, options: &ImageOptions, classes: Option<&[String]>| -> Result<Images, Error> {
            let images = Images::read(&place(name)?, options, classes)?;
            skipped.extend(images.bad.iter().map(|bad| format!("{}: {}", bad.file, bad.what)));
            Ok(images)
        };
        let mut images = read(&pictures.train, &options, None)?;
        // invariant: a set that could be read has this part.
        let Some(train) = images.parts.remove(&Part::Train) else {
            return Err(DataError::Files { place: pictures.train.clone(), what: "holds no training part".to_owned() }.into());
        };
        let classes = train.classes().to_vec();
        // Another file is the part that it is named for, whatever it is called inside.
        let mut other = |name: &Option<String>, part: Part, limit: Option<usize>, here: Option<Dataset>| -> Result<Option<Dataset>, Error> {
            let Some(name) = name else { return Ok(here) };
            let mut images = read(name, &ImageOptions { samples: limit, ..options.clone() }, Some(&classes))?;
            Ok(images.parts.remove(&part).or_else(|| images.parts.remove(&Part::Train)))
        };
        let test = other(&pictures.test, Part::Test, pictures.test_samples, images.parts.remove(&Part::Test))?;
        let validation = other(&pictures.validation, Part::Validation, None, images.parts.remove(&Part::Validation))?;
        let data = self.sets(train, validation, test)?;
        Ok(Data { skipped, ..data })
    }

    pub(super) fn read_table(&self, table: &Table, folders: &[PathBuf]) -> Result<Data, Error> {
        let test = table.test.as_ref().map(|name| find(name, folders)).transpose()?;
        let (train, test) = crate::data::csv::read(&find(&table.train, folders)?, test.as_deref(), table)?;
        self.sets(train, None, test)
    }

    pub(super) fn read_cifar10(&self, settings: &Cifar10, folders: &[PathBuf]) -> Result<Data, Error> {
        let [train, test] = cifar::cifar10(folders, [settings.train, settings.test], self.seed)?;
        self.split(train, test)
    }
}
