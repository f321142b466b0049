//! `adaptive_avg_pool2d_backward`: the gradient of `adaptive_avg_pool2d`: dx\[i\] = Σ of g\[o\] / count\[o\] over the windows o that cover i.
//!
//! g [N, C, h, w] in f32 or f16 gives dx [N, C, H, W]. A place looks for its windows in order and adds in f32: no atomics.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::AdaptiveAvgPool2d;
use crate::ops::adaptive_avg_pool2d::{lines, shapes};
use crate::resample::Resample;
use crate::window::images;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// Each window's gradient, shared out among its places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAvgPool2dBackward {
    /// Height and width of the images that were pooled.
    pub input_size: [usize; 2],
}

impl AdaptiveAvgPool2dBackward {
    fn resample(&self, op: &str, grad: &[usize]) -> Result<Resample, OpError> {
        Ok(Resample { planes: grad[0] * grad[1], lines: lines(op, self.input_size, [grad[2], grad[3]])?, transposed: true })
    }
}

impl Kernel for AdaptiveAvgPool2dBackward {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [grad] = inputs else {
            return Err(OpError::new("adaptive_avg_pool2d_backward", format!("takes 1 input, got {}", inputs.len())));
        };
        images("adaptive_avg_pool2d_backward", grad)?;
        self.resample("adaptive_avg_pool2d_backward", &grad.shape)?;
        Ok(vec![TensorType::new([grad.shape[0], grad.shape[1], self.input_size[0], self.input_size[1]], grad.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        self.resample("adaptive_avg_pool2d_backward", &facts.inputs[0].layout.shape)?.lower("adaptive_avg_pool2d_backward", facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        // invariant: `infer` accepted the extents.
        let data = self.resample("", &inputs[0].ty.shape).map(|r| r.reference(inputs[0])).unwrap_or_default();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let shape = b.shape(node.inputs[0]);
        vec![Some(b.op(AdaptiveAvgPool2d { output_size: [shape[2], shape[3]] }, &[node.grad()]))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: String, [n, c, h, w]: [usize; 4], output: [usize; 2], dtype: DType| {
        let grad = Input::new([n, c, output[0], output[1]], dtype, Fill::Uniform(-2.0, 2.0));
        let shares = (output[0] / h + 2) * (output[1] / w + 2);
        let mut case = Case::new(format!("adaptive_avg_pool2d_backward {name}"), AdaptiveAvgPool2dBackward { input_size: [h, w] }, vec![grad]);
        case = case.tolerance(Tolerance::reduction(shares).times(2.0).stored_as(dtype));
        // The gradient is a forward pass.
        let window = (h / output[0] + 2) * (w / output[1] + 2);
        case.backward(Tolerance::reduction(window).times(8.0).stored_as(dtype))
    };
    let name = |s: [usize; 4], o: [usize; 2]| format!("{}x{} of {}x{}x{}x{}", o[0], o[1], s[0], s[1], s[2], s[3]);
    let mut cases: Vec<Case> = shapes().into_iter().map(|(shape, output)| case(name(shape, output), shape, output, DType::F32)).collect();
    // Each place in many windows, along both axes.
    cases.push(case(name([1, 1, 1, 1], [300, 301]), [1, 1, 1, 1], [300, 301], DType::F32));
    cases.push(case("f16 3x2 of 2x3x7x5".to_owned(), [2, 3, 7, 5], [3, 2], DType::F16));
    let about = "dx[i] = Σ of g / count over the windows that cover i: the gradient of adaptive_avg_pool2d";
    vec![Entry::new("adaptive_avg_pool2d_backward", about, &AdaptiveAvgPool2dBackward { input_size: [1, 1] }, cases)]
}
