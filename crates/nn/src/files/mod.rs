//! Files of a run: written so that a kill or a full disk at any moment leaves the last good ones.

mod about;
#[cfg(not(target_arch = "wasm32"))]
mod atomic;
pub mod checkpoint;
mod error;

pub use about::{About, Input};
#[cfg(not(target_arch = "wasm32"))]
pub use atomic::atomic_write;
pub use checkpoint::{Checkpoint, Kind, NamedTensor, State};
pub use error::FileError;
