//! What each op means: shape rule, launch, f64 reference, backward rule and cases.
//!
//! This crate is pure: it has no GPU code, no async and no global state. A GPU program is described as
//! data ([`Launch`]), so that the choice of a kernel can be tested without a device.
//!
//! One op is one file in [`ops`] and one shader of the same stem; [`Op`] lists them all.

pub mod body;
pub mod builder;
pub mod caps;
pub mod case;
pub mod dtype;
pub mod error;
pub mod launch;
pub mod layout;
pub mod op;
pub mod ops;
mod pooling;
pub mod program;
pub mod random;
pub mod reduction;
pub mod reference;
mod resample;
mod resident;
pub mod shaders;
pub mod shape;
pub mod tape;
mod window;

pub use body::Body;
pub use builder::{Builder, Value};
pub use caps::Caps;
pub use case::{Case, Fill, Input, Tolerance, View};
pub use dtype::DType;
pub use error::OpError;
pub use launch::{Access, Arg, Launch, Lowered, Lowering, Operand, UNIFORM_BYTES, Work};
pub use layout::Layout;
pub use op::{Kernel, Op};
pub use program::{Const, Program};
pub use reference::Array;
pub use shape::{Shape, TensorType};
