//! `iota`: y[…, i, …] = i along one axis. Element-wise: fused wherever it is used (masks, one-hot comparisons).

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::{Array, Builder, Case, DType, Layout, OpError, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// Indices along an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iota {
    /// The extents.
    pub shape: Shape,
    /// The axis that counts.
    pub axis: usize,
    /// The element type: any but bool.
    pub dtype: DType,
}

impl Iota {
    /// Where element `i` finds its index: a layout whose "address" is the index itself.
    fn layout(&self) -> Layout {
        let strides = (0..self.shape.rank()).map(|a| isize::from(a == self.axis)).collect();
        Layout { shape: self.shape.clone(), strides, offset: 0 }
    }
}

impl Kernel for Iota {
    fn name(&self) -> &'static str {
        "iota"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        if !inputs.is_empty() {
            return Err(OpError::new("iota", format!("takes no input, got {}", inputs.len())));
        }
        self.shape.axis("iota", self.axis as i64)?;
        if self.dtype == DType::Bool {
            return Err(OpError::new("iota", "indices do not fit into bool; use i32, u32 or f32"));
        }
        Ok(vec![TensorType::new(self.shape.clone(), self.dtype)])
    }

    fn scalar(&self, _inputs: &[DType]) -> Option<Scalar> {
        Some(Scalar::Index(self.layout()))
    }

    fn reference(&self, _inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        vec![Array::new(outputs[0].clone(), self.layout().indices().map(|i| i as f64).collect())]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        Vec::new()
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: &[usize], axis, dtype| {
        Case::new(format!("iota {name}"), Iota { shape: shape.into(), axis, dtype }, vec![]).tolerance(Tolerance::EXACT).no_grad()
    };
    let cases = vec![
        case("13", &[13], 0, DType::I32),
        case("4x8 axis 0", &[4, 8], 0, DType::F32),
        case("4x8 axis 1", &[4, 8], 1, DType::U32),
        case("3x5x7 axis 1", &[3, 5, 7], 1, DType::I32),
        // Four neighbours of 44 elements would lie in two rows.
        case("4x11 axis 1", &[4, 11], 1, DType::F32),
        case("8x3x2 axis 1", &[8, 3, 2], 1, DType::I32),
        case("empty", &[0], 0, DType::I32),
    ];
    vec![Entry::new("iota", "y = the index along `axis`", &Iota { shape: Shape(vec![1]), axis: 0, dtype: DType::I32 }, cases)]
}
