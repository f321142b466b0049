//! The project scripts.
fn main() {}
