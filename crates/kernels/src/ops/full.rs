//! `full`: y = value everywhere (ONNX ConstantOfShape with the shape as an attribute). Element-wise: fused wherever it is used.

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::{Array, Builder, Case, DType, OpError, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// A tensor of one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Full {
    /// The extents.
    pub shape: Shape,
    /// The element type.
    pub dtype: DType,
    /// The value, rounded to the type.
    pub value: f64,
}

impl Kernel for Full {
    fn name(&self) -> &'static str {
        "full"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        if !inputs.is_empty() {
            return Err(OpError::new("full", format!("takes no input, got {}", inputs.len())));
        }
        Ok(vec![TensorType::new(self.shape.clone(), self.dtype)])
    }

    fn scalar(&self, _inputs: &[DType]) -> Option<Scalar> {
        Some(Scalar::Constant(self.dtype.store(self.value)))
    }

    fn reference(&self, _inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        // Floats stay in f64: rounding the constant is part of the device's error.
        let value = if self.dtype.is_float() { self.value } else { self.dtype.store(self.value) };
        vec![Array::new(outputs[0].clone(), vec![value; outputs[0].shape.numel()])]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        Vec::new()
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: &[usize], dtype, value| {
        Case::new(format!("full {name}"), Full { shape: shape.into(), dtype, value }, vec![]).tolerance(Tolerance::ulp(1.0)).no_grad()
    };
    let cases = vec![
        case("scalar 0.1", &[], DType::F32, 0.1),
        case("7x13 -2", &[7, 13], DType::I32, -2.0),
        case("true", &[5], DType::Bool, 1.0),
        case("4x8 u32", &[4, 8], DType::U32, 4e9),
        case("empty", &[0, 3], DType::F32, 1.0),
    ];
    let example = Full { shape: Shape::default(), dtype: DType::F32, value: 0.0 };
    vec![Entry::new("full", "y = value everywhere (ONNX ConstantOfShape)", &example, cases)]
}
