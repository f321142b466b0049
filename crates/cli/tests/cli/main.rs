//! The `wgrad` program from the outside: every command, every kind of bad input.

mod common;
mod data;
mod eval;
mod folds;
mod info;
mod inputs;
mod op;
mod pictures;
mod predict;
mod resume;
mod summary;
mod train;
mod verify;
