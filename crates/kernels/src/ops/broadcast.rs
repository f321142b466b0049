//! `broadcast`: x stretched to a shape by NumPy's rule (ONNX Expand with the shape as an attribute). A view with strides of 0.

use crate::op::{Entry, Kernel, Node};
use crate::{Array, Builder, Case, Input, Layout, OpError, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// Stretched to a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// The extents of the result.
    pub shape: Shape,
}

impl Kernel for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("broadcast", format!("takes 1 input, got {}", inputs.len())));
        };
        if Shape::broadcast("broadcast", &x.shape, &self.shape)? != self.shape {
            return Err(OpError::new("broadcast", format!("shape {} does not stretch to {}: each extent must be 1 or already equal", x.shape, self.shape)));
        }
        Ok(vec![TensorType::new(self.shape.clone(), x.dtype)])
    }

    fn is_view(&self) -> bool {
        true
    }

    fn view(&self, input: &Layout) -> Option<Layout> {
        Some(input.broadcast(&self.shape))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        vec![Array::new(outputs[0].clone(), inputs[0].broadcast(&self.shape).data)]
    }

    fn vjp(&self, _b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        // The caller sums the gradient down to the input's shape: that is all of the rule.
        vec![Some(node.grad())]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, from: &[usize], to: &[usize]| {
        Case::new(format!("broadcast {name}"), Broadcast { shape: to.into() }, vec![Input::f32(from)])
            .tolerance(Tolerance::EXACT)
            .backward(Tolerance::ulp(32.0))
    };
    let cases = vec![
        case("scalar to 3x5", &[], &[3, 5]),
        case("7 to 4x7", &[7], &[4, 7]),
        case("8 to 4x8", &[8], &[4, 8]),
        case("4x1 to 4x12", &[4, 1], &[4, 12]),
        case("2x1x3x1 to 2x5x3x4", &[2, 1, 3, 1], &[2, 5, 3, 4]),
        case("same shape", &[3, 4], &[3, 4]),
    ];
    vec![Entry::new("broadcast", "y = x stretched to `shape` (ONNX Expand)", &Broadcast { shape: Shape::default() }, cases)]
}
