//! The ops as methods. Each infers its shape at once and panics, at the caller's line, where the operands do not fit.

use crate::trace::Trace;
use crate::{Error, Tensor, Variable, differentiate};
use wgrad_kernels::ops::{
    Binary, BinaryKind, Broadcast, Cast, Clamp, Elu, Full, LeakyRelu, MatMul, Permute, Reduce, ReduceKind, Reshape, Unary, UnaryKind, Where,
};
use wgrad_kernels::{DType, Op, Shape, Value};

impl Tensor {
    /// The first output of an op on tensors of this device.
    ///
    /// # Panics
    /// Where the operands do not fit; the message names the op, the shapes and the rule.
    #[track_caller]
    pub fn apply(&self, op: impl Into<Op>, others: &[&Tensor]) -> Tensor {
        self.apply_all(op, others).swap_remove(0)
    }

    /// All outputs of an op on tensors of this device.
    ///
    /// # Panics
    /// Where the operands do not fit; the message names the op, the shapes and the rule.
    #[track_caller]
    pub fn apply_all(&self, op: impl Into<Op>, others: &[&Tensor]) -> Vec<Tensor> {
        let inputs: Vec<&Tensor> = std::iter::once(self).chain(others.iter().copied()).collect();
        match Tensor::try_op(self.device(), op, &inputs) {
            Ok(outputs) => outputs,
            Err(e) => panic!("{e}"),
        }
    }

    /// A constant of the type of this tensor that broadcasts to any shape.
    #[track_caller]
    pub fn constant(&self, value: f64) -> Tensor {
        self.full([], value)
    }

    /// A tensor of one value, of this one's element type and device.
    #[track_caller]
    pub fn full(&self, shape: impl Into<Shape>, value: f64) -> Tensor {
        match Tensor::try_op(self.device(), Full { shape: shape.into(), dtype: self.dtype(), value }, &[]) {
            Ok(mut outputs) => outputs.swap_remove(0),
            Err(e) => panic!("{e}"),
        }
    }

    /// `y = condition ? self : other`, with broadcasting; `condition` is bool.
    #[track_caller]
    pub fn select(&self, condition: &Tensor, other: &Tensor) -> Tensor {
        condition.apply(Where, &[self, other])
    }

    /// As another element type.
    #[track_caller]
    pub fn cast(&self, to: DType) -> Tensor {
        if self.dtype() == to { self.clone() } else { self.apply(Cast { to }, &[]) }
    }

    /// The same elements in another shape; one extent may be -1.
    #[track_caller]
    pub fn reshape(&self, shape: &[i64]) -> Tensor {
        self.apply(Reshape { shape: shape.to_vec() }, &[])
    }

    /// The axes in another order.
    #[track_caller]
    pub fn permute(&self, perm: &[usize]) -> Tensor {
        self.apply(Permute { perm: Some(perm.to_vec()) }, &[])
    }

    /// The last two axes swapped. A view: no data move.
    #[track_caller]
    pub fn transpose(&self) -> Tensor {
        let rank = self.shape().rank();
        let mut perm: Vec<usize> = (0..rank).collect();
        if rank >= 2 {
            perm.swap(rank - 1, rank - 2);
        }
        self.permute(&perm)
    }

    /// Stretched to a shape by NumPy's rule. A view: no data move.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Tensor {
        self.apply(Broadcast { shape: shape.into() }, &[])
    }

    /// The matrix product of the last two axes; batch axes broadcast. Transposed operands are read where they lie.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        self.apply(MatMul::default(), &[other])
    }

    #[track_caller]
    fn reduce(&self, kind: ReduceKind, axes: Option<&[i64]>, keepdims: bool) -> Tensor {
        self.apply(Reduce { kind, axes: axes.map(<[i64]>::to_vec), keepdims, prologue: None }, &[])
    }

    /// The sum of all elements.
    #[track_caller]
    pub fn sum(&self) -> Tensor {
        self.reduce(ReduceKind::Sum, None, false)
    }

    /// The sum over axes, which are dropped or kept with extent 1.
    #[track_caller]
    pub fn sum_axes(&self, axes: &[i64], keepdims: bool) -> Tensor {
        self.reduce(ReduceKind::Sum, Some(axes), keepdims)
    }

    /// The mean of all elements.
    #[track_caller]
    pub fn mean(&self) -> Tensor {
        self.reduce(ReduceKind::Mean, None, false)
    }

    /// The mean over axes, which are dropped or kept with extent 1.
    #[track_caller]
    pub fn mean_axes(&self, axes: &[i64], keepdims: bool) -> Tensor {
        self.reduce(ReduceKind::Mean, Some(axes), keepdims)
    }

    /// The largest element over axes, which are dropped or kept with extent 1.
    #[track_caller]
    pub fn max_axes(&self, axes: &[i64], keepdims: bool) -> Tensor {
        self.reduce(ReduceKind::Max, Some(axes), keepdims)
    }

    /// The smallest element over axes, which are dropped or kept with extent 1.
    #[track_caller]
    pub fn min_axes(&self, axes: &[i64], keepdims: bool) -> Tensor {
        self.reduce(ReduceKind::Min, Some(axes), keepdims)
    }

    /// d`self`/d`wrt` for each tensor of `wrt`, appended to the graph lazily; zeros where the loss does not depend on it.
    /// `self` is a float scalar. The gradients are tensors like any other: differentiate them again if you like.
    ///
    /// # Errors
    /// Where `self` is not a float scalar. A gradient that needs a stale tensor says so when it is computed.
    pub fn gradients(&self, wrt: &[&Tensor]) -> Result<Vec<Tensor>, Error> {
        if self.shape().numel() != 1 || !self.dtype().is_float() {
            return Err(Error::NotScalar(self.ty().clone()));
        }
        let roots: Vec<&Tensor> = std::iter::once(self).chain(wrt.iter().copied()).collect();
        let mut trace = Trace::history(&roots);
        // invariant: every root was traced.
        let values: Vec<Value> = roots.iter().map(|t| trace.value(t).unwrap_or(Value(0))).collect();
        let grads = differentiate(&mut trace.graph, values[0], &values[1..]);
        let tensors = trace.tensors(&grads);
        Ok(tensors.into_iter().zip(wrt).map(|(grad, x)| grad.unwrap_or_else(|| x.full(x.shape().clone(), 0.0))).collect())
    }

    /// The gradients with respect to variables.
    ///
    /// # Errors
    /// As [`Tensor::gradients`].
    pub fn gradients_of(&self, variables: &[Variable]) -> Result<Vec<Tensor>, Error> {
        let values: Vec<Tensor> = variables.iter().map(Variable::value).collect();
        self.gradients(&values.iter().collect::<Vec<_>>())
    }
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $kind:ident),* $(,)?) => {
        impl Tensor {
            $($(#[$doc])* #[track_caller] pub fn $name(&self) -> Tensor { self.apply(Unary(UnaryKind::$kind), &[]) })*
        }
    };
}

unary! {
    /// `-x`.
    neg Neg,
    /// `|x|`.
    abs Abs,
    /// -1, 0 or 1.
    sign Sign,
    /// The largest whole number not above x.
    floor Floor,
    /// `eˣ`.
    exp Exp,
    /// The natural logarithm.
    log Log,
    /// `√x`.
    sqrt Sqrt,
    /// `1/√x`.
    rsqrt Rsqrt,
    /// `sin x`.
    sin Sin,
    /// `cos x`.
    cos Cos,
    /// `tanh x`.
    tanh Tanh,
    /// `1/(1 + e⁻ˣ)`.
    sigmoid Sigmoid,
    /// `max(x, 0)`.
    relu Relu,
    /// `x·Φ(x)`, exact.
    gelu Gelu,
    /// `x·Φ(x)` by the tanh formula.
    gelu_tanh GeluTanh,
    /// `x·sigmoid(x)`.
    silu Silu,
    /// `x·tanh(ln(1 + eˣ))`.
    mish Mish,
    /// `x·clamp(x/6 + 1/2, 0, 1)`.
    hardswish Hardswish,
    /// The error function.
    erf Erf,
    /// `1/x`.
    reciprocal Reciprocal,
    /// `x²`.
    square Square,
    /// Not x, for bool.
    logical_not Not,
}

impl Tensor {
    /// x where positive, `alpha`·x elsewhere.
    #[track_caller]
    pub fn leaky_relu(&self, alpha: f64) -> Tensor {
        self.apply(LeakyRelu { alpha }, &[])
    }

    /// x where positive, `alpha`·(eˣ − 1) elsewhere.
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Tensor {
        self.apply(Elu { alpha }, &[])
    }

    /// x between two bounds.
    #[track_caller]
    pub fn clamp(&self, min: f64, max: f64) -> Tensor {
        self.apply(Clamp { min, max }, &[])
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident $kind:ident),* $(,)?) => {
        impl Tensor {
            $($(#[$doc])* #[track_caller] pub fn $name(&self, other: &Tensor) -> Tensor { self.apply(Binary(BinaryKind::$kind), &[other]) })*
        }
    };
}

binary! {
    /// `aᵇ`, with broadcasting.
    pow Pow,
    /// The larger of two, with broadcasting.
    maximum Max,
    /// The smaller of two, with broadcasting.
    minimum Min,
    /// `a = b`, as bool, with broadcasting.
    equal Equal,
    /// `a < b`, as bool, with broadcasting.
    less Less,
    /// `a ≤ b`, as bool, with broadcasting.
    less_or_equal LessOrEqual,
    /// `a > b`, as bool, with broadcasting.
    greater Greater,
    /// `a ≥ b`, as bool, with broadcasting.
    greater_or_equal GreaterOrEqual,
    /// `a and b`, for bool.
    logical_and And,
    /// `a or b`, for bool.
    logical_or Or,
    /// Either but not both, for bool.
    logical_xor Xor,
}

macro_rules! operators {
    ($($trait:ident $method:ident $kind:ident),* $(,)?) => {$(
        impl std::ops::$trait<&Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor { self.apply(Binary(BinaryKind::$kind), &[other]) }
        }

        impl std::ops::$trait<f64> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: f64) -> Tensor { self.apply(Binary(BinaryKind::$kind), &[&self.constant(other)]) }
        }

        impl std::ops::$trait<Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor { self.apply(Binary(BinaryKind::$kind), &[&other]) }
        }

        impl std::ops::$trait<f64> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: f64) -> Tensor { self.apply(Binary(BinaryKind::$kind), &[&self.constant(other)]) }
        }
    )*};
}

operators! { Add add Add, Sub sub Sub, Mul mul Mul, Div div Div }

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.apply(Unary(UnaryKind::Neg), &[])
    }
}
