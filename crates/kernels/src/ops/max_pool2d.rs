//! `max_pool2d`: the largest value of each window, and where it is (ONNX MaxPool over two axes; windows as PyTorch lays them).
//!
//! x [N, C, H, W] in f32 or f16 gives y [N, C, OH, OW] and indices i32 of the same shape: the place row·W + column of the maximum
//! in its plane, of equal ones the first. OH = ⌊(H + pads − dilation·(kernel − 1) − 1)/stride⌋ + 1; with `ceil_mode` ⌈…⌉, without a
//! last window that would start behind the input. Padding is −∞, at most half of the kernel. NaN wins, as in PyTorch.
//! Gradient: `max_pool2d_backward`. Where nobody reads the indices they are not written.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::MaxPool2dBackward;
use crate::pooling::{Pool, Pooling};
use crate::window::{Span, Windows, images};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// The largest value of each window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool2d {
    /// Height and width of a window.
    pub kernel_shape: [usize; 2],
    /// Steps from window to window, down and across.
    pub strides: [usize; 2],
    /// Padding above, left, below, right.
    pub pads: [usize; 4],
    /// Steps between the places of a window.
    pub dilations: [usize; 2],
    /// Whether a last, incomplete window counts.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// Windows of `kernel` side by side, without padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self { kernel_shape: kernel, strides: kernel, pads: [0; 4], dilations: [1; 2], ceil_mode: false }
    }

    /// Windows of `kernel` places side by side on lines.
    pub fn line(kernel: usize) -> Self {
        Self::new([1, kernel])
    }

    /// The windows over images of `size`.
    pub(crate) fn spans(&self, op: &str, size: [usize; 2]) -> Result<[Span; 2], OpError> {
        let Self { kernel_shape, strides, pads, dilations, ceil_mode } = *self;
        Windows { kernel: kernel_shape, strides, pads, dilations, ceil_mode }.over(op, size)
    }
}

/// `naive`, and `block` before it where the windows are small enough.
pub(crate) fn names(block: bool) -> Vec<&'static str> {
    if block { vec!["block", "naive"] } else { vec!["naive"] }
}

/// The params block of the naive kernels.
pub(crate) fn words(count: usize, [h, w]: &[Span; 2]) -> Vec<u32> {
    let numbers = [count, h.input, w.input, h.output, w.output, h.kernel, w.kernel, h.stride, w.stride, h.begin, w.begin, h.dilation, w.dilation, 0, 0, 0];
    numbers.map(|n| n as u32).to_vec()
}

impl Kernel for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("max_pool2d", format!("takes 1 input, got {}", inputs.len())));
        };
        let (_, size) = images("max_pool2d", x)?;
        let [h, w] = self.spans("max_pool2d", size)?;
        let shape = [x.shape[0], x.shape[1], h.output, w.output];
        Ok(vec![TensorType::new(shape, x.dtype), TensorType::new(shape, DType::I32)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        if facts.outputs[0].shape.numel() == 0 { Vec::new() } else { names(self.block(facts).is_some()) }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let block = self.block(facts);
        let naive = facts.forced("max_pool2d", &names(block.is_some()))? == Some("naive");
        match block.filter(|_| !naive) {
            Some(launch) => Ok(Lowered::one(launch)),
            None => Ok(Lowered::one(self.naive(facts)?)),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let x = inputs[0];
        let (size, planes) = ([x.ty.shape[2], x.ty.shape[3]], x.ty.shape[0] * x.ty.shape[1]);
        let (mut values, mut places) = (Vec::new(), Vec::new());
        // invariant: `infer` accepted the windows.
        if let Ok([h, w]) = self.spans("", size) {
            for plane in 0..planes {
                for (oh, ow) in (0..h.output).flat_map(|oh| (0..w.output).map(move |ow| (oh, ow))) {
                    let mut best: Option<(f64, usize)> = None;
                    for place in h.taps(oh).flat_map(|row| w.taps(ow).map(move |col| row * size[1] + col)) {
                        let v = x.data[plane * size[0] * size[1] + place];
                        if best.is_none_or(|(b, _)| v > b || v.is_nan()) {
                            best = Some((v, place));
                        }
                    }
                    let (value, place) = best.unwrap_or((f64::NEG_INFINITY, 0));
                    values.push(value);
                    places.push(place as f64);
                }
            }
        }
        vec![Array::new(outputs[0].clone(), values), Array::new(outputs[1].clone(), places)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let shape = b.shape(node.inputs[0]);
        let backward = MaxPool2dBackward { input_size: [shape[2], shape[3]], pool: self.clone() };
        vec![Some(b.op(backward, &[node.grad(), node.outputs[1]]))]
    }
}

impl MaxPool2d {
    /// The launch by blocks.
    fn block(&self, facts: &Lowering<'_>) -> Option<Launch> {
        let shape = &facts.inputs[0].layout.shape;
        let spans = self.spans("max_pool2d", [shape[2], shape[3]]).ok()?;
        Pool { planes: shape[0] * shape[1], spans, pooling: Pooling::Max(facts.is_read(1)) }.forward(facts)
    }

    fn naive(&self, facts: &Lowering<'_>) -> Result<Launch, OpError> {
        let (shape, output) = (&facts.inputs[0].layout.shape, &facts.outputs[0]);
        let spans = self.spans("max_pool2d", [shape[2], shape[3]])?;
        let mut program = Program::new("max_pool2d").u32("WORKGROUP", WORKGROUP).alias("T", output.dtype.wgsl());
        program.f16 = output.dtype == DType::F16;
        let mut args = vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read), (Arg::Output(0), Access::ReadWrite)];
        program.code = if facts.is_read(1) {
            args.push((Arg::Output(1), Access::ReadWrite));
            "@group(0) @binding(3) var<storage, read_write> indices: array<i32>;\nfn store_index(i: u32, index: i32) { indices[i] = index; }\n"
        } else {
            "fn store_index(i: u32, index: i32) {}\n"
        }
        .to_owned();
        let count = output.shape.numel();
        let work = Work { flops: (count * self.kernel_shape[0] * self.kernel_shape[1]) as f64, bytes: (shape.numel() * output.dtype.bytes()) as f64 };
        let grid = facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP)));
        Ok(Launch { program, args, blocks: vec![words(count, &spans)], grid, work })
    }
}

/// Images and windows over them that take in every rule: sizes, strides, padding, dilation, the last window, vectors of 4, 2 and 1.
pub(crate) fn shapes() -> Vec<(&'static str, [usize; 4], MaxPool2d)> {
    let pool = |kernel_shape, strides, pads, dilations, ceil_mode| MaxPool2d { kernel_shape, strides, pads, dilations, ceil_mode };
    let plain = |k, s, p: usize| pool([k; 2], [s; 2], [p; 4], [1; 2], false);
    vec![
        ("1x1 of 1", [1, 1, 1, 1], plain(1, 1, 0)),
        ("2x2 of 8x8", [2, 3, 8, 8], plain(2, 2, 0)),
        ("2x2 of 6x28", [1, 2, 6, 28], plain(2, 2, 0)),
        ("2x2 of 14x14", [2, 2, 14, 14], plain(2, 2, 0)),
        ("2x2 of 7x7", [2, 3, 7, 7], plain(2, 2, 0)),
        ("2x2 of 7x5 ceil", [1, 2, 7, 5], pool([2; 2], [2; 2], [0; 4], [1; 2], true)),
        ("2x2 of 9x20 ceil", [1, 2, 9, 20], pool([2; 2], [2; 2], [0; 4], [1; 2], true)),
        ("2x2 step 1 of 5x6", [1, 2, 5, 6], plain(2, 1, 0)),
        ("3x3 of 9x12", [1, 2, 9, 12], plain(3, 3, 0)),
        ("3x3 step 2 pad 1 of 16x16", [2, 2, 16, 16], plain(3, 2, 1)),
        ("3x3 step 2 pad 1 of 11x13", [1, 3, 11, 13], plain(3, 2, 1)),
        ("3x3 step 2 pad 1 of 8x8 ceil", [1, 2, 8, 8], pool([3; 2], [2; 2], [1; 4], [1; 2], true)),
        ("3x3 step 1 pad 1 of 7x8", [1, 2, 7, 8], plain(3, 1, 1)),
        ("3x2 step 1x3 pads 1 1 0 0 of 6x11", [1, 2, 6, 11], pool([3, 2], [1, 3], [1, 1, 0, 0], [1; 2], false)),
        ("1x5 step 1x2 pads 0 2 0 1 of 1x17", [2, 1, 1, 17], pool([1, 5], [1, 2], [0, 2, 0, 1], [1; 2], false)),
        ("2x3 dilated 3x2 of 9x10", [1, 2, 9, 10], pool([2, 3], [2, 1], [0; 4], [3, 2], false)),
        ("3x3 dilated 2 pad 1 of 8x12", [1, 2, 8, 12], pool([3; 2], [2; 2], [1; 4], [2; 2], false)),
        ("3x3 step 4 of 13x16", [1, 2, 13, 16], plain(3, 4, 0)),
        ("2x2 step 7x9 of 16x20", [1, 1, 16, 20], plain(2, 9, 0)),
        ("3x3 of 2x2 ceil", [1, 2, 2, 2], pool([3; 2], [2; 2], [0; 4], [1; 2], true)),
        ("7x7 of 7x7", [2, 3, 7, 7], plain(7, 1, 0)),
        ("17x13 step 2 pad 6 of 20x23", [1, 1, 20, 23], pool([17, 13], [2; 2], [6; 4], [1; 2], false)),
    ]
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, input: Input, pool: MaxPool2d| {
        // Places are exact; a gradient adds up the windows that share one.
        Case::new(format!("max_pool2d {name}"), pool, vec![input]).tolerance(Tolerance::EXACT).backward(Tolerance::ulp(8.0).stored_as(DType::F32))
    };
    let plain = |shape: [usize; 4]| Input::f32(shape).fill(Fill::Distinct);
    let mut cases: Vec<Case> = shapes().into_iter().map(|(name, shape, pool)| case(name, plain(shape), pool)).collect();
    let over = |s, p| MaxPool2d { strides: [s; 2], pads: [p; 4], ..MaxPool2d::new([3, 3]) };
    let two = || MaxPool2d::new([2, 2]);
    // Few values, so that most maxima are shared: the first place must be found. No central difference exists there.
    let ties = |shape: [usize; 4]| Input::f32(shape).fill(Fill::Values(vec![1.0, 0.0, 1.0, -1.0, 0.0, 1.0, 0.0]));
    cases.push(case("ties 2x2 of 8x8", ties([2, 2, 8, 8]), two()).no_grad());
    cases.push(case("ties 3x3 step 2 pad 1 of 9x8", ties([2, 2, 9, 8]), over(2, 1)).no_grad());
    cases.push(case("all equal 3x3 step 1 pad 1 of 5x5", plain([1, 1, 5, 5]).fill(Fill::Values(vec![-3e38])), over(1, 1)).no_grad());
    cases.push(case("2x2 of 6x8 transposed", plain([2, 2, 6, 8]).view(View::Transposed), two()));
    cases.push(case("2x2 of 6x8 sliced", plain([2, 2, 6, 8]).view(View::Sliced), two()));
    cases.push(case("no images", plain([0, 3, 4, 4]), two()));
    cases.push(case("more than 65535 groups", Input::f32([65_537, 64, 1, 1]), MaxPool2d::new([1, 1])).no_grad());
    let half = |shape: [usize; 4]| Input::new(shape, DType::F16, Fill::Distinct);
    let sums = |case: Case| case.backward(Tolerance::ulp(8.0).stored_as(DType::F16));
    cases.push(sums(case("f16 2x2 of 8x8", half([1, 2, 8, 8]), two())));
    cases.push(sums(case("f16 2x2 of 7x6", half([1, 2, 7, 6]), two())));
    cases.push(sums(case("f16 3x3 step 2 pad 1 of 7x8", half([1, 2, 7, 8]), over(2, 1))));
    let example = MaxPool2d { strides: [1, 1], ..MaxPool2d::new([2, 2]) };
    let about = "y = max of each window of x [N, C, H, W]; output 1 is its place row·W + column in the plane (ONNX MaxPool)";
    vec![Entry::new("max_pool2d", about, &example, cases)]
}
