//! The trainer: a model, a loss, an optimiser and where they stand.

use super::feed::{self, Feed};
use super::fit::EarlyStopping;
use super::meter::Meter;
use crate::data::augment::Draw;
use crate::data::dataset::Dataset;
use crate::files::{About, Checkpoint};
use crate::layers::Pass;
use crate::optim::{clip_by_norm, penalty};
use crate::report::history::History;
use crate::schedule::{Place, PlateauState};
use crate::{Error, Loss, LossOptions, Model, Optimizer, OptimizerState, Schedule};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;
use wgrad_tensor::runtime::Plan;
use wgrad_tensor::{Data, Device, Step, Tensor, Variable, bytes};

/// How to fit.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Epochs in all; a resumed run goes on to the same number.
    pub epochs: u64,
    /// Samples a step.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// Decides orders, random transforms and dropout; the model was filled from it too.
    pub seed: u64,
    /// Threads that make batches; 0: as many as make sense. Changes no byte.
    pub workers: usize,
    /// Settings of the loss, in training and in evaluation.
    pub loss: LossOptions,
    /// Adds l1·Σ|w| over the weights (parameters of two axes or more) to what is minimised; the loss that is reported stays without.
    pub l1: f64,
    /// Adds l2·Σw² likewise.
    pub l2: f64,
    /// How the learning rate changes; absent: it stays.
    pub schedule: Option<Schedule>,
    /// Bounds the joint 2-norm of the gradients.
    pub clip_norm: Option<f64>,
    /// Measured after every epoch.
    pub validation: Option<Arc<Dataset>>,
    /// Stops when validation no longer improves.
    pub early_stopping: Option<EarlyStopping>,
    /// Where checkpoints, history and curves go; nothing is written where absent.
    pub run: Option<PathBuf>,
    /// Writes the last checkpoint every so many steps too, not only after each epoch.
    pub save_every: Option<u64>,
    /// Stops, as if interrupted, after this epoch: the run can be resumed.
    pub stop_after: Option<u64>,
    /// What checkpoints tell of themselves; a recipe's trainer sets it.
    pub about: Option<About>,
    /// Reads the loss of every so many steps; absent: about twice a second, which costs next to nothing.
    pub look_every: Option<u64>,
    /// Keeps the state in memory, at most this old, and tells it as [`Progress::checkpoint`](crate::report::Progress::checkpoint):
    /// what goes on where the device is lost. After every epoch where zero; nothing is kept where absent.
    pub keep: Option<Duration>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            epochs: 1,
            batch_size: 32,
            shuffle: true,
            seed: 0,
            workers: 0,
            loss: LossOptions::default(),
            l1: 0.0,
            l2: 0.0,
            schedule: None,
            clip_norm: None,
            validation: None,
            early_stopping: None,
            run: None,
            save_every: None,
            stop_after: None,
            about: None,
            look_every: None,
            keep: None,
        }
    }
}

impl FitOptions {
    /// What is wrong with the settings for this loss, if anything.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn check(&self, loss: Loss) -> Result<(), Error> {
        if self.batch_size == 0 {
            return Err(Error::Setting("batch_size is 0; it must be at least 1".to_owned()));
        }
        if let Some(norm) = self.clip_norm.filter(|n| !(*n > 0.0 && n.is_finite())) {
            return Err(Error::Setting(format!("clip_norm is {norm}; it must be above 0")));
        }
        if let Some((name, value)) = [("l1", self.l1), ("l2", self.l2)].into_iter().find(|(_, v)| !(*v >= 0.0 && v.is_finite())) {
            return Err(Error::Setting(format!("{name} is {value}; it must be 0 or more")));
        }
        self.loss.check(loss)?;
        self.schedule.as_ref().map_or(Ok(()), Schedule::check)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Position {
    /// Epochs finished.
    pub epoch: u64,
    /// Steps finished, over all epochs.
    pub step: u64,
    /// Batches finished in the epoch under way.
    pub batch: u64,
}

/// What an epoch had summed up when it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Partial {
    pub(crate) loss: f64,
    pub(crate) correct: f64,
    pub(crate) seen: usize,
}

/// A good state in memory: what to go on from where the device is lost.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) history: History,
}

/// Fits a model to data.
pub struct Trainer {
    pub(crate) device: Device,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) loss: Loss,
    pub(crate) parameters: Vec<Variable>,
    /// What belongs to the network and is not trained.
    pub(crate) buffers: Vec<Variable>,
    pub(crate) optimizer: OptimizerState,
    pub(crate) options: FitOptions,
    pub(crate) meter: Meter,
    pub(crate) evaluation_meter: Meter,
    pub(crate) history: History,
    pub(crate) position: Position,
    /// The sums of an epoch that was interrupted in its middle.
    pub(crate) partial: Partial,
    /// The validation value to beat, and epochs since it was last beaten.
    pub(crate) best: Option<f64>,
    pub(crate) stale_epochs: u64,
    /// What a `plateau` schedule remembers.
    pub(crate) plateau: PlateauState,
    /// Steps of an epoch, known once a set is at hand.
    pub(crate) steps_per_epoch: u64,
    /// The best state so far, where it is not on disk yet.
    pub(crate) unsaved_best: Option<Checkpoint>,
    /// The last good state, where one is kept in memory.
    pub(crate) kept: Option<Kept>,
    pub(crate) kept_at: Option<Instant>,
    /// Whether epochs have ended since history and curves were written.
    pub(crate) unsaved_epochs: bool,
    /// u32\[3\] = (seed low, seed high, step): the key of a step's random numbers.
    key: Tensor,
    steps: HashMap<usize, Arc<TrainStep>>,
}

/// A compiled training step for one batch size.
pub(crate) struct TrainStep {
    pub(crate) feed: Feed,
    pub(crate) step: Step,
}

impl Trainer {
    /// A trainer on the device that the model lives on.
    ///
    /// # Errors
    /// Where a setting makes no sense or the device has no memory left.
    pub fn new(device: &Device, model: impl Model + 'static, loss: Loss, optimizer: impl Into<Optimizer>, options: FitOptions) -> Result<Self, Error> {
        options.check(loss)?;
        let (parameters, buffers) = (model.parameters(), model.buffers());
        let optimizer = OptimizerState::new(optimizer.into(), device, &parameters)?;
        Ok(Self {
            device: device.clone(),
            model: Arc::new(model),
            loss,
            parameters,
            buffers,
            optimizer,
            meter: Meter::new(device)?,
            evaluation_meter: Meter::new(device)?,
            history: History::default(),
            position: Position::default(),
            partial: Partial::default(),
            best: None,
            stale_epochs: 0,
            plateau: PlateauState::default(),
            steps_per_epoch: 0,
            unsaved_best: None,
            kept: None,
            kept_at: None,
            unsaved_epochs: false,
            key: Tensor::from_data(device, &Data::u32([3], &[options.seed as u32, (options.seed >> 32) as u32, 0])?)?,
            steps: HashMap::new(),
            options,
        })
    }

    /// The model.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What is minimised.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// One row for each finished epoch.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Where the run stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The options; changing the batch size, the seed, the clipping, the penalties or the loss's settings after the first step has no
    /// effect.
    pub fn options_mut(&mut self) -> &mut FitOptions {
        &mut self.options
    }

    /// The compiled step for batches of `batch` samples of a set: the last batch of an epoch may need one of its own.
    pub(crate) fn train_step(&mut self, dataset: &Dataset, batch: usize) -> Result<Arc<TrainStep>, Error> {
        if let Some(found) = self.steps.get(&batch) {
            return Ok(found.clone());
        }
        feed::check(self.model.input_shape(), self.model.output_shape(), self.loss, dataset)?;
        self.check_batch(batch)?;
        let feed = Feed::new(&self.device, dataset, batch, true)?;
        let pass = Pass::train(self.key.clone());
        let output = self.model.forward(&feed.x, &pass);
        let loss = self.loss.apply_with(&output, &feed.y, &self.options.loss);
        let whole = penalty(&self.parameters, self.options.l1, self.options.l2).map_or(loss.clone(), |p| &loss + &p);
        let mut grads = whole.gradients_of(&self.parameters)?;
        if let Some(norm) = self.options.clip_norm {
            grads = clip_by_norm(&grads, norm);
        }
        let mut updates = self.optimizer.updates(&self.parameters, &grads);
        let metrics = self.meter.updates(self.loss, &loss, &output, &feed.y, batch);
        updates.extend(metrics);
        updates.extend(pass.updates());
        let mut fetch = self.meter.fetch(&updates);
        fetch.push(&loss);
        let pairs: Vec<(&Variable, &Tensor)> = updates.iter().map(|(v, t)| (v, t)).collect();
        let step = self.device.step(&fetch, &pairs)?;
        log::info!("step for batches of {batch}:\n{}", step.plan());
        let made = Arc::new(TrainStep { feed, step });
        self.steps.insert(batch, made.clone());
        Ok(made)
    }

    /// Whether the network can be trained on batches of so many samples.
    pub(crate) fn check_batch(&self, batch: usize) -> Result<(), Error> {
        let least = self.model.least_batch();
        if batch >= least {
            return Ok(());
        }
        Err(Error::Setting(format!(
            "a batch of {batch} cannot train this network: a batch_norm of single values needs at least {least} samples. With batch_size = {} the batch is \
             the whole set, or what is left over at the end of an epoch; choose a batch_size that leaves none or more over",
            self.options.batch_size
        )))
    }

    /// The learning rate of the step behind `step` steps.
    pub(crate) fn learning_rate(&self, step: u64) -> f64 {
        let base = self.optimizer.optimizer().learning_rate();
        let at = Place { step, epoch: self.position.epoch, steps_per_epoch: self.steps_per_epoch, epochs: self.options.epochs };
        self.options.schedule.as_ref().map_or(base, |schedule| schedule.rate(base, &at, &self.plateau))
    }

    /// Uploads what changes from step to step.
    pub(crate) fn prepare(&self, step: u64) -> Result<(), Error> {
        self.optimizer.prepare(self.learning_rate(step - 1), step)?;
        if self.model.is_random() {
            let seed = self.options.seed;
            self.key.write_bytes(bytes(&[seed as u32, (seed >> 32) as u32, step as u32]))?;
        }
        self.device.runtime().set_step(step);
        Ok(())
    }

    /// The memory plan of the training step for this set, before anything runs.
    ///
    /// # Errors
    /// Where model, loss and data do not fit, or the plan does not fit the device.
    pub fn plan(&mut self, dataset: &Dataset) -> Result<Plan, Error> {
        let batch = self.options.batch_size.min(dataset.len());
        Ok(self.train_step(dataset, batch)?.step.plan().clone())
    }

    /// The bytes of that plan.
    ///
    /// # Errors
    /// As [`Trainer::plan`].
    pub fn planned_bytes(&mut self, dataset: &Dataset) -> Result<u64, Error> {
        Ok(self.plan(dataset)?.total_bytes())
    }

    /// Times every kernel of one training step on this set's first batch. The step counts: weights move.
    ///
    /// # Errors
    /// Where the device fails.
    pub async fn profile(&mut self, dataset: &Dataset) -> Result<wgrad_tensor::runtime::Profile, Error> {
        let batch = self.options.batch_size.min(dataset.len());
        let made = self.train_step(dataset, batch)?;
        let (mut x, mut y) = (Vec::new(), Default::default());
        dataset.fill_training(&(0..batch).collect::<Vec<_>>(), Draw { seed: self.options.seed, ..Draw::default() }, &mut x, &mut y);
        made.feed.write(&x, &y)?;
        self.prepare(self.position.step + 1)?;
        made.step.run()?;
        Ok(made.step.profile().await?)
    }
}
