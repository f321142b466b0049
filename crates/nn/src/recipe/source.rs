//! Where a recipe's samples come from.

use super::Record;
use super::pictures::{Cifar10, Pictures, Scaling, Table, known};
use super::read::{Fault, Fields, Setting, unknown};
use super::write::Lines;
use crate::data::augment::{Augment, Pipeline};
use crate::data::dataset::Normalize;
use toml::Spanned;
use toml::de::DeValue;

/// Where samples come from, and what validates. Its name in a recipe stands under `source`.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Digits that the program draws itself, 1×28×28, ten classes.
    Digits {
        /// Training samples.
        train: usize,
        /// Test samples.
        test: usize,
        /// Share of the training samples that validates; absent: the test samples do.
        validation_split: Option<f64>,
        /// Transforms.
        augment: Vec<Augment>,
    },
    /// The four MNIST files, found in the data folder.
    Mnist {
        /// Whether the set's mean 0.1307 and deviation 0.3081 are normalised away; otherwise pixels are in [0, 1].
        normalize: bool,
        /// The first so many training samples only.
        train: Option<usize>,
        /// The first so many test samples only.
        test: Option<usize>,
        /// Share of the training samples that validates; absent: the test samples do.
        validation_split: Option<f64>,
        /// Transforms.
        augment: Vec<Augment>,
    },
    /// IDX files of one's own, plain or gzip, relative to the data folder.
    Idx {
        /// Training images: unsigned bytes [samples, …].
        train_images: String,
        /// Training labels: unsigned bytes \[samples\].
        train_labels: String,
        /// Test images.
        test_images: String,
        /// Test labels.
        test_labels: String,
        /// Names of the classes; as many as there are labels.
        classes: Vec<String>,
        /// (x/255 − mean)/std.
        normalize: Option<Normalize>,
        /// Share of the training samples that validates; absent: the test samples do.
        validation_split: Option<f64>,
        /// Transforms.
        augment: Vec<Augment>,
    },
    /// Pictures in a folder for each class.
    Images(Pictures),
    /// CIFAR-10.
    Cifar10(Cifar10),
    /// Tables.
    Csv(Table),
    /// Numbers written in the recipe; they train and test.
    Values {
        /// One row a sample.
        inputs: Vec<Vec<f32>>,
        /// One row a sample.
        targets: Vec<Vec<f32>>,
    },
}

impl Setting for Source {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let (name, at, fields) = Fields::chosen(value, "[data]", "source")?;
        match name {
            "digits" => {
                fields.only(&["train", "test", "validation_split", "augment"])?;
                Ok(Source::Digits {
                    train: fields.required("train")?,
                    test: fields.required("test")?,
                    validation_split: fields.optional("validation_split")?,
                    augment: fields.or("augment", Vec::new())?,
                })
            }
            "mnist" => {
                fields.only(&["normalize", "train", "test", "validation_split", "augment"])?;
                Ok(Source::Mnist {
                    normalize: fields.or("normalize", true)?,
                    train: fields.optional("train")?,
                    test: fields.optional("test")?,
                    validation_split: fields.optional("validation_split")?,
                    augment: fields.or("augment", Vec::new())?,
                })
            }
            "idx" => {
                fields.only(&["train_images", "train_labels", "test_images", "test_labels", "classes", "normalize", "validation_split", "augment"])?;
                Ok(Source::Idx {
                    train_images: fields.required("train_images")?,
                    train_labels: fields.required("train_labels")?,
                    test_images: fields.required("test_images")?,
                    test_labels: fields.required("test_labels")?,
                    classes: fields.required("classes")?,
                    normalize: fields.optional("normalize")?,
                    validation_split: fields.optional("validation_split")?,
                    augment: fields.or("augment", Vec::new())?,
                })
            }
            "values" => {
                fields.only(&["inputs", "targets"])?;
                Ok(Source::Values { inputs: fields.required("inputs")?, targets: fields.required("targets")? })
            }
            "images" => Ok(Source::Images(known(fields)?)),
            "cifar10" => Ok(Source::Cifar10(known(fields)?)),
            "csv" => Ok(Source::Csv(known(fields)?)),
            _ => Err(unknown(name, at, &["digits", "mnist", "idx", "images", "cifar10", "csv", "values"])),
        }
    }

    fn write(&self, out: &mut String) {
        let mut lines = Lines::default();
        self.lines(&mut lines);
        lines.inline(out);
    }
}

impl Source {
    /// Its name in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Source::Digits { .. } => "digits",
            Source::Mnist { .. } => "mnist",
            Source::Idx { .. } => "idx",
            Source::Images(_) => "images",
            Source::Cifar10(_) => "cifar10",
            Source::Csv(_) => "csv",
            Source::Values { .. } => "values",
        }
    }

    /// Shape of one sample, where it is known before any file is read and the transforms fit it.
    pub fn input_shape(&self) -> Option<Vec<usize>> {
        let stored = match self {
            Source::Digits { .. } | Source::Mnist { .. } => vec![1, 28, 28],
            Source::Images(pictures) => vec![pictures.channels, pictures.size.h, pictures.size.w],
            Source::Cifar10(_) => vec![3, 32, 32],
            Source::Values { inputs, .. } => vec![inputs.first()?.len()],
            Source::Idx { .. } | Source::Csv(_) => return None,
        };
        match self.augment() {
            [] => Some(stored),
            augment => Some(Pipeline::new(augment.to_vec(), &stored).ok()?.shape.to_vec()),
        }
    }

    /// Transforms of its samples.
    pub fn augment(&self) -> &[Augment] {
        match self {
            Source::Digits { augment, .. } | Source::Mnist { augment, .. } | Source::Idx { augment, .. } => augment,
            Source::Images(pictures) => &pictures.augment,
            Source::Cifar10(cifar) => &cifar.augment,
            Source::Csv(_) | Source::Values { .. } => &[],
        }
    }

    /// The most samples that train, and that test.
    pub(super) fn limits(&self) -> [Option<usize>; 2] {
        match self {
            Source::Mnist { train, test, .. } => [*train, *test],
            Source::Images(pictures) => [pictures.train_samples, pictures.test_samples],
            Source::Cifar10(cifar) => [cifar.train, cifar.test],
            _ => [None; 2],
        }
    }

    /// How values of pictures are shifted and scaled.
    pub(super) fn scaling(&self) -> Option<&Scaling> {
        match self {
            Source::Images(pictures) => pictures.normalize.as_ref(),
            Source::Cifar10(cifar) => cifar.normalize.as_ref(),
            _ => None,
        }
    }

    /// Share of the samples that tests, where there are no others for it.
    pub(super) fn test_split(&self) -> Option<f64> {
        match self {
            Source::Images(pictures) => pictures.test_split,
            Source::Csv(table) => table.test_split,
            _ => None,
        }
    }

    /// Share of the training samples that validates.
    pub fn validation_split(&self) -> Option<f64> {
        match self {
            Source::Digits { validation_split, .. } | Source::Mnist { validation_split, .. } | Source::Idx { validation_split, .. } => *validation_split,
            Source::Images(pictures) => pictures.validation_split,
            Source::Cifar10(cifar) => cifar.validation_split,
            Source::Csv(table) => table.validation_split,
            Source::Values { .. } => None,
        }
    }

    /// Its keys, `source` first.
    pub(super) fn lines(&self, out: &mut Lines) {
        out.required("source", &self.name().to_owned());
        match self {
            Source::Digits { train, test, .. } => {
                out.required("train", train);
                out.required("test", test);
            }
            Source::Mnist { normalize, train, test, .. } => {
                out.or("normalize", normalize);
                out.optional("train", train);
                out.optional("test", test);
            }
            Source::Idx { train_images, train_labels, test_images, test_labels, classes, normalize, .. } => {
                let files = [("train_images", train_images), ("train_labels", train_labels), ("test_images", test_images), ("test_labels", test_labels)];
                files.iter().for_each(|(key, file)| out.required(key, *file));
                out.required("classes", classes);
                out.optional("normalize", normalize);
            }
            // They write all that they have.
            Source::Images(pictures) => return Record::write(pictures, out),
            Source::Cifar10(cifar) => return Record::write(cifar, out),
            Source::Csv(table) => return Record::write(table, out),
            Source::Values { inputs, targets } => {
                out.required("inputs", inputs);
                out.required("targets", targets);
            }
        }
        out.optional("validation_split", &self.validation_split());
        if !self.augment().is_empty() {
            out.required("augment", &self.augment().to_vec());
        }
    }
}
