//! The errors of this crate.

use crate::data::DataError;
use crate::files::FileError;

/// What can go wrong while a model is built, trained or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device failed.
    #[error(transparent)]
    Tensor(#[from] wgrad_tensor::Error),
    /// A data file or set is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A layer does not fit what comes before it.
    #[error("layer {path} ({layer}) does not fit: {message}")]
    Layer {
        /// Its number, from 0, below those of the layers that hold it: `3`, `3.body.0`.
        path: String,
        /// Its name and settings.
        layer: String,
        /// Both shapes and what to change.
        message: String,
    },
    /// The model, the loss and the data do not fit together.
    #[error("{0}")]
    Mismatch(String),
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(String),
    /// A recipe that cannot be read.
    #[error("recipe {name}: {message}")]
    Recipe {
        /// Its file or name.
        name: String,
        /// Where, and what is wrong.
        message: String,
    },
    /// The loss became NaN or infinite.
    #[error("the loss is not finite from step {step} on (epoch {epoch}); the weights are lost from there{kept}. Try a lower learning rate or clip_norm")]
    NotFinite {
        /// The first step, counted from 1, whose loss was not finite.
        step: u64,
        /// Its epoch, from 1.
        epoch: u64,
        /// Where the last good checkpoint is: `; the last good checkpoint is kept in FOLDER`, or empty where there is none.
        kept: String,
    },
}

impl From<wgrad_tensor::kernels::OpError> for Error {
    fn from(error: wgrad_tensor::kernels::OpError) -> Self {
        Error::Tensor(error.into())
    }
}

impl From<wgrad_tensor::runtime::Error> for Error {
    fn from(error: wgrad_tensor::runtime::Error) -> Self {
        Error::Tensor(error.into())
    }
}
