//! Sources of samples that are files: pictures, CIFAR-10, tables.

use super::read::{Fault, Setting, expected};
use super::record::{names, record};
use super::{Fields, Record, unknown};
use crate::data::augment::Augment;
use crate::data::dataset::Normalize;
use crate::data::framing::Fit;
use crate::layers::Pair;
use toml::Spanned;
use toml::de::DeValue;

/// What becomes of a file in a class folder that is no picture, or a damaged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadFiles {
    /// It is left out, and told.
    #[default]
    Skip,
    /// It ends the reading with an error.
    Stop,
}

names!(BadFiles { "skip" => Skip, "stop" => Stop });

/// In what form pictures are kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Decoded once, a byte a value.
    #[default]
    Pixels,
    /// As the files that they are, decoded again for every batch: less memory where they are large, and more work.
    Files,
}

names!(Keep { "pixels" => Pixels, "files" => Files });

/// Pictures in a folder for each class, or the same in an archive (.tar, .tar.gz, .zip), relative to the data folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// The class folders that train; or a folder or an archive with `train` and `test` in it, and `validation` if there is one. `.` is
    /// the place itself that `--data` names.
    pub train: String,
    /// Those that test.
    pub test: Option<String>,
    /// Those that validate.
    pub validation: Option<String>,
    /// Height and width in which pictures are kept.
    pub size: Pair,
    /// 3, red, green and blue; or 1, grey.
    pub channels: usize,
    /// How pictures are brought to that size.
    pub fit: Fit,
    /// How their values are shifted and scaled; absent: they are in [0, 1].
    pub normalize: Option<Scaling>,
    /// Share of the training samples that validates; absent: the test samples do.
    pub validation_split: Option<f64>,
    /// Share of the samples that tests, where there are no others for it.
    pub test_split: Option<f64>,
    /// So many training samples only, as many of each class as can be.
    pub train_samples: Option<usize>,
    /// So many test samples only.
    pub test_samples: Option<usize>,
    /// What becomes of damaged files.
    pub bad_files: BadFiles,
    /// In what form they are kept in memory; the samples are the same.
    pub keep: Keep,
    /// Transforms.
    pub augment: Vec<Augment>,
}

record!(Pictures, "[data] with source = \"images\"" {
    train: required,
    test: optional,
    validation: optional,
    size: required,
    channels: or(3),
    fit: or(Fit::Stretch),
    normalize: optional,
    validation_split: optional,
    test_split: optional,
    train_samples: optional,
    test_samples: optional,
    bad_files: or(BadFiles::Skip),
    keep: or(Keep::Pixels),
    augment: or(Vec::new()),
});

/// CIFAR-10: 32 × 32 pixels in colour, ten classes. Its binary batches (a folder or the archive of them), or the same pictures as
/// `cifar10-train.tar.gz` and `cifar10-test.tar.gz`, a folder for each class in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Cifar10 {
    /// So many training samples only, as many of each class as can be.
    pub train: Option<usize>,
    /// So many test samples only.
    pub test: Option<usize>,
    /// How values are shifted and scaled; absent: they are in [0, 1].
    pub normalize: Option<Scaling>,
    /// Share of the training samples that validates; absent: the test samples do.
    pub validation_split: Option<f64>,
    /// Transforms.
    pub augment: Vec<Augment>,
}

record!(Cifar10, "[data] with source = \"cifar10\"" {
    train: optional,
    test: optional,
    normalize: optional,
    validation_split: optional,
    augment: or(Vec::new()),
});

/// Tables as CSV: a sample a line, relative to the data folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The table that trains.
    pub train: String,
    /// The table that tests.
    pub test: Option<String>,
    /// The column with the targets, by its name or its number from 0; absent: the last one.
    pub target: Option<Column>,
    /// Whether targets name classes or are values.
    pub targets: Goal,
    /// Names of columns that are left out.
    pub ignore: Vec<String>,
    /// Whether columns are brought to mean 0 and deviation 1, as they are in the table that trains.
    pub standardize: bool,
    /// Whether the first line has the names of the columns; otherwise they are named by their numbers.
    pub header: bool,
    /// What stands between two fields.
    pub separator: String,
    /// Share of the training samples that validates; absent: the test samples do.
    pub validation_split: Option<f64>,
    /// Share of the samples that tests, where there is no table for it.
    pub test_split: Option<f64>,
}

record!(Table, "[data] with source = \"csv\"" {
    train: required,
    test: optional,
    target: optional,
    targets: or(Goal::Classes),
    ignore: or(Vec::new()),
    standardize: or(true),
    header: or(true),
    separator: or(",".to_owned()),
    validation_split: optional,
    test_split: optional,
});

/// What a column of targets holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// Names of classes, whatever they look like.
    #[default]
    Classes,
    /// Numbers.
    Values,
}

names!(Goal { "classes" => Classes, "values" => Values });

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// By its name.
    Name(String),
    /// By its number, from 0.
    Number(usize),
}

impl Setting for Column {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        match value.get_ref() {
            DeValue::Integer(_) => Ok(Column::Number(Setting::read(value)?)),
            DeValue::String(_) => Ok(Column::Name(Setting::read(value)?)),
            _ => Err(expected("the name of a column in quotes, or its number from 0,", value)),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Column::Name(name) => name.write(out),
            Column::Number(n) => n.write(out),
        }
    }
}

/// Mean and deviation of each channel: those of a well-known set, or given.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// ImageNet's, (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
    ImageNet,
    /// CIFAR-10's, (0.4914, 0.4822, 0.4465) and (0.247, 0.2435, 0.2616).
    Cifar10,
    /// Values from −1 to 1.
    Symmetric,
    /// These.
    By(Normalize),
}

impl Scaling {
    /// The numbers.
    pub fn normalize(&self) -> Normalize {
        match self {
            Scaling::ImageNet => Normalize { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] },
            Scaling::Cifar10 => Normalize { mean: vec![0.4914, 0.4822, 0.4465], std: vec![0.247, 0.2435, 0.2616] },
            Scaling::Symmetric => Normalize::all(0.5, 0.5),
            Scaling::By(normalize) => normalize.clone(),
        }
    }
}

impl Setting for Scaling {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        match value.get_ref() {
            DeValue::Table(_) => Ok(Scaling::By(Setting::read(value)?)),
            DeValue::String(name) => match name.as_ref() {
                "imagenet" => Ok(Scaling::ImageNet),
                "cifar10" => Ok(Scaling::Cifar10),
                "symmetric" => Ok(Scaling::Symmetric),
                name => Err(unknown(name, value, &["imagenet", "cifar10", "symmetric"])),
            },
            _ => Err(expected("a name in quotes or { mean = […], std = […] }", value)),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Scaling::ImageNet => "imagenet".to_owned().write(out),
            Scaling::Cifar10 => "cifar10".to_owned().write(out),
            Scaling::Symmetric => "symmetric".to_owned().write(out),
            Scaling::By(normalize) => Setting::write(normalize, out),
        }
    }
}

/// A record by the keys of a table that is already known to be it.
pub(super) fn known<R: Record>(fields: Fields<'_>) -> Result<R, Fault> {
    R::read(&fields.known_as(R::WHAT))
}
