//! Errors as JavaScript sees them: `Error` objects with a `kind` that a program can act on.

use js_sys::{Error as JsError, Reflect};
use wasm_bindgen::JsValue;
use wgrad_nn::Error;
use wgrad_tensor::runtime;

/// An error on its way to JavaScript.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: &'static str,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    #[cfg(feature = "checks")]
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn text(&self) -> &str {
        &self.message
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Self {
        let kind = match &error {
            runtime::Error::NoAdapter { .. } | runtime::Error::UnknownAdapter { .. } => "no_adapter",
            runtime::Error::Open { .. } | runtime::Error::LimitExceeded { .. } | runtime::Error::OutOfMemory { .. } => "limit",
            runtime::Error::DeviceLost { .. } => "device_lost",
            _ => "other",
        };
        Self::new(kind, error.to_string())
    }
}

impl From<wgrad_tensor::Error> for Failure {
    fn from(error: wgrad_tensor::Error) -> Self {
        match error {
            wgrad_tensor::Error::Runtime(error) => error.into(),
            error => Self::new("other", error.to_string()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Tensor(_) => "other",
            Error::Data(_) => "data",
            Error::File(_) => "checkpoint",
            Error::NotFinite { .. } => "not_finite",
            Error::Recipe { .. } | Error::Layer { .. } | Error::Mismatch(_) | Error::Setting(_) => "recipe",
            _ => "other",
        };
        match error {
            Error::Tensor(error) => error.into(),
            error => Self::new(kind, error.to_string()),
        }
    }
}

impl From<wgrad_nn::files::FileError> for Failure {
    fn from(error: wgrad_nn::files::FileError) -> Self {
        Error::from(error).into()
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new("other", error.to_string())
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = JsError::new(&failure.message);
        error.set_name("WgradError");
        // An object that was made the line before takes a property.
        let _ = Reflect::set(&error, &"kind".into(), &failure.kind.into());
        error.into()
    }
}

/// What an async function gives to JavaScript.
pub(crate) type Result<T> = std::result::Result<T, Failure>;
