//! The interface through which backward rules are written: a lazy graph implements it, and so does a CPU tape.

use crate::ops::{Binary, BinaryKind, Broadcast, Cast, Full, MatMul, Permute, Reduce, ReduceKind, Reshape, Unary, UnaryKind, Where};
use crate::{DType, Op, Shape, TensorType};

/// A value in a graph or on a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// Something that ops can be appended to.
pub trait Builder {
    /// Appends an op and returns its outputs.
    ///
    /// # Panics
    /// Where the operands do not fit: a backward rule that builds such a node is wrong.
    fn emit(&mut self, op: Op, inputs: &[Value]) -> Vec<Value>;

    /// The type of a value.
    fn ty(&self, value: Value) -> &TensorType;
}

impl dyn Builder + '_ {
    /// Appends an op with one output.
    pub fn op(&mut self, op: impl Into<Op>, inputs: &[Value]) -> Value {
        self.emit(op.into(), inputs)[0]
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> Shape {
        self.ty(value).shape.clone()
    }

    /// An element-wise function.
    pub fn unary(&mut self, kind: UnaryKind, x: Value) -> Value {
        self.op(Unary(kind), &[x])
    }

    /// An element-wise operation with broadcasting.
    pub fn binary(&mut self, kind: BinaryKind, a: Value, b: Value) -> Value {
        self.op(Binary(kind), &[a, b])
    }

    /// `a + b`.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryKind::Add, a, b)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryKind::Sub, a, b)
    }

    /// `a · b`, element by element.
    pub fn mul(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryKind::Mul, a, b)
    }

    /// `a / b`.
    pub fn div(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryKind::Div, a, b)
    }

    /// `-x`.
    pub fn neg(&mut self, x: Value) -> Value {
        self.unary(UnaryKind::Neg, x)
    }

    /// A scalar constant of the type of `like`, which broadcasts to any shape.
    pub fn constant(&mut self, value: f64, like: Value) -> Value {
        let dtype = self.ty(like).dtype;
        self.op(Full { shape: Shape::default(), dtype, value }, &[])
    }

    /// Zeros of the shape and type of `like`.
    pub fn zeros_like(&mut self, like: Value) -> Value {
        let TensorType { shape, dtype } = self.ty(like).clone();
        self.op(Full { shape, dtype, value: 0.0 }, &[])
    }

    /// `factor · x`.
    pub fn scale(&mut self, x: Value, factor: f64) -> Value {
        let factor = self.constant(factor, x);
        self.mul(x, factor)
    }

    /// `x + term`.
    pub fn offset(&mut self, x: Value, term: f64) -> Value {
        let term = self.constant(term, x);
        self.add(x, term)
    }

    /// `condition ? a : b`.
    pub fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        self.op(Where, &[condition, a, b])
    }

    /// `condition ? a : 0`.
    pub fn masked(&mut self, condition: Value, a: Value) -> Value {
        let zero = self.constant(0.0, a);
        self.select(condition, a, zero)
    }

    /// The sum over `axes` (all where `None`).
    pub fn sum(&mut self, x: Value, axes: Option<Vec<i64>>, keepdims: bool) -> Value {
        self.op(Reduce::new(ReduceKind::Sum, axes, keepdims), &[x])
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: Value, shape: Shape) -> Value {
        if self.ty(x).shape == shape {
            return x;
        }
        self.op(Reshape { shape: shape.iter().map(|&n| n as i64).collect() }, &[x])
    }

    /// The axes in another order.
    pub fn permute(&mut self, x: Value, perm: Vec<usize>) -> Value {
        self.op(Permute { perm: Some(perm) }, &[x])
    }

    /// The last two axes swapped.
    pub fn transpose(&mut self, x: Value) -> Value {
        let rank = self.ty(x).shape.rank();
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(rank - 1, rank - 2);
        self.permute(x, perm)
    }

    /// Stretched to `shape`.
    pub fn broadcast(&mut self, x: Value, shape: Shape) -> Value {
        if self.ty(x).shape == shape {
            return x;
        }
        self.op(Broadcast { shape }, &[x])
    }

    /// The matrix product of the last two axes.
    pub fn matmul(&mut self, a: Value, b: Value) -> Value {
        self.op(MatMul::default(), &[a, b])
    }

    /// As another element type.
    pub fn cast(&mut self, x: Value, to: DType) -> Value {
        if self.ty(x).dtype == to {
            return x;
        }
        self.op(Cast { to }, &[x])
    }

    /// `x` summed over whatever axes were stretched to make it from `shape`: the backward of broadcasting, for all ops.
    pub fn sum_to(&mut self, x: Value, shape: &Shape) -> Value {
        let from = self.shape(x);
        if from == *shape {
            return x;
        }
        let lead = from.rank() - shape.rank();
        let axes: Vec<i64> = (0..from.rank()).filter(|&i| i < lead || (shape[i - lead] == 1 && from[i] != 1)).map(|i| i as i64).collect();
        let summed = if axes.is_empty() { x } else { self.sum(x, Some(axes), true) };
        self.reshape(summed, shape.clone())
    }
}
