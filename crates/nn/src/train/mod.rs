//! The training loop: fit, evaluate, predict, checkpoints.

mod checkpoints;
mod evaluate;
mod feed;
mod fit;
mod meter;
mod predict;
mod save;
mod survive;
mod trainer;

pub use evaluate::{Answers, Evaluation, Test};
pub(crate) use feed::evaluation_batch;
pub use fit::EarlyStopping;
pub use predict::Predictor;
pub use trainer::{FitOptions, Position, Trainer};
