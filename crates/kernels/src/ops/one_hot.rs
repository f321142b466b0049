//! `one_hot`: y[i…, c] = 1 where c = indices[i…], else 0 (ONNX OneHot with depth as an attribute, axis -1 and values [0, 1]).
//!
//! An index below zero counts from the end; one outside [-depth, depth) gives zeros, as ONNX says. No shader of its own: a
//! fused chain compares the index with the position.

use crate::body::{Source, Step};
use crate::launch::{Lowered, Lowering, Operand};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{Binary, BinaryKind, Cast, Full, Iota, Map, Where, gather};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, Op, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Indices as rows of zeros with a single one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneHot {
    /// The extent of the new last axis.
    pub depth: usize,
    /// The element type of the result.
    pub dtype: DType,
}

impl Kernel for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [indices] = inputs else {
            return Err(OpError::new("one_hot", format!("takes 1 input, got {}", inputs.len())));
        };
        if indices.dtype != DType::I32 {
            return Err(OpError::new("one_hot", format!("indices must be i32, got {indices}; cast them")));
        }
        Ok(vec![TensorType::new([&indices.shape[..], &[self.depth]].concat(), self.dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let shape = &facts.outputs[0].shape;
        // The indices, repeated along the new axis.
        let mut layout = facts.inputs[0].layout.clone();
        layout.shape.0.push(1);
        layout.strides.push(0);
        let indices = Operand { layout, dtype: DType::I32 };
        let int = |value: f64| Full { shape: shape.clone(), dtype: DType::I32, value };
        let axis = shape.rank() - 1;
        let (x, s) = (Source::Input(0), Source::Step);
        let step = |op: Op, args: &[Source], dtype| Step { op, args: args.to_vec(), dtype };
        let steps = vec![
            step(int(0.0).into(), &[], DType::I32),
            step(Binary(BinaryKind::Less).into(), &[x, s(0)], DType::Bool),
            step(int(self.depth as f64).into(), &[], DType::I32),
            step(Binary(BinaryKind::Add).into(), &[x, s(2)], DType::I32),
            step(Where.into(), &[s(1), s(3), x], DType::I32),
            step(Iota { shape: shape.clone(), axis, dtype: DType::I32 }.into(), &[], DType::I32),
            step(Binary(BinaryKind::Equal).into(), &[s(4), s(5)], DType::Bool),
            step(Cast { to: self.dtype }.into(), &[s(6)], self.dtype),
        ];
        Map { shape: shape.clone(), steps }.lower(&Lowering { inputs: &[indices], in_place: None, ..facts.clone() })
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let mut y = vec![0.0; outputs[0].shape.numel()];
        for (i, &index) in inputs[0].data.iter().enumerate() {
            if let Some(c) = gather::row(index, self.depth) {
                y[i * self.depth + c] = 1.0;
            }
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        vec![None]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, indices: Input, depth, dtype| {
        Case::new(format!("one_hot {name}"), OneHot { depth, dtype }, vec![indices]).tolerance(Tolerance::EXACT).no_grad()
    };
    let within = |shape: &[usize], depth: f64| Input::new(shape, DType::I32, Fill::Uniform(0.0, depth));
    let cases = vec![
        case("1 of 1", within(&[1], 1.0), 1, DType::F32),
        case("scalar of 7", within(&[], 7.0), 7, DType::F32),
        case("13 of 10", within(&[13], 10.0), 10, DType::F32),
        case("5x3 of 8", within(&[5, 3], 8.0), 8, DType::F32),
        case("negative and out of range, 8", Input::new([10], DType::I32, gather::awkward(8)), 8, DType::F32),
        case("negative and out of range, 5", Input::new([10], DType::I32, gather::awkward(5)), 5, DType::I32),
        case("4x6 transposed of 4", within(&[4, 6], 4.0).view(View::Transposed), 4, DType::F32),
        case("bool", within(&[9], 6.0), 6, DType::Bool),
        case("f16", within(&[9], 6.0), 6, DType::F16),
        case("depth 0", within(&[3], 1.0), 0, DType::F32),
        case("no indices", within(&[0], 1.0), 4, DType::F32),
        case("more than 65535 groups", within(&[65_537], 67.0), 67, DType::F32),
    ];
    let example = OneHot { depth: 1, dtype: DType::F32 };
    vec![Entry::new("one_hot", "y[i…, c] = 1 where c = indices[i…], else 0 (ONNX OneHot, axis -1)", &example, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn rows_are_zeros_with_a_single_one() {
        let indices = Array::new(TensorType::new([4], DType::I32), vec![1.0, -1.0, 3.0, -4.0]);
        let op = OneHot { depth: 3, dtype: DType::F32 };
        let outputs = op.infer(std::slice::from_ref(&indices.ty)).unwrap();
        assert_eq!(outputs[0].shape, Shape(vec![4, 3]));
        let y = op.reference(&[&indices], &outputs).swap_remove(0);
        assert_eq!(y.data, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
