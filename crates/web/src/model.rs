//! A network with its optimiser's state, its data and its device.

use crate::data::{Data, Watch};
use crate::device::Device;
use crate::error::{Failure, Result};
use crate::options::{get, object};
use crate::{reader, recipes};
use js_sys::Function;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wgrad_nn::data::image::framed;
use wgrad_nn::data::{BatchTargets, Dataset};
use wgrad_nn::files::{About, Checkpoint, Input};
use wgrad_nn::recipe;
use wgrad_nn::report::history::EpochRow;
use wgrad_nn::{FitOptions, Loss, Predictor, Recipe, Trainer};

/// A network that can be trained, asked and saved.
#[wasm_bindgen(skip_typescript)]
#[derive(Clone)]
pub struct Model(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) device: Device,
    pub(crate) recipe: Recipe,
    pub(crate) input: Input,
    /// Absent where a checkpoint was loaded without the files that it was trained on.
    pub(crate) data: Option<recipe::Data>,
    /// Taken out while it trains.
    trainer: RefCell<Option<Trainer>>,
    predictor: RefCell<Predictor>,
    /// What is told while the trainer is out.
    pub(crate) history: RefCell<Vec<EpochRow>>,
    pub(crate) step: Cell<u64>,
    pub(crate) epoch: Cell<u64>,
    summary: String,
    parameters: usize,
    plan_bytes: u64,
}

#[derive(Serialize)]
struct Evaluated<'a> {
    loss: f64,
    accuracy: Option<f64>,
    samples: usize,
    classes: &'a [String],
    confusion: Option<Vec<Vec<u64>>>,
}

impl Inner {
    /// A fresh network for a recipe and its data.
    pub(crate) fn fresh(recipe: Recipe, data: recipe::Data, device: Device) -> Result<Self> {
        let mut trainer = recipe.trainer(&device.tensor(), &data)?;
        let plan_bytes = trainer.planned_bytes(&data.train)?;
        let input = Input::of(&data.train);
        Ok(Self::around(recipe, input, Some(data), device, trainer, plan_bytes))
    }

    /// A network without data: to be asked only.
    fn without_data(recipe: Recipe, input: Input, device: Device) -> Result<Self> {
        let model = recipe.model(&device.tensor(), &input.shape, &input.classes)?;
        let about = About { recipe: recipe.to_toml(), input: input.clone() };
        let options = FitOptions { about: Some(about), ..recipe.options() };
        let trainer = Trainer::new(&device.tensor(), model, recipe.loss, recipe.optimizer.clone(), options)?;
        Ok(Self::around(recipe, input, None, device, trainer, 0))
    }

    fn around(recipe: Recipe, input: Input, data: Option<recipe::Data>, device: Device, trainer: Trainer, plan_bytes: u64) -> Self {
        Self {
            device,
            recipe,
            input,
            data,
            predictor: RefCell::new(trainer.predictor()),
            history: RefCell::default(),
            step: Cell::new(0),
            epoch: Cell::new(0),
            summary: trainer.model().summary(),
            parameters: trainer.model().parameters().iter().map(|p| p.ty().shape.numel()).sum(),
            plan_bytes,
            trainer: RefCell::new(Some(trainer)),
        }
    }

    /// The trainer, for as long as it trains.
    pub(crate) fn take(&self) -> Result<Trainer> {
        self.trainer.borrow_mut().take().ok_or_else(busy)
    }

    /// Puts the trainer back, and tells where it stands.
    pub(crate) fn put(&self, trainer: Trainer) {
        self.step.set(trainer.position().step);
        self.epoch.set(trainer.position().epoch);
        self.history.borrow_mut().clone_from(&trainer.history().rows);
        *self.trainer.borrow_mut() = Some(trainer);
    }

    /// Answers come from this trainer's network from now on.
    pub(crate) fn answer_by(&self, trainer: &Trainer) {
        *self.predictor.borrow_mut() = trainer.predictor();
    }

    fn test(&self) -> Result<&Dataset> {
        let none = || Failure::new("data", format!("the model {} was loaded without data; give its files to load as well", self.recipe.name));
        Ok(&self.data.as_ref().ok_or_else(none)?.test)
    }
}

fn busy() -> Failure {
    Failure::new("busy", "the model is training; stop it first, or wait for its end")
}

#[wasm_bindgen]
impl Model {
    /// A fresh, untrained network.
    ///
    /// # Errors
    /// Kinds `recipe` and `data`, and those of [`Device::open`].
    #[wasm_bindgen(skip_typescript)]
    pub async fn create(recipe: String, data: JsValue, device: JsValue) -> std::result::Result<Model, JsValue> {
        let recipe = recipes::read(&recipe)?;
        let data = recipes::data(&recipe, &Data::from_value(&data)?, &Watch::default()).await?;
        let device = Device::from_value(&device).await?;
        Ok(Self(Rc::new(Inner::fresh(recipe, data, device)?)))
    }

    /// The recipe's name.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn name(&self) -> String {
        self.0.recipe.name.clone()
    }

    /// The recipe as TOML.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn recipe(&self) -> String {
        self.0.recipe.to_toml()
    }

    /// Layers, output shapes and parameters, as a table.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn summary(&self) -> String {
        self.0.summary.clone()
    }

    /// The number of parameters.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn parameters(&self) -> usize {
        self.0.parameters
    }

    /// Planned device memory of a training step, bytes.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn plan_bytes(&self) -> f64 {
        self.0.plan_bytes as f64
    }

    /// Shape of one sample.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn input_shape(&self) -> Vec<u32> {
        self.0.input.shape.iter().map(|&n| n as u32).collect()
    }

    /// Names of the classes.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn classes(&self) -> Vec<String> {
        self.0.input.classes.clone()
    }

    /// One row for each finished epoch.
    ///
    /// # Errors
    /// None that a caller could bring about.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn history(&self) -> std::result::Result<JsValue, JsValue> {
        Ok(object(&*self.0.history.borrow())?)
    }

    /// Steps done.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn step(&self) -> f64 {
        self.0.step.get() as f64
    }

    /// Epochs finished.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn epoch(&self) -> f64 {
        self.0.epoch.get() as f64
    }

    /// Whether all epochs are finished.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn finished(&self) -> bool {
        self.0.epoch.get() >= self.0.recipe.epochs
    }

    /// Whether it trains now.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn training(&self) -> bool {
        self.0.trainer.borrow().is_none()
    }

    /// A second handle on the same model.
    #[wasm_bindgen(skip_typescript)]
    pub fn handle(&self) -> Model {
        self.clone()
    }
}

impl Model {
    /// The model that JavaScript gave; its own handle stays.
    fn unwrap(value: &JsValue) -> Result<Self> {
        let wrong = || Failure::new("other", "the first argument must be a Model");
        let handle: Function = get(value, "handle").dyn_into().map_err(|_| wrong())?;
        let copy = handle.call0(value).map_err(|_| wrong())?;
        <Model as wasm_bindgen::convert::TryFromJsValue>::try_from_js_value(copy).map_err(|_| wrong())
    }
}

/// Probabilities, or values, for whole samples as the data set gives them before normalisation. Works between the steps
/// of a training as well.
///
/// # Errors
/// Where `x` is not a whole number of samples, or the device fails.
#[wasm_bindgen(skip_typescript)]
pub async fn predict(model: JsValue, x: Vec<f32>) -> std::result::Result<js_sys::Float32Array, JsValue> {
    let model = Model::unwrap(&model)?.0;
    let x = model.input.normalized(x);
    let predictor = model.predictor.borrow().clone();
    let samples = x.len() / model.input.shape.iter().product::<usize>().max(1);
    let mut out = predictor.predict(&x).await.map_err(Failure::from)?;
    // Two classes from one probability: the second's.
    if model.recipe.loss == Loss::BceWithLogits && model.input.classes.len() == 2 && out.len() == samples {
        out = out.iter().flat_map(|p| [1.0 - p, *p]).collect();
    }
    Ok(js_sys::Float32Array::from(out.as_slice()))
}

/// A picture file (a `Blob` or its bytes) as the network takes it, not yet normalised: what [`predict`] wants.
///
/// # Errors
/// Kind `data` where it cannot be decoded, or the network takes no pictures.
#[wasm_bindgen(skip_typescript)]
pub async fn picture(model: JsValue, file: JsValue) -> std::result::Result<js_sys::Float32Array, JsValue> {
    let model = Model::unwrap(&model)?.0;
    let pixels = reader::picture(&file).await?;
    let x = framed("the picture", &pixels, &model.input).map_err(|e| Failure::from(wgrad_nn::Error::from(e)))?;
    Ok(js_sys::Float32Array::from(x.as_slice()))
}

/// Loss, accuracy and the confusion matrix on the test set.
///
/// # Errors
/// Kind `busy` while it trains, `data` where it was loaded without data.
#[wasm_bindgen(skip_typescript)]
pub async fn evaluate(model: JsValue) -> std::result::Result<JsValue, JsValue> {
    let model = Model::unwrap(&model)?.0;
    let test = model.test()?;
    let trainer = model.take()?;
    let evaluated = async {
        let all = trainer.evaluate(test).await?;
        let confusion = match test.classes().is_empty() {
            true => None,
            false => Some(trainer.predictor().confusion(test).await?),
        };
        Ok::<_, wgrad_nn::Error>((all, confusion))
    };
    let result = evaluated.await;
    model.put(trainer);
    let (all, confusion) = result.map_err(Failure::from)?;
    Ok(object(&Evaluated { loss: all.loss, accuracy: all.accuracy, samples: all.samples, classes: test.classes(), confusion })?)
}

/// The model and its training state as safetensors: the file that the command writes.
///
/// # Errors
/// Kind `busy` while it trains.
#[wasm_bindgen(skip_typescript)]
pub async fn save(model: JsValue) -> std::result::Result<js_sys::Uint8Array, JsValue> {
    let model = Model::unwrap(&model)?.0;
    let trainer = model.take()?;
    let checkpoint = trainer.checkpoint().await;
    model.put(trainer);
    let bytes = checkpoint.map_err(Failure::from)?.to_bytes().map_err(Failure::from)?;
    Ok(js_sys::Uint8Array::from(bytes.as_slice()))
}

/// A model from safetensors bytes. Without a recipe, the one that the file names; without data it can only be asked.
///
/// # Errors
/// Kind `checkpoint` where the bytes are damaged or of another model.
#[wasm_bindgen(skip_typescript)]
pub async fn load(recipe: Option<String>, bytes: Vec<u8>, data: JsValue, device: JsValue) -> std::result::Result<Model, JsValue> {
    let device = Device::from_value(&device).await?;
    Ok(Model(Rc::new(loaded(recipe, &bytes, &data, device).await?)))
}

const FILE: &str = "the checkpoint";

async fn loaded(recipe: Option<String>, bytes: &[u8], data: &JsValue, device: Device) -> Result<Inner> {
    let checkpoint = Checkpoint::from_bytes(FILE, bytes)?;
    let about = checkpoint.state.about.as_ref();
    let recipe = match (recipe.filter(|r| !r.trim().is_empty()), about) {
        (Some(text), _) => recipes::read(&text)?,
        (None, Some(about)) => Recipe::parse("inside of the checkpoint", &about.recipe)?,
        (None, None) => return Err(Failure::new("checkpoint", "the file does not say what recipe made it; give the recipe as well")),
    };
    let inner = match (recipes::data(&recipe, &Data::from_value(data)?, &Watch::default()).await, about) {
        (Ok(data), _) => Inner::fresh(recipe, data, device)?,
        (Err(_), Some(about)) if !data.is_object() => Inner::without_data(recipe, about.input.clone(), device)?,
        (Err(error), _) => return Err(error),
    };
    let mut trainer = inner.take()?;
    let restored = trainer.restore(FILE, &checkpoint);
    inner.put(trainer);
    restored?;
    Ok(inner)
}

/// A test sample as the data set gives it before normalisation, and its class.
///
/// # Errors
/// Where there are no data, or no such sample.
#[wasm_bindgen(skip_typescript)]
pub fn sample(model: JsValue, index: usize) -> std::result::Result<JsValue, JsValue> {
    let model = Model::unwrap(&model)?.0;
    let test = model.test()?;
    if index >= test.len() {
        return Err(Failure::new("data", format!("there is no test sample {index}; there are {}", test.len())).into());
    }
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    test.clone().unnormalized().fill_batch(&[index], &mut x, &mut y);
    let out = js_sys::Object::new();
    let set = |name: &str, value: &JsValue| js_sys::Reflect::set(&out, &name.into(), value).map(drop);
    set("x", &js_sys::Float32Array::from(x.as_slice()))?;
    set("label", &test.label(index).map_or(JsValue::NULL, JsValue::from))?;
    Ok(out.into())
}
