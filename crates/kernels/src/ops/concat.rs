//! `concat`: tensors joined along one axis (ONNX Concat): y = [x₀, x₁, …]; all other extents must agree.
//!
//! One launch an input, each writing its own part of the output: any number of inputs, in any layout, without a copy.

use crate::body::{self, Body};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{Slice, map};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// Tensors joined along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concat {
    /// The axis, counted from the end where negative.
    pub axis: i64,
}

impl Kernel for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let Some((first, others)) = inputs.split_first() else {
            return Err(OpError::new("concat", "takes 1 input or more, got none"));
        };
        let axis = first.shape.axis("concat", self.axis)?;
        let mut shape = first.shape.clone();
        for (n, other) in others.iter().enumerate() {
            let fits = |i: usize| i == axis || other.shape[i] == shape[i];
            if other.dtype != first.dtype || other.shape.rank() != shape.rank() || !(0..shape.rank()).all(fits) {
                let rule = format!("types must be equal, and extents too but along axis {axis}");
                return Err(OpError::new("concat", format!("input {} is {other}, input 0 is {first}: {rule}", n + 1)));
            }
            shape.0[axis] += other.shape[axis];
        }
        Ok(vec![TensorType::new(shape, first.dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let output = &facts.outputs[0];
        let axis = output.shape.axis("concat", self.axis)?;
        let inner: usize = output.shape[axis + 1..].iter().product();
        let row = output.shape[axis] * inner;
        let mut lowered = Lowered::default();
        let mut base = 0;
        for (n, input) in facts.inputs.iter().enumerate() {
            let shape = &input.layout.shape;
            let own = shape[axis] * inner;
            let place = [own, row, base];
            base += own;
            if shape.numel() == 0 {
                continue;
            }
            let inputs = std::slice::from_ref(input);
            let vector = place.iter().all(|v| v % 4 == 0) && body::vectorizes(shape, &[], inputs);
            let width = if vector { 4 } else { 1 };
            let count = shape.numel() / width;
            let mut program = Program::new("concat").u32("WORKGROUP", WORKGROUP);
            program.aliases.extend(body::aliases(vector));
            program.code = map::stored(output.dtype, vector);
            program.f16 = output.dtype == DType::F16;
            let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Block(0), Access::Read)];
            let mut blocks = vec![vec![count as u32, (own / width) as u32, (row / width) as u32, (place[2] / width) as u32]];
            Body { shape, steps: &[], inputs, head: None, in_place: None }.emit(2, vector).attach(&mut program, &mut args, &mut blocks, n);
            let work = Work { flops: 0.0, bytes: (2 * shape.numel() * output.dtype.bytes()) as f64 };
            let grid = facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP)));
            lowered.launches.push(Launch { program, args, blocks, grid, work });
        }
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &outputs[0].shape;
        let axis = shape.axis("concat", self.axis).unwrap_or_default();
        let outer: usize = shape[..axis].iter().product();
        let mut y = Vec::with_capacity(shape.numel());
        for o in 0..outer {
            for x in inputs {
                let own: usize = x.ty.shape[axis..].iter().product();
                y.extend(&x.data[o * own..(o + 1) * own]);
            }
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let output = b.ty(node.outputs[0]).clone();
        let Ok(axis) = output.shape.axis("concat", self.axis) else {
            return vec![None; node.inputs.len()];
        };
        let mut start = 0;
        let mut grads = Vec::new();
        for &input in node.inputs {
            let end = start + b.shape(input)[axis];
            grads.push(output.dtype.is_float().then(|| b.op(Slice::along(axis, start, end), &[node.grad()])));
            start = end;
        }
        grads
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, axis, inputs: Vec<Input>| Case::new(format!("concat {name}"), Concat { axis }, inputs).tolerance(Tolerance::EXACT);
    let plain = |shapes: &[&[usize]]| shapes.iter().map(|&s| Input::f32(s)).collect::<Vec<_>>();
    let many = (0..11).map(|n| Input::f32([2, n % 4, 3])).collect();
    let typed = |dtype| vec![Input::new([3, 5], dtype, Fill::Uniform(0.0, 9.0)), Input::new([3, 2], dtype, Fill::Uniform(0.0, 9.0))];
    let mut cases = vec![
        case("1 and 1", 0, plain(&[&[1], &[1]])),
        case("one input", 0, plain(&[&[5, 3]])),
        case("7x13 and 3x13 rows", 0, plain(&[&[7, 13], &[3, 13]])),
        case("7x13 and 7x3 columns", -1, plain(&[&[7, 13], &[7, 3]])),
        case("4x8, 4x4 and 4x12 columns", 1, plain(&[&[4, 8], &[4, 4], &[4, 12]])),
        case("4x8, 4x3 and 4x5 columns: fours and ones", 1, plain(&[&[4, 8], &[4, 3], &[4, 5]])),
        case("2x3x5x7 and 2x1x5x7 channels", 1, plain(&[&[2, 3, 5, 7], &[2, 1, 5, 7]])),
        case("11 inputs, some empty", 1, many),
        case("all empty", 0, plain(&[&[0, 3], &[0, 3]])),
        case("transposed and sliced", 0, vec![Input::f32([5, 8]).view(View::Transposed), Input::f32([4, 8]).view(View::Sliced)]),
        case("more than 65535 groups", 0, plain(&[&[65_537 * 64 + 3], &[5]])),
        case("f16", 1, typed(DType::F16)),
    ];
    for dtype in [DType::I32, DType::U32, DType::Bool] {
        cases.push(case(&dtype.to_string(), 1, typed(dtype)).no_grad());
    }
    vec![Entry::new("concat", "y = [x₀, x₁, …] along `axis` (ONNX Concat)", &Concat { axis: 0 }, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn uneven_inputs_are_refused_by_name() {
        let ty = |shape: &[usize], dtype| TensorType::new(shape, dtype);
        let refused = |a, b| Concat { axis: 1 }.infer(&[a, b]).unwrap_err().message;
        assert!(refused(ty(&[2, 3], DType::F32), ty(&[3, 3], DType::F32)).contains("input 1 is f32[3, 3], input 0 is f32[2, 3]"));
        assert!(refused(ty(&[2, 3], DType::F32), ty(&[2, 3], DType::I32)).contains("types must be equal"));
        assert!(refused(ty(&[2, 3], DType::F32), ty(&[2], DType::F32)).contains("axis 1"));
    }

    #[test]
    fn each_input_is_written_once_to_its_part() {
        let shapes: [&[usize]; 3] = [&[2, 4], &[2, 0], &[2, 8]];
        let types: Vec<TensorType> = shapes.iter().map(|&s| TensorType::new(s, DType::F32)).collect();
        let op = Concat { axis: 1 };
        let outputs = op.infer(&types).unwrap();
        let inputs: Vec<_> = types.iter().map(crate::Operand::contiguous).collect();
        let lowered = op.lower(&Lowering::new(&inputs, &outputs, &crate::Caps::default())).unwrap();
        // In vectors of four: count, row of the input, row of the output, first column.
        let places: Vec<_> = lowered.launches.iter().map(|l| l.blocks[0].clone()).collect();
        assert_eq!(places, [vec![2, 1, 3, 0], vec![4, 2, 3, 1]]);
        assert_eq!(outputs[0].shape, Shape(vec![2, 12]));
    }
}
