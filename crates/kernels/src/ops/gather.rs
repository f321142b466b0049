//! `gather`: rows by index (ONNX Gather with axis 0): y[i…, j…] = x[indices[i…], j…].
//!
//! Shapes: x [R, …] and indices i32 of any shape give indices.shape + x.shape[1..]. An index below zero counts from the
//! end. An index outside [-R, R) gives zeros: nothing is read out of bounds, and no gradient flows.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::ScatterAdd;
use crate::ops::scatter_add::walk;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// Rows by index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gather {
    /// The axis that is indexed: 0.
    pub axis: i64,
}

/// The row that an index names, counted from the end where negative; `None` outside.
pub(crate) fn row(index: f64, rows: usize) -> Option<usize> {
    let row = if index < 0.0 { index + rows as f64 } else { index };
    (row >= 0.0 && row < rows as f64).then_some(row as usize)
}

impl Kernel for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x, indices] = inputs else {
            return Err(OpError::new("gather", format!("takes 2 inputs (x, indices), got {}", inputs.len())));
        };
        if x.shape.rank() == 0 || x.shape.axis("gather", self.axis)? != 0 {
            return Err(OpError::new("gather", format!("gathers along axis 0 of 1 axis or more; got {x} and axis {}: permute it to the front", self.axis)));
        }
        if indices.dtype != DType::I32 {
            return Err(OpError::new("gather", format!("indices must be i32, got {indices}; cast them")));
        }
        Ok(vec![TensorType::new([&indices.shape[..], &x.shape[1..]].concat(), x.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let (output, x) = (&facts.outputs[0], &facts.inputs[0].layout.shape);
        let count = output.shape.numel();
        if count == 0 {
            return Ok(Lowered::default());
        }
        let inner: usize = x[1..].iter().product();
        let vector = inner.is_multiple_of(4);
        let width = if vector { 4 } else { 1 };
        let (count, half) = (count / width, output.dtype == DType::F16);
        // Values are only moved: all 32-bit types share a pipeline.
        let element = match (half, vector) {
            (true, true) => "vec4<f16>",
            (true, false) => "f16",
            (false, true) => "vec4<u32>",
            (false, false) => "u32",
        };
        let mut program = Program::new("gather").u32("WORKGROUP", WORKGROUP).alias("T", element);
        program.f16 = half;
        Ok(Lowered::one(Launch {
            program,
            args: vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read), (Arg::Input(1), Access::Read), (Arg::Output(0), Access::ReadWrite)],
            blocks: vec![vec![count as u32, (inner / width) as u32, x[0] as u32, 0]],
            grid: facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work { flops: 0.0, bytes: 2.0 * output.bytes() as f64 + (4 * facts.inputs[1].layout.shape.numel()) as f64 },
        }))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (x, indices) = (inputs[0], inputs[1]);
        let inner: usize = x.ty.shape[1..].iter().product();
        let mut y = Vec::with_capacity(outputs[0].shape.numel());
        for &index in &indices.data {
            match row(index, x.ty.shape[0]) {
                Some(r) => y.extend(&x.data[r * inner..(r + 1) * inner]),
                None => y.extend(std::iter::repeat_n(0.0, inner)),
            }
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let TensorType { shape, dtype } = b.ty(node.inputs[0]).clone();
        if !dtype.is_float() {
            return vec![None, None];
        }
        vec![Some(b.op(ScatterAdd { rows: shape[0] }, &[node.inputs[1], node.grad()])), None]
    }
}

/// Indices that take in both ends, negative ones and some out of range.
pub(crate) fn awkward(rows: usize) -> Fill {
    let r = rows as f64;
    Fill::Values(vec![0.0, r - 1.0, -1.0, -r, r, -r - 1.0, 2147483647.0, -2147483648.0, 0.0, r / 2.0])
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, x: Input, indices: &[usize]| {
        let rows = x.ty.shape[0] as f64;
        let indices = Input::new(indices, DType::I32, Fill::Uniform(0.0, rows));
        // The gradient sums rows that are named more than once.
        Case::new(format!("gather {name}"), Gather::default(), vec![x, indices]).tolerance(Tolerance::EXACT).backward(walk(64))
    };
    let odd = |name: &str, x: Input| {
        let indices = Input::new([10], DType::I32, awkward(x.ty.shape[0]));
        Case::new(format!("gather {name}"), Gather::default(), vec![x, indices]).tolerance(Tolerance::EXACT).backward(walk(16))
    };
    let sliced = Input::new([13], DType::I32, Fill::Uniform(0.0, 5.0)).view(View::Sliced);
    let cases = vec![
        case("1 of 1x1", Input::f32([1, 1]), &[1]),
        case("scalar index", Input::f32([5, 3]), &[]),
        case("7x13 by 11", Input::f32([7, 13]), &[11]),
        case("17x8 by 3x5", Input::f32([17, 8]), &[3, 5]),
        case("vector of 9 by 4", Input::f32([9]), &[4]),
        case("5x2x6 by 7", Input::f32([5, 2, 6]), &[7]),
        case("300x12 by 257", Input::f32([300, 12]), &[257]),
        odd("negative and out of range, 6x8", Input::f32([6, 8])),
        odd("negative and out of range, 6x5", Input::f32([6, 5])),
        odd("from 0 rows", Input::f32([0, 4])),
        case("no indices", Input::f32([4, 3]), &[0]),
        case("rows of nothing", Input::f32([4, 0]), &[3]),
        Case::new("gather both strided", Gather::default(), vec![Input::f32([5, 8]).view(View::Transposed), sliced])
            .tolerance(Tolerance::EXACT)
            .backward(walk(16)),
        case("i32", Input::new([6, 3], DType::I32, Fill::Uniform(-9.0, 9.0)), &[5]).no_grad(),
        case("bool", Input::new([6, 4], DType::Bool, Fill::Uniform(0.0, 1.0)), &[5]).no_grad(),
        case("f16", Input::new([6, 3], DType::F16, Fill::Uniform(-2.0, 2.0)), &[5]).backward(walk(16).stored_as(DType::F16).times(2.0)),
        case("f16 by fours", Input::new([6, 8], DType::F16, Fill::Uniform(-2.0, 2.0)), &[5]).backward(walk(16).stored_as(DType::F16).times(2.0)),
        case("more than 65535 groups", Input::f32([19, 67]), &[62_700]).backward(walk(7_000)),
    ];
    vec![Entry::new("gather", "y[i…, j…] = x[indices[i…], j…], zeros where out of range (ONNX Gather, axis 0)", &Gather::default(), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn rows_count_from_the_end_and_stop_at_both() {
        assert_eq!([0.0, 4.0, -1.0, -5.0].map(|i| row(i, 5)), [Some(0), Some(4), Some(4), Some(0)]);
        assert_eq!([5.0, -6.0, 2147483647.0, -2147483648.0].map(|i| row(i, 5)), [None; 4]);
        assert_eq!(row(0.0, 0), None);
    }

    #[test]
    fn another_axis_and_float_indices_are_refused() {
        let x = TensorType::new([3, 4], DType::F32);
        let refused = |axis, dtype| Gather { axis }.infer(&[x.clone(), TensorType::new([2], dtype)]).unwrap_err().message;
        assert!(refused(1, DType::I32).contains("permute"));
        assert!(refused(0, DType::F32).contains("must be i32"));
        assert_eq!(Gather { axis: -2 }.infer(&[x.clone(), TensorType::new([2], DType::I32)]).unwrap()[0].shape, Shape(vec![2, 4]));
    }
}
