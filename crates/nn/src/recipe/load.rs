//! Reading the files that a recipe names.

use super::picture_sets::PictureSets;
use super::pictures::{Cifar10, Pictures, Table};
use super::{Data, Recipe};
use crate::Error;
use crate::data::cifar;
use crate::data::error::DataError;
use crate::data::image::{ImageOptions, Images, find};
use crate::data::locate::folders;
use std::path::{Path, PathBuf};

impl Recipe {
    pub(super) fn read_pictures(&self, pictures: &Pictures, dir: Option<&Path>) -> Result<Data, Error> {
        let options = pictures.options(self.seed);
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
        let mut parts = PictureSets::of(pictures, read(&pictures.train, &options, None)?)?;
        for (part, name, options) in pictures.others(self.seed) {
            parts.add(part, read(name, &options, Some(parts.classes()))?);
        }
        let data = self.sets(parts.train, parts.validation, parts.test)?;
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
