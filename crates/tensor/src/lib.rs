//! Lazy tensors over the device runtime.
//!
//! An op call infers its shape at once and appends a node; nothing runs until a result is asked for. Then the graph is
//! simplified, fused, lowered to launches and planned, once per structure, and the plan is run. [`Tensor::gradients`]
//! appends the backward pass to the same graph, so gradients are fused and planned like the rest, and gradients of
//! gradients are nothing special.
//!
//! The same [`Graph`] runs on the CPU in f64: [`interpret()`], and [`Device::check_against_reference`] runs both.

mod check;
mod compile;
mod data;
mod device;
mod differentiate;
mod error;
mod fuse;
mod graph;
mod interpret;
mod lower;
mod methods;
mod methods_conv;
mod methods_index;
mod methods_norm;
mod methods_pool;
mod simplify;
mod step;
mod tensor;
mod trace;
mod variable;
pub mod verify;

pub use check::Report;
pub use data::Data;
pub use device::Device;
pub use differentiate::differentiate;
pub use error::Error;
pub use graph::{Graph, GraphNode};
pub use interpret::interpret;
pub use lower::{Lowering, Options, lower};
pub use step::{Pending, Step};
pub use tensor::Tensor;
pub use variable::Variable;
pub use wgrad_kernels as kernels;
pub use wgrad_kernels::{DType, Shape, TensorType};
pub use wgrad_runtime as runtime;

/// Plain numbers as the bytes that a device stores.
pub fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}
