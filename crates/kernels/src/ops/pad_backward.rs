//! `pad_backward`: the gradient of `pad` with mode reflect, edge or wrap: dx\[i\] = Σ of g\[o\] over all o that showed x\[i\].
//!
//! g has the padded shape, dx the inside's. One launch for each padded axis, the last one first; a place adds up what showed it in
//! order and in f32: no atomics.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::softmax::stored;
use crate::ops::{Pad, PadMode};
use crate::reduction::MAX_TURNS;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// A border's gradient, given back to what the border showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadBackward {
    /// Elements that were added before each axis, then after each axis.
    pub pads: Vec<i64>,
    /// What they showed: reflect, edge or wrap.
    pub mode: PadMode,
}

impl PadBackward {
    fn pad(&self) -> Pad {
        Pad { pads: self.pads.clone(), mode: self.mode, value: 0.0 }
    }

    /// The inside of a padded shape.
    fn inside(&self, padded: &Shape) -> Result<Shape, OpError> {
        let rank = padded.rank();
        let wrong = |message: String| Err(OpError::new("pad_backward", message));
        if self.mode == PadMode::Constant {
            return wrong("mode constant shows nothing of x: its gradient is a slice".to_owned());
        }
        if rank == 0 {
            return wrong("a scalar has no border".to_owned());
        }
        if self.pads.len() != 2 * rank {
            return wrong(format!("shape {padded} needs {} pads, all begins and then all ends; got {:?}", 2 * rank, self.pads));
        }
        let extent = |a: usize| (padded[a] as i64).checked_sub(self.pads[a])?.checked_sub(self.pads[rank + a]).filter(|&n| n >= 0).map(|n| n as usize);
        let Some(inside) = (0..rank).map(extent).collect::<Option<Vec<_>>>().map(Shape) else {
            return wrong(format!("shape {padded} is less than its pads {:?}", self.pads));
        };
        self.pad().check("pad_backward", &inside)?;
        // The ends of an axis have the whole border.
        match self.pads.iter().find(|&&p| self.mode == PadMode::Edge && p > MAX_TURNS as i64 / 2) {
            Some(p) => wrong(format!("a border of {p} is more than the {} that one element may add up", MAX_TURNS / 2)),
            None => Ok(inside),
        }
    }
}

impl Kernel for PadBackward {
    fn name(&self) -> &'static str {
        "pad_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [grad] = inputs else {
            return Err(OpError::new("pad_backward", format!("takes 1 input, got {}", inputs.len())));
        };
        if !grad.dtype.is_float() {
            return Err(OpError::new("pad_backward", format!("is defined for floats, got {grad}")));
        }
        Ok(vec![TensorType::new(self.inside(&grad.shape)?, grad.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let (padded, output) = (&facts.inputs[0].layout.shape, &facts.outputs[0]);
        let (rank, mut lowered) = (padded.rank(), Lowered::default());
        if output.shape.numel() == 0 {
            return Ok(lowered);
        }
        let mut shape = padded.clone();
        let mut from = (Arg::Input(0), output.dtype);
        let mut left: Vec<usize> = (0..rank).filter(|&a| self.pads[a] + self.pads[rank + a] > 0).collect();
        if left.is_empty() {
            // Nothing was added: one launch copies.
            left.push(rank - 1);
        }
        while let Some(axis) = left.pop() {
            let to = if left.is_empty() {
                (Arg::Output(0), output.dtype)
            } else {
                let made = shape.numel() / shape[axis] * output.shape[axis];
                lowered.temps.push(4 * made as u64);
                (Arg::Temp(lowered.temps.len() - 1), DType::F32)
            };
            lowered.launches.push(self.launch(&shape, axis, output.shape[axis], from, to, facts));
            shape.0[axis] = output.shape[axis];
            from = to;
        }
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (padded, inside) = (&inputs[0].ty.shape, &outputs[0].shape);
        let mut dx = vec![0.0; inside.numel()];
        let strides = inside.strides();
        for (flat, g) in inputs[0].data.iter().enumerate() {
            let (mut rest, mut at) = (flat, 0);
            for axis in (0..padded.rank()).rev() {
                let k = (rest % padded[axis]) as i64 - self.pads[axis];
                rest /= padded[axis];
                // invariant: `infer` accepted the pads, within which every index shows one inside.
                at += self.mode.source(k, inside[axis] as i64).unwrap_or(0) * strides[axis] as i64;
            }
            dx[at as usize] += g;
        }
        vec![Array::new(outputs[0].clone(), dx)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![Some(b.op(self.pad(), &[node.grad()]))]
    }
}

impl PadBackward {
    /// The launch that folds the border of one axis in.
    fn launch(&self, shape: &Shape, axis: usize, len: usize, from: (Arg, DType), to: (Arg, DType), facts: &Lowering<'_>) -> Launch {
        let inner: usize = shape[axis + 1..].iter().product();
        let vector = inner.is_multiple_of(4);
        let inner = if vector { inner / 4 } else { inner };
        let count = shape[..axis].iter().product::<usize>() * len * inner;
        let mut program = Program::new("pad_backward").u32("WORKGROUP", WORKGROUP).u32("MODE", self.mode as u32);
        program.aliases = vec![("G", stored(from.1, vector)), ("D", stored(to.1, vector)), ("F", stored(DType::F32, vector))];
        program.f16 = from.1 == DType::F16 || to.1 == DType::F16;
        let (begin, end) = (self.pads[axis], self.pads[shape.rank() + axis]);
        let words = [count as u32, inner as u32, len as u32, begin as u32, end as u32, 0, 0, 0];
        Launch {
            program,
            args: vec![(Arg::Block(0), Access::Read), (from.0, Access::Read), (to.0, Access::ReadWrite)],
            blocks: vec![words.to_vec()],
            grid: facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work { flops: shape.numel() as f64, bytes: (shape.numel() * from.1.bytes() + count * to.1.bytes() * if vector { 4 } else { 1 }) as f64 },
        }
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let mut cases = Vec::new();
    for (mode, name) in [(PadMode::Reflect, "reflect"), (PadMode::Edge, "edge"), (PadMode::Wrap, "wrap")] {
        let mut case = |what: &str, inside: &[usize], pads: &[i64], dtype: DType, view: View| {
            let padded: Vec<usize> = (0..inside.len()).map(|a| inside[a] + (pads[a] + pads[inside.len() + a]) as usize).collect();
            let grad = Input::new(padded, dtype, Fill::Uniform(-2.0, 2.0)).view(view);
            let case = Case::new(format!("pad_backward {name} {what}"), PadBackward { pads: pads.to_vec(), mode }, vec![grad]);
            cases.push(case.tolerance(Tolerance::ulp(8.0).stored_as(dtype)).backward(Tolerance::EXACT));
        };
        case("2x3x7x5 image", &[2, 3, 7, 5], &[0, 0, 2, 4, 0, 0, 1, 3], DType::F32, View::Plain);
        case("2x3x4x8 image by rows", &[2, 3, 4, 8], &[0, 0, 3, 0, 0, 0, 3, 0], DType::F32, View::Plain);
        case("13", &[13], &[12, 12], DType::F32, View::Plain);
        case("4x2x8 outer axes", &[4, 2, 8], &[3, 1, 0, 2, 1, 0], DType::F32, View::Transposed);
        case("1x1 by nothing", &[1, 1], &[0, 0, 0, 0], DType::F32, View::Plain);
        case("f16", &[3, 8], &[1, 4, 2, 4], DType::F16, View::Plain);
    }
    let one = PadBackward { pads: vec![0, 0], mode: PadMode::Edge };
    cases.push(Case::new("pad_backward more than 65535 groups", one, vec![Input::f32([65_537 * 64 + 1])]).tolerance(Tolerance::EXACT).no_grad());
    let about = "dx[i] = Σ of g over all that showed x[i]: the gradient of pad with mode reflect, edge or wrap";
    vec![Entry::new("pad_backward", about, &PadBackward { pads: vec![], mode: PadMode::Reflect }, cases)]
}
