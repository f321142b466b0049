//! Layers, losses, optimisers, data, training loop, checkpoints.
//!
//! A [`Sequential`] is built from layers, a [`Trainer`] fits it to a [`Dataset`](data::dataset::Dataset), and a
//! [`Recipe`] says both in a TOML file.

pub mod bench;
pub mod data;
pub mod error;
pub mod explain;
pub mod files;
pub mod init;
pub mod layers;
pub mod loss;
pub mod metrics;
pub mod model;
pub mod models;
pub mod optim;
pub mod recipe;
pub mod report;
pub mod schedule;
pub mod summary;
pub mod train;

pub use error::Error;
pub use init::Init;
pub use layers::{Activation, Conv1d, Conv2d, ConvTranspose2d, Dropout, Flatten, Layer, Linear, MaxPool2d, Padding, Pair, Pass};
pub use loss::{Loss, LossOptions};
pub use model::{Model, Sequential};
pub use optim::{Adam, Lion, Optimizer, OptimizerState, RmsProp, Sgd};
pub use recipe::Recipe;
pub use schedule::Schedule;
pub use train::{Answers, Evaluation, FitOptions, Predictor, Test, Trainer};
