//! `reshape`: the same elements in row-major order as another shape (ONNX Reshape with the shape as an attribute). A view wherever
//! the layout allows it.

use crate::op::{Entry, Kernel, Node};
use crate::{Array, Builder, Case, Input, Layout, OpError, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Another shape for the same elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reshape {
    /// The extents; one may be -1: whatever is left.
    pub shape: Vec<i64>,
}

impl Reshape {
    fn target(&self, from: &Shape) -> Result<Shape, OpError> {
        let wrong = |why: String| Err(OpError::new("reshape", why));
        let extents = self.shape.iter().filter(|&&n| n != -1).map(|&n| usize::try_from(n.max(0)).unwrap_or(usize::MAX));
        let known = Shape(extents.collect()).addressable("reshape")?;
        if self.shape.iter().any(|&n| n < -1) || self.shape.iter().filter(|&&n| n == -1).count() > 1 {
            return wrong(format!("shape {:?} may hold one -1 and otherwise extents of 0 or more", self.shape));
        }
        let rest = from.numel().checked_div(known).unwrap_or(0);
        let target = Shape(self.shape.iter().map(|&n| if n == -1 { rest } else { n as usize }).collect());
        if target.addressable("reshape")? != from.numel() {
            return wrong(format!(
                "shape {from} has {} elements, {:?} asks for {}",
                from.numel(),
                self.shape,
                if self.shape.contains(&-1) { format!("a multiple of {known}") } else { known.to_string() }
            ));
        }
        Ok(target)
    }
}

impl Kernel for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("reshape", format!("takes 1 input, got {}", inputs.len())));
        };
        Ok(vec![TensorType::new(self.target(&x.shape)?, x.dtype)])
    }

    fn is_view(&self) -> bool {
        true
    }

    fn view(&self, input: &Layout) -> Option<Layout> {
        input.reshape(&self.target(&input.shape).ok()?)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        vec![Array::new(outputs[0].clone(), inputs[0].data.clone())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let shape = b.shape(node.inputs[0]);
        vec![Some(b.reshape(node.grad(), shape))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case =
        |name: &str, from: Input, to: &[i64]| Case::new(format!("reshape {name}"), Reshape { shape: to.to_vec() }, vec![from]).tolerance(Tolerance::EXACT);
    let cases = vec![
        case("4x6 to 3x8", Input::f32([4, 6]), &[3, 8]),
        case("2x3x5 to -1x5", Input::f32([2, 3, 5]), &[-1, 5]),
        case("scalar to 1x1", Input::f32([]), &[1, 1]),
        case("transposed 4x6 to 24", Input::f32([4, 6]).view(View::Transposed), &[24]),
        case("sliced 4x6 to 2x2x6", Input::f32([4, 6]).view(View::Sliced), &[2, 2, 6]),
        case("empty", Input::f32([0, 3]), &[3, 0]),
    ];
    vec![Entry::new("reshape", "y = the elements of x as `shape`, one extent may be -1 (ONNX Reshape)", &Reshape { shape: vec![-1] }, cases)]
}
