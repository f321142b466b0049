//! `avg_pool2d`: the mean of each window (ONNX AveragePool over two axes; windows and counts as in PyTorch).
//!
//! x [N, C, H, W] in f32 or f16 gives y [N, C, OH, OW]; OH as for `max_pool2d`. Padding counts as zeros with `count_include_pad`,
//! else only the places inside of the image count; what a last window has beyond the padding (`ceil_mode`) never counts.
//! Sums are f32. Gradient: `avg_pool2d_backward`.

use crate::launch::{Launch, Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::max_pool2d::{self, names};
use crate::ops::{AvgPool2dBackward, MaxPool2d};
use crate::pooling::{Pool, Pooling};
use crate::resample::{Line, Resample, Rule};
use crate::window::{Span, Windows, images};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// The mean of each window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPool2d {
    /// Height and width of a window.
    pub kernel_shape: [usize; 2],
    /// Steps from window to window, down and across.
    pub strides: [usize; 2],
    /// Padding above, left, below, right.
    pub pads: [usize; 4],
    /// Whether a last, incomplete window counts.
    pub ceil_mode: bool,
    /// Whether padding counts, as zeros.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// Windows of `kernel` side by side, without padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self { kernel_shape: kernel, strides: kernel, pads: [0; 4], ceil_mode: false, count_include_pad: false }
    }

    /// Windows of `kernel` places side by side on lines.
    pub fn line(kernel: usize) -> Self {
        Self::new([1, kernel])
    }

    /// The windows over images of `size`.
    pub(crate) fn spans(&self, op: &str, size: [usize; 2]) -> Result<[Span; 2], OpError> {
        let Self { kernel_shape, strides, pads, ceil_mode, .. } = *self;
        Windows { kernel: kernel_shape, strides, pads, dilations: [1; 2], ceil_mode }.over(op, size)
    }

    /// The launch by blocks, forward or backward.
    pub(crate) fn block(&self, planes: usize, size: [usize; 2], backward: bool, facts: &Lowering<'_>) -> Option<Launch> {
        let pool = Pool { planes, spans: self.spans("", size).ok()?, pooling: Pooling::Average(self.count_include_pad) };
        if backward { pool.backward(facts) } else { pool.forward(facts) }
    }

    /// The launch value by value, forward or backward.
    pub(crate) fn resample(&self, op: &str, planes: usize, size: [usize; 2], transposed: bool) -> Result<Resample, OpError> {
        let line = |s: Span| Line { rule: Rule::Pool(s, self.count_include_pad), places: s.input, windows: s.output };
        Ok(Resample { planes, lines: self.spans(op, size)?.map(line), transposed })
    }

    /// The variant wished for, or the first.
    pub(crate) fn launches(&self, op: &str, planes: usize, size: [usize; 2], backward: bool, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let block = self.block(planes, size, backward, facts);
        let naive = facts.forced(op, &names(block.is_some()))? == Some("naive");
        match block.filter(|_| !naive) {
            Some(launch) => Ok(Lowered::one(launch)),
            None => self.resample(op, planes, size, backward)?.lower(op, facts),
        }
    }
}

impl Kernel for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("avg_pool2d", format!("takes 1 input, got {}", inputs.len())));
        };
        let (_, size) = images("avg_pool2d", x)?;
        let [h, w] = self.spans("avg_pool2d", size)?;
        Ok(vec![TensorType::new([x.shape[0], x.shape[1], h.output, w.output], x.dtype)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        let shape = &facts.inputs[0].layout.shape;
        if shape.numel() == 0 { Vec::new() } else { names(self.block(1, [shape[2], shape[3]], false, facts).is_some()) }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let shape = &facts.inputs[0].layout.shape;
        self.launches("avg_pool2d", shape[0] * shape[1], [shape[2], shape[3]], false, facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &inputs[0].ty.shape;
        // invariant: `infer` accepted the windows.
        let data = self.resample("", shape[0] * shape[1], [shape[2], shape[3]], false).map(|r| r.reference(inputs[0])).unwrap_or_default();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let shape = b.shape(node.inputs[0]);
        vec![Some(b.op(AvgPool2dBackward { input_size: [shape[2], shape[3]], pool: self.clone() }, &[node.grad()]))]
    }
}

/// The windows of `max_pool2d`'s cases that have no dilation, with and without counted padding.
pub(crate) fn shapes() -> Vec<(String, [usize; 4], AvgPool2d)> {
    let undilated = max_pool2d::shapes().into_iter().filter(|(_, _, pool)| pool.dilations == [1; 2]);
    let both = undilated.flat_map(|(name, shape, pool)| {
        let MaxPool2d { kernel_shape, strides, pads, ceil_mode, .. } = pool;
        let made = move |count_include_pad| AvgPool2d { kernel_shape, strides, pads, ceil_mode, count_include_pad };
        let padded = pads != [0; 4];
        std::iter::once((name.to_owned(), shape, made(false))).chain(padded.then(|| (format!("{name} counted"), shape, made(true))))
    });
    both.collect()
}

/// How exact a mean over a window, or a gradient of it, is.
pub(crate) fn tolerance(pool: &AvgPool2d, dtype: DType) -> Tolerance {
    Tolerance::reduction(pool.kernel_shape[0] * pool.kernel_shape[1]).times(2.0).stored_as(dtype)
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, input: Input, pool: AvgPool2d| {
        let tolerance = tolerance(&pool, input.ty.dtype);
        Case::new(format!("avg_pool2d {name}"), pool, vec![input]).tolerance(tolerance)
    };
    let mut cases: Vec<Case> = shapes().into_iter().map(|(name, shape, pool)| case(&name, Input::f32(shape), pool)).collect();
    let two = || AvgPool2d::new([2, 2]);
    cases.push(case("2x2 of 6x8 transposed", Input::f32([2, 2, 6, 8]).view(View::Transposed), two()));
    cases.push(case("2x2 of 6x8 sliced", Input::f32([2, 2, 6, 8]).view(View::Sliced), two()));
    cases.push(case("no images", Input::f32([0, 3, 4, 4]), two()));
    let half = |shape: [usize; 4]| Input::new(shape, DType::F16, Fill::Uniform(-2.0, 2.0));
    cases.push(case("f16 2x2 of 8x8", half([1, 2, 8, 8]), two()));
    cases.push(case("f16 3x3 step 2 pad 1 of 7x8", half([1, 2, 7, 8]), AvgPool2d { strides: [2; 2], pads: [1; 4], ..AvgPool2d::new([3, 3]) }));
    let example = AvgPool2d { strides: [1, 1], ..AvgPool2d::new([2, 2]) };
    vec![Entry::new("avg_pool2d", "y = mean of each window of x [N, C, H, W] (ONNX AveragePool; counts as in PyTorch)", &example, cases)]
}
