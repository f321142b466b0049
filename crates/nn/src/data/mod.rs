//! Data: sets in memory, where they are found, and the loader that feeds them to the device.
//!
//! | file | what |
//! |---|---|
//! | [`dataset`] | [`Dataset`]: samples and targets in memory, cheap views of them |
//! | [`loader`] | [`Loader`]: seeded shuffling, batches made ahead on a thread |
//! | [`augment`] | transforms, fixed and random |
//! | [`framing`] | how a picture of any size becomes a sample |
//! | [`image`] | pictures: files, folders and archives of them |
//! | [`folds`] | cross-validation: a set cut into stratified parts |
//! | [`cifar`] | CIFAR-10: its binary files, or its pictures |
//! | [`csv`] | tables |
//! | [`idx`] | the IDX format of MNIST, plain or gzip |
//! | [`digits`] | the `quickstart` set: digits that the program draws itself |
//! | [`locate`] | the places where data are looked for |
//! | [`fetch`] | downloading MNIST (feature `fetch`) |
//! | [`rng`] | random numbers that repeat on every platform |

pub mod augment;
pub mod cifar;
#[cfg(not(target_arch = "wasm32"))]
pub mod csv;
pub mod dataset;
mod digit_strokes;
pub mod digits;
pub(crate) mod error;
#[cfg(all(feature = "fetch", not(target_arch = "wasm32")))]
pub mod fetch;
pub mod folds;
pub mod framing;
#[cfg(not(target_arch = "wasm32"))]
mod gzip;
pub mod idx;
pub mod image;
pub mod loader;
#[cfg(not(target_arch = "wasm32"))]
pub mod locate;
mod resize;
pub mod rng;
#[cfg(not(target_arch = "wasm32"))]
mod workers;

pub use dataset::{BatchTargets, Dataset, Inputs, Normalize, Samples, Targets};
pub use error::DataError;
pub use loader::{Batch, Batches, Loader, LoaderOptions};
