//! gzip, by the browser's own decoder: one more of ours would be a twentieth of the wasm.

use crate::options::get;
use js_sys::{Array, Promise, Uint8Array};
use std::io;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wgrad_nn::data::DataError;

/// The most bytes that a file may become: a tab has no more than 4 GiB, and a growing buffer needs thrice its size.
const MAX_BYTES: usize = 1 << 30;

#[wasm_bindgen]
extern "C" {
    type Blob;
    #[wasm_bindgen(constructor, catch)]
    fn new(parts: &Array) -> Result<Blob, JsValue>;
    #[wasm_bindgen(method)]
    fn stream(this: &Blob) -> ReadableStream;

    type ReadableStream;
    #[wasm_bindgen(method, js_name = pipeThrough)]
    fn pipe_through(this: &ReadableStream, transform: &DecompressionStream) -> ReadableStream;
    #[wasm_bindgen(method, js_name = getReader)]
    fn reader(this: &ReadableStream) -> Reader;

    type DecompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;

    type Reader;
    #[wasm_bindgen(method)]
    fn read(this: &Reader) -> Promise;
    #[wasm_bindgen(method)]
    fn cancel(this: &Reader) -> Promise;
}

/// The contents of a file: its bytes, or what they decompress to where they are gzip.
///
/// # Errors
/// [`DataError::Gzip`] where they break off or are damaged, [`DataError::TooLarge`] where they are too much for a tab.
pub(crate) async fn contents(file: &str, bytes: &Uint8Array) -> Result<Vec<u8>, DataError> {
    if bytes.length() < 2 || (bytes.get_index(0), bytes.get_index(1)) != (0x1f, 0x8b) {
        return Ok(bytes.to_vec());
    }
    let mut all = Vec::new();
    match inflate(bytes, &mut all).await {
        Ok(true) => Ok(all),
        Ok(false) => Err(DataError::TooLarge {
            file: file.to_owned(),
            what: format!("{} bytes of gzip", bytes.length()),
            claimed: format!("more than {MAX_BYTES}"),
            limit: format!("the {MAX_BYTES} that a tab has room for"),
        }),
        Err(error) => {
            let why = get(&error, "message").as_string().unwrap_or_else(|| "no reason given".to_owned());
            Err(DataError::Gzip { file: file.to_owned(), len: all.len() as u64, source: io::Error::other(why) })
        }
    }
}

/// Decompresses onto `all`; false where there is more than fits.
async fn inflate(bytes: &Uint8Array, all: &mut Vec<u8>) -> Result<bool, JsValue> {
    let reader = Blob::new(&Array::of1(bytes))?.stream().pipe_through(&DecompressionStream::new("gzip")?).reader();
    loop {
        let next = JsFuture::from(reader.read()).await?;
        let Ok(part) = get(&next, "value").dyn_into::<Uint8Array>() else { return Ok(true) };
        if all.len() + part.length() as usize > MAX_BYTES {
            // Whatever becomes of the rest, nobody reads it.
            let _ = reader.cancel();
            return Ok(false);
        }
        all.extend(part.to_vec());
    }
}
