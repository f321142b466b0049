//! Train neural networks on any GPU over WebGPU (Vulkan, Metal, Direct3D 12, a browser), verified against a CPU reference
//! on that very device.
//!
//! This crate gathers the others; programs start from the [`prelude`].
//!
//! | module | what |
//! |---|---|
//! | [`nn`] | layers, losses, optimisers, data, the [`Trainer`](nn::Trainer), checkpoints, recipes |
//! | [`tensor`] | lazy [`Tensor`](tensor::Tensor)s, gradients, compiled [`Step`](tensor::Step)s, the reference interpreter |
//! | [`runtime`] | adapters, memory plans, submits, readbacks, profiles |
//! | [`kernels`] | what each op means: shapes, launches, f64 reference, backward rule, cases |
//!
//! # Tensors and gradients
//!
//! An op call infers its shape and appends to a graph; nothing runs until a result is read. Then all that is needed for
//! it runs in one submit.
//!
//! ```
//! use wgrad::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::open_blocking(&Select::Auto)?;
//! let x = Tensor::from_f32(&device, [3], &[1.0, 2.0, 3.0])?;
//! let y = (&x * &x * x.clone()).sum();
//! let dy = y.gradients(&[&x])?.remove(0);
//! assert_eq!(dy.to_vec()?, [3.0, 12.0, 27.0]);
//! // A gradient is a tensor like any other.
//! let ddy = dy.sum().gradients(&[&x])?.remove(0);
//! assert_eq!(ddy.to_vec()?, [6.0, 12.0, 18.0]);
//! # Ok(())
//! # }
//! ```
//!
//! # Training
//!
//! ```
//! use std::sync::Arc;
//! use wgrad::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::open_blocking(&Select::Auto)?;
//! let train = Arc::new(digits(Split::Train, 256, 1)?);
//! let model = Sequential::new([1, 28, 28]).flatten().linear(16).relu().linear(10).build(&device, 1)?;
//! let options = FitOptions { epochs: 2, ..FitOptions::default() };
//! let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), options)?;
//! let history = trainer.fit_blocking(&train, &mut Quiet)?;
//! assert!(history.rows[1].loss < history.rows[0].loss);
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! A mistake in the program (shapes, element types, axes) panics at the caller's line with a message that names the op and
//! both shapes. Whatever comes from outside (no adapter, out of memory, a lost device, a damaged file) is a `Result`.

pub use wgrad_kernels as kernels;
pub use wgrad_nn as nn;
pub use wgrad_runtime as runtime;
pub use wgrad_tensor as tensor;

/// What most programs use: `use wgrad::prelude::*;`.
pub mod prelude {
    pub use wgrad_nn::data::digits::digits;
    pub use wgrad_nn::data::idx::Split;
    pub use wgrad_nn::data::{Dataset, Inputs, Normalize, Targets};
    pub use wgrad_nn::report::{Progress, Quiet};
    pub use wgrad_nn::{Adam, FitOptions, Layer, Loss, Model, Optimizer, Pass, Recipe, Sequential, Sgd, Trainer};
    pub use wgrad_runtime::Select;
    pub use wgrad_tensor::{DType, Data, Device, Shape, Step, Tensor, Variable};

    #[cfg(not(target_arch = "wasm32"))]
    pub use wgrad_nn::report::{ProgressMode, Stream, progress};
}

/// The programs of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
