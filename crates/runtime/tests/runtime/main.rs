//! The runtime on whatever adapter is there, one program so that it is linked once.

mod common;
mod failures;
mod plan;
mod profile;
mod run;
mod steady;
