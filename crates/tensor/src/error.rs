//! What can go wrong from outside. A programmer's mistakes (shapes, types, axes) panic in the [`Tensor`](crate::Tensor) methods.

use wgrad_kernels::{DType, OpError, TensorType};

/// An error of the tensor crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operands of an op do not fit.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The device or its driver failed.
    #[error(transparent)]
    Runtime(#[from] wgrad_runtime::Error),
    /// Data of the wrong length for a shape.
    #[error("{given} values do not fill a tensor of {ty}, which has {needed}")]
    Length {
        /// The number of values given.
        given: usize,
        /// The number the shape asks for.
        needed: usize,
        /// The type.
        ty: TensorType,
    },
    /// Data read as another type than they have.
    #[error("the tensor holds {ty}, not {wanted}; cast it first")]
    Type {
        /// The type it has.
        ty: TensorType,
        /// The type asked for.
        wanted: DType,
    },
    /// A tensor built from a variable before that variable was updated.
    #[error("a tensor was built from {name} before an update of {name}, whose old value is gone: read it before the update or build it again after it")]
    Stale {
        /// The variable's name.
        name: String,
    },
    /// Tensors of different devices in one graph.
    #[error("tensors of different devices meet in one graph: move one by reading it and making it anew on the other device")]
    Devices,
    /// The gradient of something that is not a float scalar.
    #[error("gradients are taken of a float scalar, got {0}; reduce it with `sum` or `mean`")]
    NotScalar(TensorType),
    /// A verification of nothing.
    #[error("no op and no case holds {filter:?} in its name; the ops are {ops}")]
    NoCase {
        /// What the names should hold.
        filter: String,
        /// All ops.
        ops: String,
    },
    /// A fault for a kernel that there is none of.
    #[error("{0}: there is no kernel of that stem")]
    NoKernel(String),
    /// The device and the reference differ.
    #[error("{0}")]
    Differs(String),
}
