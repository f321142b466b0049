//! `permute`: the axes in another order (ONNX Transpose): y[i₀, i₁, …] = x at the index whose axis perm\[k\] is iₖ. A view.

use crate::op::{Entry, Kernel, Node};
use crate::{Array, Builder, Case, Input, Layout, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// The axes in another order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permute {
    /// Output axis k is input axis `perm[k]`; reversed where absent.
    pub perm: Option<Vec<usize>>,
}

impl Permute {
    fn order(&self, rank: usize) -> Vec<usize> {
        self.perm.clone().unwrap_or_else(|| (0..rank).rev().collect())
    }
}

impl Kernel for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("permute", format!("takes 1 input, got {}", inputs.len())));
        };
        let order = self.order(x.shape.rank());
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted != (0..x.shape.rank()).collect::<Vec<_>>() {
            return Err(OpError::new("permute", format!("perm {order:?} must name each of the {} axes of shape {} once", x.shape.rank(), x.shape)));
        }
        Ok(vec![TensorType::new(Layout::contiguous(&x.shape).permute(&order).shape, x.dtype)])
    }

    fn is_view(&self) -> bool {
        true
    }

    fn view(&self, input: &Layout) -> Option<Layout> {
        Some(input.permute(&self.order(input.shape.rank())))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        // Scatter by the definition: each input index lands at the index whose axis k is that of perm[k].
        let (x, out) = (inputs[0], &outputs[0]);
        let order = self.order(x.ty.shape.rank());
        let mut y = vec![0.0; x.data.len()];
        for (flat, &value) in x.data.iter().enumerate() {
            let mut rest = flat;
            let mut index = vec![0; x.ty.shape.rank()];
            for axis in (0..index.len()).rev() {
                index[axis] = rest % x.ty.shape[axis];
                rest /= x.ty.shape[axis];
            }
            let at = order.iter().enumerate().fold(0, |at, (k, &p)| at * out.shape[k] + index[p]);
            y[at] = value;
        }
        vec![Array::new(out.clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let order = self.order(b.ty(node.inputs[0]).shape.rank());
        let mut inverse = vec![0; order.len()];
        for (k, &p) in order.iter().enumerate() {
            inverse[p] = k;
        }
        vec![Some(b.permute(node.grad(), inverse))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case =
        |name: &str, input: Input, perm: Option<Vec<usize>>| Case::new(format!("permute {name}"), Permute { perm }, vec![input]).tolerance(Tolerance::EXACT);
    let cases = vec![
        case("4x8 reversed", Input::f32([4, 8]), None),
        case("2x3x4 to 1,2,0", Input::f32([2, 3, 4]), Some(vec![1, 2, 0])),
        case("2x3x4x5 to 0,2,1,3", Input::f32([2, 3, 4, 5]), Some(vec![0, 2, 1, 3])),
        case("of a permuted", Input::f32([5, 7]).view(View::Transposed), None),
        case("2x3x4x5x6 to 4,2,0,3,1", Input::f32([2, 3, 4, 5, 6]), Some(vec![4, 2, 0, 3, 1])),
        case("scalar", Input::f32([]), None),
    ];
    vec![Entry::new("permute", "y = x with its axes in the order `perm`, reversed where null (ONNX Transpose)", &Permute { perm: None }, cases)]
}
