//! Recipes: a training run as a TOML file. Data, layers, loss, optimiser, epochs: everything but the machine.

#[cfg(not(target_arch = "wasm32"))]
mod load;
mod picture_sets;
mod pictures;
mod read;
mod record;
mod sets;
mod source;
mod write;

pub use picture_sets::PictureSets;
pub use pictures::{BadFiles, Cifar10, Column, Goal, Keep, Pictures, Scaling, Table};
pub(crate) use read::{Fault, Fields, Record, Setting, expected, unknown};
pub(crate) use record::{kinds, names, record};
pub use source::Source;
pub(crate) use write::Lines;

use crate::data::dataset::{Dataset, Inputs, Targets};
use crate::data::digits::digits;
#[cfg(not(target_arch = "wasm32"))]
use crate::data::idx;
use crate::data::idx::Split;
use crate::files::{About, Input};
use crate::{Error, FitOptions, Layer, Loss, LossOptions, Optimizer, Schedule, Sequential, Trainer};
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;
use std::sync::Arc;
use toml::de::DeTable;
use wgrad_tensor::Device;

use crate::train::EarlyStopping;

/// The recipes that come with the program, by name.
pub const BUILT_IN: [(&str, &str); 9] = [
    ("quickstart", include_str!("../../recipes/quickstart.toml")),
    ("mnist-mlp", include_str!("../../recipes/mnist-mlp.toml")),
    ("linear", include_str!("../../recipes/linear.toml")),
    ("mnist-cnn", include_str!("../../recipes/mnist-cnn.toml")),
    ("cifar10-cnn", include_str!("../../recipes/cifar10-cnn.toml")),
    ("cifar10-resnet", include_str!("../../recipes/cifar10-resnet.toml")),
    ("images-cnn", include_str!("../../recipes/images-cnn.toml")),
    ("cats-dogs", include_str!("../../recipes/cats-dogs.toml")),
    ("cats-dogs-vgg", include_str!("../../recipes/cats-dogs-vgg.toml")),
];

/// A training run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Its name: that of the run folder too.
    pub name: String,
    /// Decides the initial weights, the orders of the batches and dropout.
    pub seed: u64,
    /// Passes over the training set.
    pub epochs: u64,
    /// Samples a step.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// What is minimised.
    pub loss: Loss,
    /// For `cross_entropy`: the share of each target that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// For `cross_entropy`: a label whose samples do not count.
    pub ignore_index: Option<i32>,
    /// Adds l1·Σ|w| over the weights to what is minimised; biases and what norms multiply by are left out.
    pub l1: Option<f64>,
    /// Adds l2·Σw² likewise.
    pub l2: Option<f64>,
    /// Bounds the joint 2-norm of the gradients.
    pub clip_norm: Option<f64>,
    /// Stops when validation no longer improves.
    pub early_stopping: Option<EarlyStopping>,
    /// Writes the last checkpoint every so many steps, not only after each epoch.
    pub save_every: Option<u64>,
    /// Where the samples come from.
    pub data: Source,
    /// How the weights are updated.
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    pub schedule: Option<Schedule>,
    /// The network.
    pub layers: Vec<Layer>,
}

record!(Recipe, "the recipe" {
    name: required,
    seed: or(1),
    epochs: required,
    batch_size: required,
    shuffle: or(true),
    loss: required,
    label_smoothing: optional,
    ignore_index: optional,
    l1: optional,
    l2: optional,
    clip_norm: optional,
    early_stopping: optional,
    save_every: optional,
    data: required,
    optimizer: required,
    schedule: optional,
    layers: required,
});

/// The sets of a run.
#[derive(Debug, Clone)]
pub struct Data {
    /// Trains.
    pub train: Arc<Dataset>,
    /// Validates after every epoch.
    pub validation: Option<Arc<Dataset>>,
    /// Tests at the end.
    pub test: Arc<Dataset>,
    /// Files that could not be read and were left out: where each is, and what is wrong with it.
    pub skipped: Vec<String>,
}

impl Recipe {
    /// A recipe from TOML; `name` is named in errors.
    ///
    /// # Errors
    /// Names the line, the key and what would be right.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let wrong = |message: String| Error::Recipe { name: name.to_owned(), message };
        let table = DeTable::parse(text).map_err(|e| wrong(Fault { at: e.span().map(|s| s.start), message: e.message().to_owned() }.in_text(text)))?;
        let recipe: Self = Record::read(&Fields::of(Self::WHAT, table.get_ref())).map_err(|fault| wrong(fault.in_text(text)))?;
        if recipe.layers.is_empty() {
            return Err(wrong("there are no [[layers]]; a network needs at least one".to_owned()));
        }
        if recipe.name.is_empty() || recipe.name.contains(['/', '\\', '\0']) || recipe.name.starts_with('.') {
            return Err(wrong(format!("name {:?} cannot be that of a folder; use letters, digits and dashes", recipe.name)));
        }
        recipe.options().check(recipe.loss).and_then(|()| recipe.optimizer.check()).map_err(|e| wrong(e.to_string()))?;
        Ok(recipe)
    }

    /// A built-in recipe.
    ///
    /// # Errors
    /// Where there is none of that name; the names are listed.
    pub fn built_in(name: &str) -> Result<Self, Error> {
        match BUILT_IN.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => Self::parse(name, text),
            None => {
                let names: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
                Err(Error::Recipe { name: name.to_owned(), message: format!("no such file and no built-in recipe; there are {}", names.join(", ")) })
            }
        }
    }

    /// The recipe as TOML: what a run folder keeps. Reading it gives the same recipe.
    pub fn to_toml(&self) -> String {
        let mut top = Lines::default();
        Record::write(&Self { layers: Vec::new(), ..self.clone() }, &mut top);
        top.keep(|key| !["data", "optimizer", "schedule", "layers"].contains(&key));
        let mut out = String::new();
        top.push_onto(&mut out);
        let mut section = |header: &str, fill: &dyn Fn(&mut Lines)| {
            let mut lines = Lines::default();
            fill(&mut lines);
            ["\n", header, "\n"].iter().for_each(|part| out.push_str(part));
            lines.push_onto(&mut out);
        };
        section("[data]", &|lines| self.data.lines(lines));
        section("[optimizer]", &|lines| self.optimizer.lines(lines));
        self.schedule.iter().for_each(|schedule| section("[schedule]", &|lines| schedule.lines(lines)));
        self.layers.iter().for_each(|layer| section("[[layers]]", &|lines| layer.lines(lines)));
        out
    }

    /// Builds the network for samples of shape `input` on a device. A last layer that does not say how many units it has gets one for
    /// each of the `classes`, of which there may be none otherwise; one unit tells two classes apart by `bce_with_logits`.
    ///
    /// # Errors
    /// Names the layer that does not fit and both shapes.
    pub fn model(&self, device: &Device, input: &[usize], classes: &[String]) -> Result<Sequential, Error> {
        let mut layers = self.layers.clone();
        if let Some(Layer::Linear(last)) = layers.last_mut() {
            let units = if self.loss == Loss::BceWithLogits && classes.len() == 2 { 1 } else { classes.len() };
            last.units = last.units.or((units > 0).then_some(units));
        }
        Sequential::new(input).layers(layers).build(device, self.seed)
    }

    /// Whether the network has as many outputs as the data have classes, so that only the data tell its shape.
    pub fn follows_classes(&self) -> bool {
        matches!(self.layers.last(), Some(Layer::Linear(last)) if last.units.is_none())
    }

    /// A set of the shapes that the recipe's network takes and gives, of `samples` zeros: stands in for the data where only
    /// shapes matter.
    ///
    /// # Errors
    /// Where a shape has no values.
    pub fn stand_in(&self, input: &[usize], output: &[usize], samples: usize) -> Result<Dataset, Error> {
        let targets = match self.loss.takes_classes() {
            true => Targets::Classes(vec![0; samples].into()),
            false => Targets::Values { data: vec![0.0; samples * output.iter().product::<usize>()].into(), shape: output.to_vec() },
        };
        let classes = if self.loss.takes_classes() { (0..output.iter().product::<usize>()).map(|k| k.to_string()).collect() } else { Vec::new() };
        let inputs = Inputs::U8(vec![0; samples * input.iter().product::<usize>()].into());
        Ok(Dataset::new(self.name.clone(), inputs, input, targets, classes)?)
    }

    /// How the recipe is fitted; the set that validates and what goes into checkpoints are not in it.
    pub fn options(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            shuffle: self.shuffle,
            seed: self.seed,
            loss: LossOptions { label_smoothing: self.label_smoothing.unwrap_or(0.0), ignore_index: self.ignore_index },
            l1: self.l1.unwrap_or(0.0),
            l2: self.l2.unwrap_or(0.0),
            schedule: self.schedule.clone(),
            clip_norm: self.clip_norm,
            early_stopping: self.early_stopping,
            save_every: self.save_every,
            ..FitOptions::default()
        }
    }

    /// A trainer for the recipe's network and data.
    ///
    /// # Errors
    /// Where a layer does not fit, or the device fails.
    pub fn trainer(&self, device: &Device, data: &Data) -> Result<Trainer, Error> {
        let model = self.model(device, data.train.input_shape(), data.train.classes())?;
        let options =
            FitOptions { validation: data.validation.clone(), about: Some(About { recipe: self.to_toml(), input: Input::of(&data.train) }), ..self.options() };
        Trainer::new(device, model, self.loss, self.optimizer.clone(), options)
    }

    /// The recipe's data: `dir` is `--data`, where sources look before the environment and the cache.
    ///
    /// # Errors
    /// Where files are missing (every place looked at is listed) or damaged.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn data(&self, dir: Option<&Path>) -> Result<Data, Error> {
        match &self.data {
            Source::Mnist { .. } => {
                let place = crate::data::locate::find_mnist(dir)?;
                self.split(idx::mnist(&place.dir, Split::Train)?, idx::mnist(&place.dir, Split::Test)?)
            }
            Source::Idx { train_images, train_labels, test_images, test_labels, classes, normalize, .. } => {
                // The first place that has the file; where none has, the first place is named in the error.
                let places = crate::data::locate::places(dir);
                let found = places.iter().find(|p| p.dir.join(train_images).is_file()).or(places.first());
                let base = found.map(|p| p.dir.clone()).unwrap_or_default();
                let read = |images: &str, labels: &str| -> Result<Dataset, Error> {
                    let images = idx::Idx::read(&base.join(images), idx::IdxKind::Images)?;
                    let labels = idx::Idx::read(&base.join(labels), idx::IdxKind::Labels)?;
                    let set = idx::images_with_labels(&self.name, images, labels, classes.clone())?;
                    Ok(match normalize {
                        Some(normalize) => set.normalized(normalize.clone())?,
                        None => set,
                    })
                };
                self.split(read(train_images, train_labels)?, read(test_images, test_labels)?)
            }
            Source::Images(pictures) => self.read_pictures(pictures, dir),
            Source::Cifar10(cifar) => self.read_cifar10(cifar, &crate::data::locate::folders(dir)),
            Source::Csv(table) => self.read_table(table, &crate::data::locate::folders(dir)),
            Source::Digits { .. } | Source::Values { .. } => self.data_made(),
        }
    }

    /// The recipe's data where they need no file: drawn, or written in the recipe.
    ///
    /// # Errors
    /// Where the recipe names files.
    pub fn data_made(&self) -> Result<Data, Error> {
        match &self.data {
            Source::Digits { train, test, .. } => {
                // The digits are the same for every seed of the run, so that seeds can be compared.
                self.split(digits(Split::Train, *train, 1)?, digits(Split::Test, *test, 1)?)
            }
            Source::Values { inputs, targets } => {
                let set = Arc::new(self.values(inputs, targets)?);
                Ok(Data { train: set.clone(), validation: None, test: set, skipped: Vec::new() })
            }
            Source::Mnist { .. } | Source::Idx { .. } | Source::Images(_) | Source::Cifar10(_) | Source::Csv(_) => {
                Err(Error::Recipe { name: self.name.clone(), message: "its data come from files, which are not at hand here".to_owned() })
            }
        }
    }

    /// The same recipe without a validation split: all training samples train.
    pub fn unsplit(&self) -> Self {
        let mut recipe = self.clone();
        match &mut recipe.data {
            Source::Digits { validation_split, .. } | Source::Mnist { validation_split, .. } | Source::Idx { validation_split, .. } => *validation_split = None,
            Source::Images(pictures) => pictures.validation_split = None,
            Source::Cifar10(cifar) => cifar.validation_split = None,
            Source::Csv(table) => table.validation_split = None,
            Source::Values { .. } => {}
        }
        recipe
    }

    fn values(&self, inputs: &[Vec<f32>], targets: &[Vec<f32>]) -> Result<Dataset, Error> {
        let wrong = |message: String| Error::Recipe { name: self.name.clone(), message };
        let width = |rows: &[Vec<f32>], what: &str| {
            let width = rows.first().map_or(0, Vec::len);
            match rows.iter().position(|r| r.len() != width) {
                _ if width == 0 => Err(wrong(format!("data.{what} has no numbers"))),
                Some(row) => Err(wrong(format!("data.{what}: row {row} has {} numbers, row 0 has {width}; all rows must be of one length", rows[row].len()))),
                None => Ok(width),
            }
        };
        let (x, y) = (width(inputs, "inputs")?, width(targets, "targets")?);
        let targets = Targets::Values { data: targets.concat().into(), shape: vec![y] };
        Ok(Dataset::new(self.name.clone(), Inputs::F32(inputs.concat().into()), &[x], targets, vec![])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_recipes_survive_a_round_trip() {
        for (name, text) in BUILT_IN {
            let recipe = Recipe::parse(name, text).unwrap();
            assert_eq!(recipe.name, name);
            assert_eq!(Recipe::parse(name, &recipe.to_toml()).unwrap(), recipe);
        }
    }

    #[test]
    fn ragged_values_are_refused() {
        let text = BUILT_IN[2].1.replace("[2.0], [3.0]", "[2.0, 1.0], [3.0]");
        let error = Recipe::parse("mine", &text).unwrap().data_made().unwrap_err().to_string();
        assert!(error.contains("row 1"), "{error}");
    }
}
