//! Recipes: the built-in ones, and what a text describes.

use crate::data::{Data, Read, Watch};
use crate::error::{Failure, Result};
use crate::options::object;
use crate::{gunzip, reader};
use serde::Serialize;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wgrad_nn::Recipe;
use wgrad_nn::data::idx::{Idx, IdxKind, Split, images_with_labels, mnist_from_bytes};
use wgrad_nn::data::{Dataset, cifar};
use wgrad_nn::recipe::{self, BUILT_IN, Source};

#[derive(Serialize)]
struct Info {
    name: String,
    toml: String,
    source: &'static str,
    files: Vec<String>,
    epochs: u64,
    batch_size: usize,
    seed: u64,
    loss: &'static str,
    optimizer: &'static str,
    learning_rate: f64,
}

/// The built-in recipes.
///
/// # Errors
/// None that a caller could bring about.
#[wasm_bindgen(skip_typescript)]
pub fn recipes() -> std::result::Result<JsValue, JsValue> {
    let all = BUILT_IN.iter().map(|(name, text)| info(&Recipe::built_in(name)?, text)).collect::<Result<Vec<_>>>()?;
    Ok(object(&all)?)
}

/// What a recipe says: the name of a built-in one, or TOML.
///
/// # Errors
/// Names the line, the key and what would be right.
#[wasm_bindgen(skip_typescript)]
pub fn describe(recipe: &str) -> std::result::Result<JsValue, JsValue> {
    let known = BUILT_IN.iter().find(|(name, _)| *name == recipe).map(|(_, text)| *text);
    Ok(object(&info(&read(recipe)?, known.unwrap_or(recipe))?)?)
}

/// A recipe by its built-in name, or from its text.
pub(crate) fn read(text: &str) -> Result<Recipe> {
    let name = text.trim();
    // A name has no room for a key and its value.
    if !name.is_empty() && !name.contains('=') && !name.contains('\n') {
        return Ok(Recipe::built_in(name)?);
    }
    Ok(Recipe::parse("(this text)", text)?)
}

fn info(recipe: &Recipe, text: &str) -> Result<Info> {
    Ok(Info {
        name: recipe.name.clone(),
        toml: text.to_owned(),
        source: recipe.data.name(),
        files: files(recipe),
        epochs: recipe.epochs,
        batch_size: recipe.batch_size,
        seed: recipe.seed,
        loss: recipe.loss.name(),
        optimizer: recipe.optimizer.name(),
        learning_rate: recipe.optimizer.learning_rate(),
    })
}

/// Names of the files that a recipe's data are in: training images and labels, test images and labels; or archives of pictures, "." being
/// any.
fn files(recipe: &Recipe) -> Vec<String> {
    match &recipe.data {
        Source::Mnist { .. } => [Split::Train, Split::Test].iter().flat_map(|s| s.mnist_files()).map(str::to_owned).collect(),
        Source::Idx { train_images, train_labels, test_images, test_labels, .. } => {
            [train_images, train_labels, test_images, test_labels].map(String::clone).to_vec()
        }
        Source::Images(pictures) => {
            let mut names = vec![pictures.train.clone()];
            names.extend(pictures.others(0).into_iter().map(|(_, name, _)| name.to_owned()).filter(|name| *name != pictures.train));
            names
        }
        Source::Cifar10(_) => vec![cifar::BINARY[1].to_owned()],
        Source::Digits { .. } | Source::Values { .. } | Source::Csv(_) => Vec::new(),
    }
}

/// The recipe's data: made, or from the files that JavaScript gave.
pub(crate) async fn data(recipe: &Recipe, given: &Data, watch: &Watch) -> Result<recipe::Data> {
    match &recipe.data {
        Source::Digits { .. } | Source::Values { .. } => made(recipe),
        Source::Csv(_) => {
            Err(Failure::new("recipe", format!("the recipe {} reads tables (source = \"csv\"), which only the native program does", recipe.name)))
        }
        _ => given.sets(recipe, watch).await,
    }
}

/// The sets of a recipe on IDX files.
pub(crate) async fn idx(recipe: &Recipe, given: &JsValue) -> Result<Read> {
    let names = files(recipe);
    let [train_images, train_labels, test_images, test_labels] = names.as_slice() else {
        return Err(Failure::new("recipe", "a recipe on four files was expected"));
    };
    let given = Given::read(given);
    let missing: Vec<&str> = names.iter().filter(|name| given.find(name).is_none()).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Failure::new("data", format!("the recipe {} needs files that are not there: {} (plain or .gz)", recipe.name, missing.join(", "))));
    }
    let bytes = async |name: &str| -> Result<Vec<u8>> {
        let file = reader::whole(&given.find(name).unwrap_or_default(), name).await?;
        Ok(gunzip::contents(name, &file).await.map_err(wgrad_nn::Error::from)?)
    };
    let (train, test) = match &recipe.data {
        Source::Idx { classes, normalize, .. } => {
            let pair = async |images: &str, labels: &str| -> Result<Dataset> {
                let images = Idx::parse(images, &bytes(images).await?, IdxKind::Images).map_err(wgrad_nn::Error::from)?;
                let labels = Idx::parse(labels, &bytes(labels).await?, IdxKind::Labels).map_err(wgrad_nn::Error::from)?;
                let set = images_with_labels(&recipe.name, images, labels, classes.clone()).map_err(wgrad_nn::Error::from)?;
                match normalize {
                    Some(normalize) => Ok(set.normalized(normalize.clone()).map_err(wgrad_nn::Error::from)?),
                    None => Ok(set),
                }
            };
            (pair(train_images, train_labels).await?, pair(test_images, test_labels).await?)
        }
        _ => (
            mnist_from_bytes(Split::Train, &bytes(train_images).await?, &bytes(train_labels).await?).map_err(wgrad_nn::Error::from)?,
            mnist_from_bytes(Split::Test, &bytes(test_images).await?, &bytes(test_labels).await?).map_err(wgrad_nn::Error::from)?,
        ),
    };
    Ok(Read { train, validation: None, test: Some(test), skipped: Vec::new(), beside: 0 })
}

/// Data that need no file. The last ones are kept: a page shows a model's summary before it trains it.
fn made(recipe: &Recipe) -> Result<recipe::Data> {
    type Last = Option<((Source, u64), recipe::Data)>;
    thread_local! {
        static LAST: RefCell<Last> = const { RefCell::new(None) };
    }
    let key = (recipe.data.clone(), recipe.seed);
    let known = LAST.with_borrow(|last| last.as_ref().filter(|(of, _)| *of == key).map(|(_, data)| data.clone()));
    if let Some(data) = known {
        return Ok(data);
    }
    let data = recipe.data_made()?;
    LAST.set(Some((key, data.clone())));
    Ok(data)
}

/// Files by name, as JavaScript gave them.
struct Given(Vec<(String, JsValue)>);

impl Given {
    fn read(object: &JsValue) -> Self {
        let entries = object.dyn_ref::<js_sys::Object>().map(js_sys::Object::entries).unwrap_or_default();
        let pair = |entry: JsValue| {
            let pair: js_sys::Array = entry.unchecked_into();
            (pair.get(0).as_string().unwrap_or_default(), pair.get(1))
        };
        Self(entries.iter().map(pair).collect())
    }

    /// A file: by its name, with or without folders and `.gz`, and with a dot in the place of MNIST's dash.
    fn find(&self, wanted: &str) -> Option<JsValue> {
        let plain = |name: &str| {
            let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
            base.trim_end_matches(".gz").replace(".idx", "-idx")
        };
        self.0.iter().find(|(name, _)| plain(name) == plain(wanted)).map(|(_, file)| file.clone())
    }
}
