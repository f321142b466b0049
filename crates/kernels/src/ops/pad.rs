//! `pad`: x with a border (ONNX Pad): y\[i\] = x[i - begin] inside; outside `value`, or what the mode finds in x.
//!
//! Along an axis of extent n the result has n + begin + end elements. `constant`: a negative pad crops. The other modes go axis by
//! axis and take no negative pads: `reflect` mirrors about the first and the last element, which are not repeated (pads below n);
//! `edge` repeats these (PyTorch: replicate); `wrap` begins again at the other end (PyTorch: circular; pads up to n).
//! Their gradient: `pad_backward`.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{PadBackward, Slice};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// What a border holds: ONNX's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadMode {
    /// One value.
    #[default]
    Constant,
    /// The inside, mirrored about its first and last element.
    Reflect,
    /// The first and the last element.
    Edge,
    /// The inside from its other end.
    Wrap,
}

impl PadMode {
    /// The index in 0..n that index `k` shows; `None` where it shows the constant. Pads are within the mode's bounds.
    pub(crate) fn source(self, k: i64, n: i64) -> Option<i64> {
        match self {
            _ if (0..n).contains(&k) => Some(k),
            PadMode::Constant => None,
            PadMode::Reflect => Some(if k < 0 { -k } else { 2 * (n - 1) - k }),
            PadMode::Edge => Some(k.clamp(0, n - 1)),
            PadMode::Wrap => Some(k.rem_euclid(n)),
        }
    }

    /// The largest pad of an axis of extent `n`.
    fn most(self, n: usize) -> usize {
        match self {
            PadMode::Reflect => n.saturating_sub(1),
            PadMode::Wrap => n,
            PadMode::Edge if n == 0 => 0,
            PadMode::Constant | PadMode::Edge => usize::MAX >> 1,
        }
    }
}

/// A border around a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// Elements to add before each axis, then after each axis; with mode constant, negative ones are cropped.
    pub pads: Vec<i64>,
    /// What the border holds.
    pub mode: PadMode,
    /// With mode constant, the value, rounded to the type.
    pub value: f64,
}

impl Pad {
    /// A border of one value.
    pub fn constant(pads: Vec<i64>, value: f64) -> Self {
        Self { pads, mode: PadMode::Constant, value }
    }

    /// The extents of the result.
    fn target(&self, from: &Shape) -> Result<Shape, OpError> {
        let rank = from.rank();
        if self.pads.len() != 2 * rank {
            return Err(OpError::new("pad", format!("shape {from} needs {} pads, all begins and then all ends; got {:?}", 2 * rank, self.pads)));
        }
        self.check("pad", from)?;
        let extent = |axis: usize| {
            let n = (from[axis] as i64).checked_add(self.pads[axis]).and_then(|n| n.checked_add(self.pads[rank + axis])).filter(|&n| n >= 0);
            n.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
                let (begin, end) = (self.pads[axis], self.pads[rank + axis]);
                OpError::new("pad", format!("axis {axis} of shape {from} cannot be padded by {begin} and {end}: more would be cropped than there is"))
            })
        };
        (0..rank).map(extent).collect::<Result<Vec<_>, _>>().map(Shape)
    }

    /// The bounds of the modes that look for values inside.
    pub(crate) fn check(&self, op: &str, inside: &Shape) -> Result<(), OpError> {
        let rank = inside.rank();
        let wrong = |&i: &usize| usize::try_from(self.pads[i]).map_or(true, |p| p > self.mode.most(inside[i % rank]));
        match (0..self.pads.len()).find(wrong).filter(|_| self.mode != PadMode::Constant) {
            Some(i) => {
                let (pad, axis, most) = (self.pads[i], i % rank, self.mode.most(inside[i % rank]));
                let message = format!("axis {axis} of shape {inside} cannot be padded by {pad} with mode {:?}: pads from 0 to {most} fit", self.mode);
                Err(OpError::new(op, message))
            }
            None => Ok(()),
        }
    }
}

impl Kernel for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("pad", format!("takes 1 input, got {}", inputs.len())));
        };
        Ok(vec![TensorType::new(self.target(&x.shape)?, x.dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let rank = facts.outputs[0].shape.rank();
        Placement { start: self.pads[..rank].to_vec(), step: vec![1; rank], mode: self.mode, value: self.value }.lower(facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (x, shape) = (inputs[0], &outputs[0].shape);
        let element = |flat: usize| {
            let (mut rest, mut at, mut stride) = (flat, 0, 1);
            for axis in (0..shape.rank()).rev() {
                let index = (rest % shape[axis]) as i64 - self.pads[axis];
                rest /= shape[axis];
                let Some(index) = self.mode.source(index, x.ty.shape[axis] as i64) else {
                    return outputs[0].dtype.store(self.value);
                };
                at += index as usize * stride;
                stride *= x.ty.shape[axis];
            }
            x.data[at]
        };
        vec![Array::new(outputs[0].clone(), (0..shape.numel()).map(element).collect())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let TensorType { shape, dtype } = b.ty(node.inputs[0]).clone();
        if !dtype.is_float() {
            return vec![None];
        }
        let rank = shape.rank();
        if self.mode != PadMode::Constant && rank > 0 {
            return vec![Some(b.op(PadBackward { pads: self.pads.clone(), mode: self.mode }, &[node.grad()]))];
        }
        if self.pads.iter().any(|&p| p < 0) {
            // What was cropped gets zeros, what was added is cropped.
            return vec![Some(b.op(Pad::constant(self.pads.iter().map(|p| -p).collect(), 0.0), &[node.grad()]))];
        }
        let starts = self.pads[..rank].to_vec();
        let ends = starts.iter().zip(shape.iter()).map(|(&s, &n)| s + n as i64).collect();
        vec![Some(b.op(Slice { starts, ends, axes: None, steps: None }, &[node.grad()]))]
    }
}

/// Where an input lands in its output: input index k at `start + step·k` along each axis, what the mode says elsewhere.
#[derive(Debug)]
pub(crate) struct Placement {
    /// Per axis; may lie outside the output, which crops.
    pub(crate) start: Vec<i64>,
    /// Per axis, not 0.
    pub(crate) step: Vec<i64>,
    /// What the output holds where nothing lands; anything but a constant needs steps of 1.
    pub(crate) mode: PadMode,
    /// The constant.
    pub(crate) value: f64,
}

/// One collapsed axis of a placement.
#[derive(Debug, Clone, Copy)]
struct Axis {
    extent: usize,
    start: i64,
    step: i64,
    len: usize,
    stride: isize,
}

impl Axis {
    /// Whether the input covers the axis as it is.
    fn whole(&self) -> bool {
        self.start == 0 && self.step == 1 && self.len == self.extent
    }

    /// The same axis counted in vectors of four, where start and lengths allow it and the border is `plain`.
    fn quarter(self, innermost: bool, plain: bool) -> Option<Self> {
        if !innermost {
            return (self.stride % 4 == 0).then_some(Self { stride: self.stride / 4, ..self });
        }
        let whole = self.step == 1 && self.stride == 1 && self.start % 4 == 0 && self.extent.is_multiple_of(4) && self.len.is_multiple_of(4);
        (whole && (plain || self.whole())).then_some(Self { extent: self.extent / 4, start: self.start / 4, len: self.len / 4, ..self })
    }
}

impl Placement {
    /// The fewest axes that describe the placement: neighbours merge where the inner one is covered whole, and the outer one too
    /// where its border would be looked for inside.
    fn axes(&self, input: &Layout, output: &Shape) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::new();
        let plain = self.mode == PadMode::Constant;
        for a in (0..output.rank()).rev() {
            let next = Axis { extent: output[a], start: self.start[a], step: self.step[a], len: input.shape[a], stride: input.strides[a] };
            if next.extent == 1 && next.whole() {
                continue;
            }
            match axes.last_mut() {
                Some(inner) if inner.whole() && next.step == 1 && (plain || next.whole()) && next.stride == inner.stride * inner.extent as isize => {
                    let n = inner.extent;
                    *inner = Axis { extent: next.extent * n, start: next.start * n as i64, len: next.len * n, ..*inner };
                }
                _ => axes.push(next),
            }
        }
        if axes.is_empty() {
            axes.push(Axis { extent: 1, start: 0, step: 1, len: 1, stride: 1 });
        }
        axes
    }

    /// The launch: one invocation an output element, or four of them where the innermost axis allows it.
    pub(crate) fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let (output, input) = (&facts.outputs[0], &facts.inputs[0].layout);
        let count = output.shape.numel();
        if count == 0 {
            return Ok(Lowered::default());
        }
        let mut axes = self.axes(input, &output.shape);
        let quarters: Option<Vec<Axis>> = axes.iter().enumerate().map(|(n, a)| a.quarter(n == 0, self.mode == PadMode::Constant)).collect();
        let vector = quarters.is_some() && input.offset % 4 == 0;
        if let (true, Some(quarters)) = (vector, quarters) {
            axes = quarters;
        }
        let width = if vector { 4 } else { 1 };
        let (count, offset) = (count / width, input.offset / width);
        // Values are only moved: all 32-bit types share a pipeline.
        let half = output.dtype == DType::F16;
        let element = match (half, vector) {
            (true, true) => "vec4<f16>",
            (true, false) => "f16",
            (false, true) => "vec4<u32>",
            (false, false) => "u32",
        };
        let mut program = Program::new("pad").u32("WORKGROUP", WORKGROUP).u32("RANK", axes.len() as u32).alias("T", element);
        program = program.bool("STEPPED", axes.iter().any(|a| a.step != 1)).u32("MODE", self.mode as u32);
        program.f16 = half;
        let filler = if half { "f16(bitcast<f32>(bits))" } else { "bits" };
        program.code = format!("fn filler(bits: u32) -> T {{ return T({filler}); }}\n");
        let mut words = vec![count as u32, offset as u32, bits(output.dtype, self.value), 0];
        for a in &axes {
            words.extend([a.extent as u32, a.start as i32 as u32, a.step as i32 as u32, a.len as u32, a.stride as i32 as u32, 0, 0, 0]);
        }
        let moved = input.shape.numel() * output.dtype.bytes();
        Ok(Lowered::one(Launch {
            program,
            args: vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read), (Arg::Output(0), Access::ReadWrite)],
            blocks: vec![words],
            grid: facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work { flops: 0.0, bytes: moved as f64 + output.bytes() as f64 },
        }))
    }
}

/// `value` as the 32 bits that the shader turns into an element; f16 travels as f32.
fn bits(dtype: DType, value: f64) -> u32 {
    match dtype {
        DType::F32 | DType::F16 => (value as f32).to_bits(),
        DType::I32 => dtype.store(value) as i32 as u32,
        DType::U32 | DType::Bool => dtype.store(value) as u32,
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, input: Input, pads: &[i64], value| {
        Case::new(format!("pad {name}"), Pad::constant(pads.to_vec(), value), vec![input]).tolerance(Tolerance::EXACT)
    };
    let mut cases = vec![
        case("1", Input::f32([1]), &[0, 0], 0.0),
        case("scalar", Input::f32([]), &[], 0.0),
        case("13 by 2 and 3 with 0.5", Input::f32([13]), &[2, 3], 0.5),
        case("8 by 4 and 8", Input::f32([8]), &[4, 8], -1.0),
        case("2x3x7x5 image by 1", Input::f32([2, 3, 7, 5]), &[0, 0, 1, 1, 0, 0, 1, 1], 0.0),
        case("2x3x7x8 image by 4 inside", Input::f32([2, 3, 7, 8]), &[0, 0, 1, 4, 0, 0, 2, 0], 0.0),
        case("3x8 rows below", Input::f32([3, 8]), &[0, 0, 2, 0], 0.0),
        case("5x4x6 middle axis", Input::f32([5, 4, 6]), &[0, 1, 0, 0, 2, 0], 3.0),
        case("6x7 cropped", Input::f32([6, 7]), &[-1, -2, -3, -1], 0.0),
        case("6x7 cropped and padded", Input::f32([6, 7]), &[2, -3, -1, 4], 1.5),
        case("12 cropped to nothing", Input::f32([12]), &[-5, -7], 0.0),
        case("nothing to 4", Input::f32([0]), &[3, 1], 2.5),
        case("more than 65535 groups", Input::f32([65_537 * 64 + 1]), &[1, 3], 0.0),
        case("5x7 transposed", Input::f32([5, 7]).view(View::Transposed), &[1, 2, 0, 1], 0.0),
        case("4x8 sliced", Input::f32([4, 8]).view(View::Sliced), &[1, 4, 0, 4], 0.0),
        case("i32", Input::new([3, 5], DType::I32, Fill::Uniform(-9.0, 9.0)), &[1, 1, 1, 1], -7.0).no_grad(),
        case("u32", Input::new([3, 4], DType::U32, Fill::Uniform(0.0, 9.0)), &[1, 4, 1, 0], 4e9).no_grad(),
        case("bool", Input::new([7], DType::Bool, Fill::Uniform(0.0, 1.0)), &[1, 2], 1.0).no_grad(),
        case("f16", Input::new([3, 5], DType::F16, Fill::Uniform(-2.0, 2.0)), &[1, 1, 0, 2], 0.75),
        case("f16 by fours", Input::new([3, 8], DType::F16, Fill::Uniform(-2.0, 2.0)), &[1, 4, 0, 4], 0.75),
    ];
    for (mode, name) in [(PadMode::Reflect, "reflect"), (PadMode::Edge, "edge"), (PadMode::Wrap, "wrap")] {
        let case = |what: &str, input: Input, pads: &[i64]| {
            let half = input.ty.dtype;
            let case = Case::new(format!("pad {name} {what}"), Pad { pads: pads.to_vec(), mode, value: 0.0 }, vec![input]);
            case.tolerance(Tolerance::EXACT).backward(Tolerance::ulp(8.0).stored_as(half))
        };
        cases.push(case("2x3x7x5 image", Input::f32([2, 3, 7, 5]), &[0, 0, 2, 4, 0, 0, 1, 3]));
        cases.push(case("2x3x4x8 image by rows", Input::f32([2, 3, 4, 8]), &[0, 0, 3, 0, 0, 0, 3, 0]));
        cases.push(case("13", Input::f32([13]), &[12, 12]));
        cases.push(case("4x2x8 outer axes", Input::f32([4, 2, 8]), &[3, 1, 0, 2, 1, 0]));
        cases.push(case("1x1 by nothing", Input::f32([1, 1]), &[0, 0, 0, 0]));
        cases.push(case("5x7 transposed", Input::f32([5, 7]).view(View::Transposed), &[1, 2, 0, 1]));
        cases.push(case("i32", Input::new([3, 5], DType::I32, Fill::Uniform(-9.0, 9.0)).no_grad(), &[1, 1, 1, 4]).no_grad());
        cases.push(case("f16", Input::new([3, 8], DType::F16, Fill::Uniform(-2.0, 2.0)), &[1, 4, 2, 4]));
    }
    let about = "y[i] = x[i - begin]; outside `value`, or by mode reflect, edge or wrap what is inside (ONNX Pad)";
    vec![Entry::new("pad", about, &Pad::constant(vec![], 0.0), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_merge_where_the_inner_one_is_covered() {
        let input = Layout::contiguous(&[2, 3, 4, 8].into());
        let pads = |mode| Placement { start: vec![0, 1, 0, 0], step: vec![1; 4], mode, value: 0.0 };
        let axes = pads(PadMode::Constant).axes(&input, &[2, 5, 4, 8].into());
        assert_eq!(axes.iter().map(|a| (a.extent, a.start, a.len)).collect::<Vec<_>>(), [(160, 32, 96), (2, 0, 2)]);
        assert!(axes.iter().enumerate().all(|(n, a)| a.quarter(n == 0, true).is_some()));
        // Mirrored rows of 32 are not a mirrored line of 96.
        let axes = pads(PadMode::Reflect).axes(&input, &[2, 5, 4, 8].into());
        assert_eq!(axes.iter().map(|a| (a.extent, a.start, a.len)).collect::<Vec<_>>(), [(32, 0, 32), (5, 1, 3), (2, 0, 2)]);
        assert!(axes.iter().enumerate().all(|(n, a)| a.quarter(n == 0, false).is_some()));
    }

    #[test]
    fn a_border_is_refused_where_it_does_not_fit() {
        let x = TensorType::new([3, 4], DType::F32);
        let refused = |pads: Vec<i64>| Pad::constant(pads, 0.0).infer(std::slice::from_ref(&x)).unwrap_err().message;
        assert!(refused(vec![1, 1]).contains("needs 4 pads"));
        assert!(refused(vec![-2, 0, -2, 0]).contains("axis 0"));
        assert!(refused(vec![0, i64::MAX, 0, i64::MAX]).contains("axis 1"));
        let moded = |mode, pads: Vec<i64>| Pad { pads, mode, value: 0.0 }.infer(std::slice::from_ref(&x)).map_err(|e| e.message);
        assert!(moded(PadMode::Reflect, vec![2, 0, 2, 3]).is_ok());
        assert!(
            moded(PadMode::Reflect, vec![3, 0, 0, 0]).unwrap_err().contains("axis 0 of shape [3, 4] cannot be padded by 3 with mode Reflect: pads from 0 to 2")
        );
        assert!(moded(PadMode::Wrap, vec![0, 0, 0, 5]).unwrap_err().contains("axis 1"));
        assert!(moded(PadMode::Wrap, vec![3, 4, 3, 4]).is_ok());
        assert!(moded(PadMode::Edge, vec![0, -1, 0, 0]).unwrap_err().contains("padded by -1"));
        assert!(moded(PadMode::Edge, vec![9, 0, 0, i64::MAX]).is_err());
        let empty = TensorType::new([0], DType::F32);
        assert!(Pad { pads: vec![1, 0], mode: PadMode::Edge, value: 0.0 }.infer(&[empty]).is_err());
    }
}
