//! Every op, one file each: formula, `infer`, `lower`, `reference`, `vjp`, cases, in this order.

pub mod binary;
pub mod broadcast;
pub mod cast;
pub mod full;
pub mod iota;
pub mod map;
pub mod matmul;
pub mod pad;
pub mod permute;
pub mod reduce;
pub mod reshape;
pub mod select;
pub mod slice;
pub mod slice_backward;
pub mod unary;

pub use binary::{Binary, BinaryKind};
pub use broadcast::Broadcast;
pub use cast::Cast;
pub use full::Full;
pub use iota::Iota;
pub use map::Map;
pub use matmul::MatMul;
pub use pad::Pad;
pub use permute::Permute;
pub use reduce::{Reduce, ReduceKind};
pub use reshape::Reshape;
pub use select::Where;
pub use slice::Slice;
pub use slice_backward::SliceBackward;
pub use unary::{Unary, UnaryKind};
