//! `cast`: y = x as another element type (ONNX Cast).
//!
//! Float to integer truncates towards zero and is defined for values that the integer type holds; to bool is x ≠ 0;
//! between i32 and u32 the bits stay. f32 to f16 rounds to nearest even, by the device.

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// Another element type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cast {
    /// The type to cast to.
    pub to: DType,
}

impl Kernel for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("cast", format!("takes 1 input, got {}", inputs.len())));
        };
        Ok(vec![TensorType::new(x.shape.clone(), self.to)])
    }

    fn scalar(&self, inputs: &[DType]) -> Option<Scalar> {
        let from = inputs.first().map_or('F', |d| d.class());
        Some(Scalar::Call { function: format!("cast_{from}{}", self.to.class()), constants: vec![] })
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let data = inputs[0].data.iter().map(|&v| if self.to.is_float() { v } else { self.to.store(v) }).collect();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let from = b.ty(node.inputs[0]).dtype;
        if !from.is_float() || !self.to.is_float() {
            return vec![None];
        }
        vec![Some(b.cast(node.grad(), from))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let mut cases = Vec::new();
    for from in DType::ALL {
        for to in DType::ALL {
            let (low, high) = if from == DType::U32 || to == DType::U32 { (0.0, 100.0) } else { (-100.0, 100.0) };
            let tolerance = Tolerance::EXACT.stored_as(to);
            let case = |shape: &[usize]| {
                Case::new(format!("cast {from} to {to} {shape:?}"), Cast { to }, vec![Input::new(shape, from, Fill::Uniform(low, high))])
                    .tolerance(tolerance)
                    .backward(Tolerance::EXACT.stored_as(from))
            };
            let both = from.is_float() && to.is_float();
            cases.extend([case(&[7, 3]), case(&[16])].map(|c| if both { c } else { c.no_grad() }));
        }
    }
    vec![Entry::new("cast", "y = x as type `to` (ONNX Cast)", &Cast { to: DType::F32 }, cases)]
}
