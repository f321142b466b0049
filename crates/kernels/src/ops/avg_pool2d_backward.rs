//! `avg_pool2d_backward`: the gradient of `avg_pool2d`: dx\[i\] = Σ of g\[o\] / count\[o\] over the windows o that cover i.
//!
//! g [N, C, OH, OW] in f32 or f16 gives dx [N, C, H, W]. A place looks for its windows in order and adds in f32: no atomics.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::AvgPool2d;
use crate::ops::avg_pool2d::{self, tolerance};
use crate::ops::max_pool2d::names;
use crate::window::images;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Value};
use serde::{Deserialize, Serialize};

/// Each window's gradient, shared out among its places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPool2dBackward {
    /// Height and width of the images that were pooled.
    pub input_size: [usize; 2],
    /// How they were pooled.
    pub pool: AvgPool2d,
}

impl Kernel for AvgPool2dBackward {
    fn name(&self) -> &'static str {
        "avg_pool2d_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [grad] = inputs else {
            return Err(OpError::new("avg_pool2d_backward", format!("takes 1 input, got {}", inputs.len())));
        };
        let (_, size) = images("avg_pool2d_backward", grad)?;
        let [h, w] = self.pool.spans("avg_pool2d_backward", self.input_size)?;
        if size != [h.output, w.output] {
            let message = format!("the gradient is {}, but pooling images of {:?} gives {:?}", grad.shape, self.input_size, [h.output, w.output]);
            return Err(OpError::new("avg_pool2d_backward", message));
        }
        Ok(vec![TensorType::new([grad.shape[0], grad.shape[1], h.input, w.input], grad.dtype)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        if facts.outputs[0].shape.numel() == 0 { Vec::new() } else { names(self.pool.block(1, self.input_size, true, facts).is_some()) }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let shape = &facts.outputs[0].shape;
        self.pool.launches("avg_pool2d_backward", shape[0] * shape[1], self.input_size, true, facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &outputs[0].shape;
        // invariant: `infer` accepted the windows.
        let data = self.pool.resample("", shape[0] * shape[1], self.input_size, true).map(|r| r.reference(inputs[0])).unwrap_or_default();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![Some(b.op(self.pool.clone(), &[node.grad()]))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: [usize; 4], pool: AvgPool2d, dtype: DType| {
        let [h, w] = pool.spans("", [shape[2], shape[3]]).map(|s| s.map(|s| s.output)).unwrap_or_default();
        let input = Input::new([shape[0], shape[1], h, w], dtype, Fill::Uniform(-2.0, 2.0));
        let tolerance = tolerance(&pool, dtype);
        Case::new(format!("avg_pool2d_backward {name}"), AvgPool2dBackward { input_size: [shape[2], shape[3]], pool }, vec![input]).tolerance(tolerance)
    };
    let mut cases: Vec<Case> = avg_pool2d::shapes().into_iter().map(|(name, shape, pool)| case(&name, shape, pool, DType::F32)).collect();
    cases.push(case("f16 2x2 of 8x8", [1, 2, 8, 8], AvgPool2d::new([2, 2]), DType::F16));
    cases.push(case("f16 3x3 step 2 of 9x11", [1, 2, 9, 11], AvgPool2d { strides: [2, 2], ..AvgPool2d::new([3, 3]) }, DType::F16));
    let example = AvgPool2dBackward { input_size: [2, 2], pool: AvgPool2d::new([2, 2]) };
    let about = "dx[i] = Σ of g / count over the windows that cover i: the gradient of avg_pool2d";
    vec![Entry::new("avg_pool2d_backward", about, &example, cases)]
}
