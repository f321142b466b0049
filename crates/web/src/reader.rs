//! Archives are unpacked and pictures are decoded by JavaScript (npm/src/reader.ts), which the package's front door hands over: the
//! browser has all decoders, and ours would be half of the wasm.

use crate::error::{Failure, Result};
use crate::options::get;
use js_sys::{Promise, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wgrad_nn::data::image::{MAX_PIXELS, Pixels};

#[wasm_bindgen]
extern "C" {
    /// Opens archives and decodes pictures.
    #[derive(Clone)]
    pub type Reader;
    #[wasm_bindgen(method)]
    fn open(this: &Reader, files: &JsValue, name: &str) -> Promise;
    #[wasm_bindgen(method)]
    fn pixels(this: &Reader, file: &JsValue, limit: usize) -> Promise;
    #[wasm_bindgen(method)]
    fn whole(this: &Reader, file: &JsValue) -> Promise;

    type Entries;
    #[wasm_bindgen(method, getter)]
    fn place(this: &Entries) -> String;
    #[wasm_bindgen(method)]
    fn next(this: &Entries) -> Promise;
    #[wasm_bindgen(method)]
    fn bytes(this: &Entries) -> Promise;
    #[wasm_bindgen(method)]
    fn pixels(this: &Entries, limit: usize) -> Promise;
    #[wasm_bindgen(method)]
    fn close(this: &Entries);
}

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// What reads archives and pictures; the package's front door calls it.
#[wasm_bindgen(skip_typescript)]
pub fn use_reader(reader: Reader) {
    READER.set(Some(reader));
}

fn reader() -> Result<Reader> {
    let none = || Failure::new("other", "nothing reads pictures here: load wgrad by the init of its package");
    READER.with_borrow(Clone::clone).ok_or_else(none)
}

/// What a promise gives; an error in words, of which `place` is the file.
async fn given(promise: Promise, place: &str) -> Result<JsValue> {
    JsFuture::from(promise).await.map_err(|error| {
        let why = get(&error, "message").as_string().unwrap_or_else(|| "no reason given".to_owned());
        Failure::new("data", format!("{place}: {why}"))
    })
}

/// All bytes of a file: a `Uint8Array` or a `Blob`.
pub(crate) async fn whole(file: &JsValue, name: &str) -> Result<Uint8Array> {
    if let Some(bytes) = file.dyn_ref::<Uint8Array>() {
        return Ok(bytes.clone());
    }
    Ok(given(reader()?.whole(file), name).await?.unchecked_into())
}

/// A picture file by itself.
pub(crate) async fn picture(file: &JsValue) -> Result<Pixels> {
    let name = get(file, "name").as_string().unwrap_or_else(|| "the picture".to_owned());
    let pixels = given(reader()?.pixels(file, MAX_PIXELS), &name).await?;
    decoded(&pixels).map_err(|what| Failure::new("data", format!("{name}: {what}")))
}

fn number(of: &JsValue, name: &str) -> usize {
    get(of, name).as_f64().unwrap_or(0.0) as usize
}

/// Pixels as JavaScript gives them, or its words for what is wrong.
fn decoded(value: &JsValue) -> std::result::Result<Pixels, String> {
    if let Some(what) = value.as_string() {
        return Err(what);
    }
    let bytes = get(value, "data").dyn_into::<Uint8Array>().map(|data| data.to_vec()).unwrap_or_default();
    Pixels::rgba(number(value, "width"), number(value, "height"), bytes)
        .ok_or_else(|| "the decoder gave another number of pixels than the picture has".to_owned())
}

/// The files of a folder or an archive, one after another.
pub(crate) struct Walk {
    entries: Entries,
    /// What messages call it.
    pub(crate) place: String,
}

/// A file or a folder.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) folder: bool,
    /// Bytes of it.
    pub(crate) size: usize,
}

impl Walk {
    /// Opens what a recipe calls `name`; `None` where it is not among the files.
    pub(crate) async fn open(files: &JsValue, name: &str) -> Result<Option<Self>> {
        let entries = given(reader()?.open(files, name), name).await?;
        if entries.is_undefined() {
            return Ok(None);
        }
        let entries: Entries = entries.unchecked_into();
        Ok(Some(Self { place: entries.place(), entries }))
    }

    /// Goes to the next one.
    pub(crate) async fn next(&self) -> Result<Option<Entry>> {
        let entry = given(self.entries.next(), &self.place).await?;
        let path = get(&entry, "path").as_string();
        Ok(path.map(|path| Entry { path, folder: get(&entry, "folder").is_truthy(), size: number(&entry, "size") }))
    }

    /// The bytes of the file at hand, or what is wrong with it.
    pub(crate) async fn bytes(&self) -> Result<std::result::Result<Vec<u8>, String>> {
        let value = given(self.entries.bytes(), &self.place).await?;
        Ok(value.dyn_into::<Uint8Array>().map(|bytes| bytes.to_vec()).map_err(|words| words.as_string().unwrap_or_default()))
    }

    /// Begins to decode the file at hand; the next one may begin before it is done.
    pub(crate) fn decode(&self, limit: usize) -> Promise {
        self.entries.pixels(limit)
    }

    /// The pixels, or what is wrong with the file.
    pub(crate) async fn decoded(&self, pixels: Promise) -> Result<std::result::Result<Pixels, String>> {
        Ok(decoded(&given(pixels, &self.place).await?))
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.entries.close();
    }
}
