//! Where a recipe's samples come from.

use super::read::{Fault, Fields, Setting, unknown};
use super::write::Lines;
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
    },
    /// The four MNIST files, found in the data folder.
    Mnist {
        /// Whether the set's mean 0.1307 and deviation 0.3081 are normalised away; otherwise pixels are in [0, 1].
        normalize: bool,
        /// The first so many training samples only.
        train: Option<usize>,
        /// Share of the training samples that validates; absent: the test samples do.
        validation_split: Option<f64>,
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
    },
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
                fields.only(&["train", "test", "validation_split"])?;
                Ok(Source::Digits { train: fields.required("train")?, test: fields.required("test")?, validation_split: fields.optional("validation_split")? })
            }
            "mnist" => {
                fields.only(&["normalize", "train", "validation_split"])?;
                Ok(Source::Mnist {
                    normalize: fields.or("normalize", true)?,
                    train: fields.optional("train")?,
                    validation_split: fields.optional("validation_split")?,
                })
            }
            "idx" => {
                fields.only(&["train_images", "train_labels", "test_images", "test_labels", "classes", "normalize", "validation_split"])?;
                Ok(Source::Idx {
                    train_images: fields.required("train_images")?,
                    train_labels: fields.required("train_labels")?,
                    test_images: fields.required("test_images")?,
                    test_labels: fields.required("test_labels")?,
                    classes: fields.required("classes")?,
                    normalize: fields.optional("normalize")?,
                    validation_split: fields.optional("validation_split")?,
                })
            }
            "values" => {
                fields.only(&["inputs", "targets"])?;
                Ok(Source::Values { inputs: fields.required("inputs")?, targets: fields.required("targets")? })
            }
            _ => Err(unknown(name, at, &["digits", "mnist", "idx", "values"])),
        }
    }

    fn write(&self, out: &mut String) {
        let mut lines = Lines::default();
        self.lines(&mut lines);
        lines.inline(out);
    }
}

impl Source {
    /// Shape of one sample, where it is known before any file is read.
    pub fn input_shape(&self) -> Option<Vec<usize>> {
        match self {
            Source::Digits { .. } | Source::Mnist { .. } => Some(vec![1, 28, 28]),
            Source::Values { inputs, .. } => inputs.first().map(|row| vec![row.len()]),
            Source::Idx { .. } => None,
        }
    }

    /// Its keys, `source` first.
    pub(super) fn lines(&self, out: &mut Lines) {
        let mut source = |name: &str| out.required("source", &name.to_owned());
        match self {
            Source::Digits { train, test, validation_split } => {
                source("digits");
                out.required("train", train);
                out.required("test", test);
                out.optional("validation_split", validation_split);
            }
            Source::Mnist { normalize, train, validation_split } => {
                source("mnist");
                out.or("normalize", normalize);
                out.optional("train", train);
                out.optional("validation_split", validation_split);
            }
            Source::Idx { train_images, train_labels, test_images, test_labels, classes, normalize, validation_split } => {
                source("idx");
                let files = [("train_images", train_images), ("train_labels", train_labels), ("test_images", test_images), ("test_labels", test_labels)];
                files.iter().for_each(|(key, file)| out.required(key, *file));
                out.required("classes", classes);
                out.optional("normalize", normalize);
                out.optional("validation_split", validation_split);
            }
            Source::Values { inputs, targets } => {
                source("values");
                out.required("inputs", inputs);
                out.required("targets", targets);
            }
        }
    }
}
