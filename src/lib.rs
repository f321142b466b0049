//! Train neural networks on any GPU over WebGPU, verified against a CPU reference on that very device.
pub use wgrad_kernels as kernels;
pub use wgrad_nn as nn;
pub use wgrad_runtime as runtime;
pub use wgrad_tensor as tensor;
