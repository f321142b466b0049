//! The training loop: fit, evaluate, predict, checkpoints.

mod checkpoints;
mod evaluate;
mod feed;
mod fit;
mod meter;
mod save;
mod trainer;

pub use evaluate::Evaluation;
pub use fit::EarlyStopping;
pub use trainer::{FitOptions, Position, Trainer};
