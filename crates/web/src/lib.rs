//! wgrad in a browser: the wasm package `wgrad`, with TypeScript types.
//!
//! Every function is asynchronous and none blocks, so that it works on a page and in a worker alike. On other targets the
//! crate is empty. It is built twice, by its features: what trains, and what checks, which is loaded when it is first asked for.
#![cfg(target_arch = "wasm32")]

#[cfg(feature = "checks")]
mod bench;
#[cfg(feature = "training")]
mod data;
mod device;
mod error;
#[cfg(feature = "training")]
mod gunzip;
mod logging;
#[cfg(feature = "training")]
mod model;
mod options;
#[cfg(feature = "training")]
mod pictures;
#[cfg(feature = "training")]
mod reader;
#[cfg(feature = "training")]
mod recipes;
#[cfg(feature = "training")]
mod train;
#[cfg(feature = "training")]
mod types;
#[cfg(feature = "checks")]
mod verify;

#[cfg(feature = "checks")]
pub use bench::{bench, workloads};
#[cfg(feature = "training")]
pub use data::Data;
pub use device::Device;
#[cfg(feature = "training")]
pub use model::{Model, evaluate, load, picture, predict, sample, save};
#[cfg(feature = "training")]
pub use reader::{Reader, use_reader};
#[cfg(feature = "training")]
pub use recipes::{describe, recipes};
#[cfg(feature = "training")]
pub use train::train;
#[cfg(feature = "checks")]
pub use verify::verify;

use wasm_bindgen::prelude::*;

/// The version of wgrad.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
