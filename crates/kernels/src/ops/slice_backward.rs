//! `slice_backward`: the gradient of `slice`: y = 0 but for y[start + step·i] = g\[i\]. Shape: that of the sliced tensor.
//!
//! The shader is `pad`'s: an output element finds the one input element that lands on it, so nothing is added up.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::pad::{PadMode, Placement};
use crate::ops::{Slice, slice};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// A window put back into zeros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceBackward {
    /// The extents of the tensor that was sliced.
    pub shape: Shape,
    /// How it was sliced.
    pub slice: Slice,
}

impl Kernel for SliceBackward {
    fn name(&self) -> &'static str {
        "slice_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [grad] = inputs else {
            return Err(OpError::new("slice_backward", format!("takes 1 input, got {}", inputs.len())));
        };
        self.shape.addressable("slice_backward")?;
        let window = self.slice.window("slice_backward", &self.shape)?;
        if grad.shape.0 != window.len {
            return Err(OpError::new(
                "slice_backward",
                format!("the gradient has shape {}, the slice of {} has {}", grad.shape, self.shape, Shape(window.len)),
            ));
        }
        Ok(vec![TensorType::new(self.shape.clone(), grad.dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let window = self.slice.window("slice_backward", &self.shape)?;
        let start = window.start.iter().map(|&s| s as i64).collect();
        let step = window.step.iter().map(|&s| s as i64).collect();
        Placement { start, step, mode: PadMode::Constant, value: 0.0 }.lower(facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let mut y = vec![0.0; self.shape.numel()];
        if let Ok(window) = self.slice.window("slice_backward", &self.shape) {
            let target = Layout::contiguous(&self.shape).slice(&window.start, &window.step, &window.len);
            for (at, &g) in target.indices().zip(&inputs[0].data) {
                y[at] = g;
            }
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        if !b.ty(node.inputs[0]).dtype.is_float() {
            return vec![None];
        }
        vec![Some(b.op(self.slice.clone(), &[node.grad()]))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: Vec<usize>, slice: Slice, dtype, view| {
        let shape = Shape(shape);
        let len = slice.window("", &shape).map(|w| w.len).unwrap_or_default();
        let grad = Input::new(len, dtype, Fill::Uniform(-2.0, 2.0)).view(view);
        Case::new(format!("slice_backward {name}"), SliceBackward { shape, slice }, vec![grad]).tolerance(Tolerance::EXACT)
    };
    let mut cases: Vec<Case> = slice::windows().into_iter().map(|(name, shape, op)| case(name, shape, op, DType::F32, View::Plain)).collect();
    let rows = || Slice { starts: vec![1, -2], ends: vec![6, -9], axes: None, steps: Some(vec![2, -1]) };
    let block = || Slice { starts: vec![1, 4], ends: vec![5, 12], axes: None, steps: None };
    cases.push(case("7x9 transposed", vec![7, 9], rows(), DType::F32, View::Transposed));
    cases.push(case("7x9 sliced", vec![7, 9], rows(), DType::F32, View::Sliced));
    cases.push(case("6x16 sliced", vec![6, 16], block(), DType::F32, View::Sliced));
    cases.push(case("f16", vec![7, 9], rows(), DType::F16, View::Plain));
    cases.push(case("f16 block", vec![6, 16], block(), DType::F16, View::Plain));
    let most = Slice { starts: vec![3], ends: vec![i64::MAX], axes: None, steps: None };
    cases.push(case("more than 65535 groups", vec![65_537 * 64 + 5], most, DType::F32, View::Plain));
    let example = SliceBackward { shape: Shape::default(), slice: Slice::default() };
    vec![Entry::new("slice_backward", "y = 0 but for y[start + step·i] = g[i]: the gradient of slice", &example, cases)]
}
