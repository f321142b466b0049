//! Training, told step by step.

use crate::data::{Data, Watch};
use crate::device::Device;
use crate::error::{Failure, Result};
use crate::model::{Inner, Model};
use crate::options::{aborted, call, function, get, number, object};
use crate::recipes;
use js_sys::{Function, Uint8Array};
use serde::Serialize;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wgrad_nn::files::Checkpoint;
use wgrad_nn::report::history::EpochRow;
use wgrad_nn::report::progress::{Metrics, Progress};

/// Age of the state in memory, from which training goes on where the device is lost.
const KEEP: Duration = Duration::from_secs(3);

/// Trains a recipe. A signal that aborts ends the training after the step under way: the promise gives the model, which
/// is not finished then; a signal that aborts while the data are read is an error of the kind `stopped`.
///
/// # Errors
/// Kinds `recipe`, `data`, `checkpoint`, `not_finite`, and those of the device.
#[wasm_bindgen(skip_typescript)]
pub async fn train(recipe: String, data: JsValue, options: JsValue) -> std::result::Result<Model, JsValue> {
    Ok(Model(trained(&recipe, &data, &options).await?))
}

async fn trained(recipe: &str, data: &JsValue, options: &JsValue) -> Result<Rc<Inner>> {
    let recipe = recipes::read(recipe)?;
    let data = recipes::data(&recipe, &Data::from_value(data)?, &Watch::new(options)?).await?;
    let device = Device::from_value(&get(options, "device")).await?;
    let inner = Rc::new(Inner::fresh(recipe, data.clone(), device)?);
    let mut told = Told::new(&inner, options)?;
    let mut trainer = inner.take()?;
    if let Ok(bytes) = get(options, "from").dyn_into::<Uint8Array>() {
        let checkpoint = Checkpoint::from_bytes("the checkpoint", &bytes.to_vec())?;
        trainer.restore("the checkpoint", &checkpoint)?;
    }
    let look_every = number(options, "lossEvery")?.map(|n| n.max(1.0) as u64);
    let fit = trainer.options_mut();
    fit.look_every = look_every;
    fit.keep = Some(KEEP);
    inner.step.set(trainer.position().step);
    inner.epoch.set(trainer.position().epoch);
    inner.history.borrow_mut().clone_from(&trainer.history().rows);
    call(function(options, "onStart")?.as_ref(), &Model(inner.clone()).into());
    let renew = async || {
        inner.device.renew().await?;
        let trainer = inner.recipe.trainer(&inner.device.tensor(), &data)?;
        inner.answer_by(&trainer);
        Ok(trainer)
    };
    let result = trainer.fit_renewing(&data.train, &mut told, renew).await;
    inner.put(trainer);
    result?;
    Ok(inner)
}

/// A step as it is told.
#[derive(Debug, Clone, Default, Serialize)]
struct StepEvent {
    epoch: usize,
    epochs: usize,
    step: u64,
    done: usize,
    steps: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_loss: Option<f64>,
}

/// The listeners, and what they were told last.
struct Told {
    model: Rc<Inner>,
    signal: JsValue,
    on_step: Option<Function>,
    on_epoch: Option<Function>,
    on_checkpoint: Option<Function>,
    on_note: Option<Function>,
    event: StepEvent,
    /// Steps before the epoch under way.
    before: u64,
    began: f64,
}

impl Told {
    fn new(model: &Rc<Inner>, options: &JsValue) -> Result<Self> {
        Ok(Self {
            model: model.clone(),
            signal: get(options, "signal"),
            on_step: function(options, "onStep")?,
            on_epoch: function(options, "onEpoch")?,
            on_checkpoint: function(options, "onCheckpoint")?,
            on_note: function(options, "onNote")?,
            event: StepEvent::default(),
            before: 0,
            began: 0.0,
        })
    }
}

impl Progress for Told {
    fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize) {
        self.event = StepEvent { epoch, epochs, steps, ..StepEvent::default() };
        self.before = (epoch as u64 - 1) * steps as u64;
        self.began = js_sys::Date::now();
        // An epoch that begins again after a loss of the device is told again.
        self.model.history.borrow_mut().retain(|row| row.epoch < epoch as u64);
        self.model.epoch.set(epoch as u64 - 1);
    }

    fn batch_loss(&mut self, _: u64, loss: f64) {
        self.event.batch_loss = Some(loss);
    }

    fn step(&mut self, done: usize, metrics: Metrics<'_>) {
        let named = |name: &str| metrics.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        self.event.done = done;
        self.event.step = self.before + done as u64;
        (self.event.loss, self.event.accuracy) = (named("loss"), named("accuracy"));
        self.model.step.set(self.event.step);
        if let Some(listener) = &self.on_step
            && let Ok(event) = object(&self.event)
        {
            call(Some(listener), &event);
        }
        self.event.batch_loss = None;
    }

    fn finish_epoch(&mut self, metrics: Metrics<'_>) {
        let named = |name: &str| metrics.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let row = EpochRow {
            epoch: self.event.epoch as u64,
            step: self.event.step,
            loss: named("loss").unwrap_or(f64::NAN),
            accuracy: named("accuracy"),
            val_loss: named("val_loss"),
            val_accuracy: named("val_accuracy"),
            // Told where a schedule changes it.
            learning_rate: named("learning_rate").unwrap_or_else(|| self.model.recipe.optimizer.learning_rate()),
            seconds: (js_sys::Date::now() - self.began) / 1e3,
            data_wait: None,
        };
        if let Ok(event) = object(&row) {
            call(self.on_epoch.as_ref(), &event);
        }
        self.model.epoch.set(row.epoch);
        self.model.history.borrow_mut().push(row);
    }

    fn note(&mut self, text: &str) {
        call(self.on_note.as_ref(), &text.into());
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        let Some(listener) = &self.on_checkpoint else { return };
        match checkpoint.to_bytes() {
            Ok(bytes) => call(Some(listener), &Uint8Array::from(bytes.as_slice()).into()),
            Err(error) => self.note(&format!("the state could not be written: {error}")),
        }
    }

    fn stop(&mut self) -> bool {
        aborted(&self.signal)
    }
}

impl From<Failure> for wgrad_nn::Error {
    fn from(failure: Failure) -> Self {
        wgrad_tensor::runtime::Error::NoAdapter { looked: failure.text().to_owned() }.into()
    }
}
