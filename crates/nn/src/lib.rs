//! Layers, losses, optimisers, data, training loop, checkpoints.

pub mod data;
pub mod files;
pub mod report;
