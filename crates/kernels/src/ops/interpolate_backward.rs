//! `interpolate_backward`: the gradient of `interpolate`: dx\[i\] = Σ of weight(o, i)·g\[o\] over the values o that i had a part in.
//!
//! g [N, C, h, w] in f32 or f16 gives dx [N, C, H, W]. A place looks for its values in order and adds in f32: no atomics.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::interpolate::{maps, tolerance};
use crate::ops::{Interpolate, InterpolateMode};
use crate::resample::Resample;
use crate::window::images;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Value};
use serde::{Deserialize, Serialize};

/// Each value's gradient, given back to the places that it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterpolateBackward {
    /// Height and width of the images that were interpolated.
    pub input_size: [usize; 2],
    /// How they were interpolated.
    pub interpolate: Interpolate,
}

impl Kernel for InterpolateBackward {
    fn name(&self) -> &'static str {
        "interpolate_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [grad] = inputs else {
            return Err(OpError::new("interpolate_backward", format!("takes 1 input, got {}", inputs.len())));
        };
        let (_, size) = images("interpolate_backward", grad)?;
        let [h, w] = self.interpolate.lines("interpolate_backward", self.input_size)?;
        if size != [h.windows, w.windows] {
            let message = format!("the gradient is {}, but images of {:?} are brought to {:?}", grad.shape, self.input_size, [h.windows, w.windows]);
            return Err(OpError::new("interpolate_backward", message));
        }
        Ok(vec![TensorType::new([grad.shape[0], grad.shape[1], h.places, w.places], grad.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let shape = &facts.outputs[0].shape;
        let lines = self.interpolate.lines("interpolate_backward", self.input_size)?;
        Resample { planes: shape[0] * shape[1], lines, transposed: true }.lower("interpolate_backward", facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &outputs[0].shape;
        // invariant: `infer` accepted the sizes.
        let lines = self.interpolate.lines("", self.input_size);
        let data = lines.map(|lines| Resample { planes: shape[0] * shape[1], lines, transposed: true }.reference(inputs[0])).unwrap_or_default();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![Some(b.op(self.interpolate.clone(), &[node.grad()]))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, [n, c, h, w]: [usize; 4], op: Interpolate, dtype: DType| {
        let [down, across] = op.lines("", [h, w]).map(|l| l.map(|l| l.windows)).unwrap_or_default();
        let grad = Input::new([n, c, down, across], dtype, Fill::Uniform(-2.0, 2.0));
        // A place may have a part in many values.
        let sums = 1.0 + (down * across / (h * w)) as f64;
        let op = InterpolateBackward { input_size: [h, w], interpolate: op };
        Case::new(format!("interpolate_backward {name}"), op, vec![grad]).tolerance(tolerance(dtype).times(sums.sqrt()))
    };
    let mut cases: Vec<Case> = maps().into_iter().map(|(name, shape, op)| case(name, shape, op, DType::F32)).collect();
    cases.push(case("f16 bilinear 5x3 by 2", [1, 2, 5, 3], Interpolate::by(InterpolateMode::Bilinear, [2.0, 2.0]), DType::F16));
    // So many values a place that each axis has a launch of its own.
    cases.push(case("bilinear 2x2 to 200x180", [1, 1, 2, 2], Interpolate::to(InterpolateMode::Bilinear, [200, 180]), DType::F32));
    let example = InterpolateBackward { input_size: [1, 1], interpolate: Interpolate::to(InterpolateMode::Nearest, [1, 1]) };
    let about = "dx[i] = Σ of weight(o, i)·g[o]: the gradient of interpolate";
    vec![Entry::new("interpolate_backward", about, &example, cases)]
}
