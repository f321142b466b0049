//! The files that JavaScript gave, and the sets that were read from them.

use crate::error::{Failure, Result};
use crate::options::{aborted, call, function, get, object};
use crate::{pictures, recipes};
use js_sys::Function;
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wgrad_nn::Recipe;
use wgrad_nn::data::Dataset;
use wgrad_nn::recipe::{self, Source};

/// Files that are read once, however many models train on them.
#[wasm_bindgen(skip_typescript)]
#[derive(Clone)]
pub struct Data(Rc<Held>);

struct Held {
    files: JsValue,
    /// The sets that were read last, and for what.
    last: RefCell<Option<(Key, Read)>>,
}

/// What decides the sets before scaling, transforms and splits: the source without these, and the seed where it draws samples.
type Key = (Source, u64);

/// Sets as they were read.
#[derive(Clone)]
pub(crate) struct Read {
    pub(crate) train: Dataset,
    pub(crate) validation: Option<Dataset>,
    pub(crate) test: Option<Dataset>,
    /// Files that were left out.
    pub(crate) skipped: Vec<String>,
    /// Files in no class folder.
    pub(crate) beside: usize,
}

#[derive(Serialize)]
struct Report<'a> {
    samples: Samples,
    classes: &'a [String],
    skipped: &'a [String],
    beside: usize,
}

/// Samples of a run.
#[derive(Serialize)]
struct Samples {
    train: usize,
    validation: usize,
    test: usize,
}

/// Who is told how far the reading is, and may end it.
#[derive(Default)]
pub(crate) struct Watch {
    signal: JsValue,
    on_progress: Option<Function>,
}

#[derive(Serialize)]
struct Progress<'a> {
    place: &'a str,
    done: usize,
    of: usize,
    skipped: usize,
}

impl Watch {
    pub(crate) fn new(options: &JsValue) -> Result<Self> {
        Ok(Self { signal: get(options, "signal"), on_progress: function(options, "onProgress")? })
    }

    /// # Errors
    /// Kind `stopped` where the signal says so.
    pub(crate) fn tell(&self, place: &str, done: usize, of: usize, skipped: usize) -> Result<()> {
        if aborted(&self.signal) {
            return Err(Failure::new("stopped", "stopped while the data were read"));
        }
        if self.on_progress.is_some() {
            call(self.on_progress.as_ref(), &object(&Progress { place, done, of, skipped })?);
        }
        Ok(())
    }
}

#[wasm_bindgen]
impl Data {
    /// Files by name or path: bytes, or blobs.
    #[wasm_bindgen(constructor, skip_typescript)]
    pub fn new(files: JsValue) -> Data {
        Self(Rc::new(Held { files, last: RefCell::default() }))
    }

    /// Reads what a recipe needs, unless it was read already.
    ///
    /// # Errors
    /// Kind `data` where files are missing or damaged, `recipe`, and `stopped` where the signal aborts.
    #[wasm_bindgen(skip_typescript)]
    pub async fn read(&self, recipe: String, options: JsValue) -> std::result::Result<JsValue, JsValue> {
        let (held, watch) = (self.clone(), Watch::new(&options)?);
        Ok(held.report(&recipe, &watch).await?)
    }

    /// A second handle on the same data.
    #[wasm_bindgen(skip_typescript)]
    pub fn handle(&self) -> Data {
        self.clone()
    }
}

impl Data {
    /// What JavaScript gave for data: a handle, or the files themselves.
    pub(crate) fn from_value(value: &JsValue) -> Result<Self> {
        let Ok(handle) = get(value, "handle").dyn_into::<Function>() else { return Ok(Self::new(value.clone())) };
        let wrong = || Failure::new("data", "the data must be a Data, or files by name");
        let copy = handle.call0(value).map_err(|_| wrong())?;
        <Data as wasm_bindgen::convert::TryFromJsValue>::try_from_js_value(copy).map_err(|_| wrong())
    }

    /// The sets of a run.
    pub(crate) async fn sets(&self, recipe: &Recipe, watch: &Watch) -> Result<recipe::Data> {
        let read = self.as_read(recipe, watch).await?;
        let data = recipe.sets(read.train, read.validation, read.test)?;
        Ok(recipe::Data { skipped: read.skipped, ..data })
    }

    async fn report(&self, recipe: &str, watch: &Watch) -> Result<JsValue> {
        let recipe = recipes::read(recipe)?;
        let data = recipes::data(&recipe, self, watch).await?;
        let beside = self.0.last.borrow().as_ref().map_or(0, |(_, read)| read.beside);
        // Where nothing else validates, the test samples do.
        let validation = data.validation.as_ref().filter(|set| !std::sync::Arc::ptr_eq(set, &data.test)).map_or(0, |set| set.len());
        let samples = Samples { train: data.train.len(), validation, test: data.test.len() };
        object(&Report { samples, classes: data.train.classes(), skipped: &data.skipped, beside })
    }

    async fn as_read(&self, recipe: &Recipe, watch: &Watch) -> Result<Read> {
        let key = key(recipe);
        let known = self.0.last.borrow().as_ref().filter(|(of, _)| *of == key).map(|(_, read)| read.clone());
        if let Some(read) = known {
            return Ok(read);
        }
        // What was read for another recipe makes room first.
        self.0.last.take();
        let files = &self.0.files;
        let read = match &recipe.data {
            Source::Images(pictures) => pictures::pictures(recipe, pictures, files, watch).await?,
            Source::Cifar10(settings) => pictures::cifar10(recipe, settings, files, watch).await?,
            _ => recipes::idx(recipe, files).await?,
        };
        self.0.last.replace(Some((key, read.clone())));
        Ok(read)
    }
}

fn key(recipe: &Recipe) -> Key {
    let mut source = recipe.data.clone();
    let mut drawn = false;
    match &mut source {
        Source::Mnist { normalize, train, test, validation_split, augment } => {
            (*normalize, *train, *test, *validation_split) = (true, None, None, None);
            augment.clear();
        }
        Source::Idx { validation_split, augment, .. } => {
            *validation_split = None;
            augment.clear();
        }
        Source::Images(pictures) => {
            drawn = pictures.train_samples.is_some() || pictures.test_samples.is_some();
            (pictures.normalize, pictures.validation_split, pictures.test_split) = (None, None, None);
            pictures.augment.clear();
        }
        Source::Cifar10(cifar) => {
            drawn = cifar.train.is_some() || cifar.test.is_some();
            (cifar.normalize, cifar.validation_split) = (None, None);
            cifar.augment.clear();
        }
        _ => {}
    }
    (source, if drawn { recipe.seed } else { 0 })
}
