//! Options and results as plain JavaScript objects.

use crate::error::{Failure, Result};
use js_sys::{Function, JSON, Reflect};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

/// A property of an object; undefined where there is none, or no object.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    if !object.is_object() {
        return JsValue::UNDEFINED;
    }
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A function among the options.
pub(crate) fn function(options: &JsValue, name: &str) -> Result<Option<Function>> {
    let value = get(options, name);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    value.dyn_into().map(Some).map_err(|_| Failure::new("other", format!("the option {name} must be a function")))
}

/// A number among the options.
pub(crate) fn number(options: &JsValue, name: &str) -> Result<Option<f64>> {
    let value = get(options, name);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    value.as_f64().map(Some).ok_or_else(|| Failure::new("other", format!("the option {name} must be a number")))
}

/// A text among the options.
#[cfg(feature = "checks")]
pub(crate) fn text(options: &JsValue, name: &str) -> Result<Option<String>> {
    let value = get(options, name);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    value.as_string().map(Some).ok_or_else(|| Failure::new("other", format!("the option {name} must be a string")))
}

/// Whether the `AbortSignal` among the options asks to stop.
pub(crate) fn aborted(signal: &JsValue) -> bool {
    get(signal, "aborted").is_truthy()
}

/// A value as the JavaScript object that its JSON describes.
pub(crate) fn object(value: &impl Serialize) -> Result<JsValue> {
    let text = serde_json::to_string(value)?;
    JSON::parse(&text).map_err(|_| Failure::new("other", "JSON that this program wrote cannot be read"))
}

/// Calls a listener. What it throws is its own affair: it is reported, and training goes on.
pub(crate) fn call(listener: Option<&Function>, argument: &JsValue) {
    if let Some(listener) = listener
        && let Err(thrown) = listener.call1(&JsValue::NULL, argument)
    {
        report(&thrown);
    }
}

#[wasm_bindgen::prelude::wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn report(value: &JsValue);
}
