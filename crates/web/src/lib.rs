//! wgrad in a browser: the wasm package `wgrad`, with TypeScript types.
//!
//! Every function is asynchronous and none blocks, so that it works on a page and in a worker alike. On other targets the
//! crate is empty.
#![cfg(target_arch = "wasm32")]

mod bench;
mod device;
mod error;
mod logging;
mod model;
mod options;
mod recipes;
mod train;
mod types;
mod verify;

pub use bench::{bench, workloads};
pub use device::Device;
pub use model::{Model, evaluate, load, predict, sample, save};
pub use recipes::{describe, recipes};
pub use train::train;
pub use verify::verify;

use wasm_bindgen::prelude::*;

/// The version of wgrad.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
