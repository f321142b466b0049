//! The cases of the convolutions: windows of every kind, sizes around the tiles, groups, sums that must be cut, operands as views, and
//! fused epilogues.

use super::{Binary, BinaryKind, Conv2d, Conv2dWeightGrad, ConvTranspose2d, Map, Unary, UnaryKind, Window};
use crate::body::{Source, Step};
use crate::{Case, DType, Fill, Input, Op, Shape, Tolerance, View};

/// Images, weights, window.
type Geometry = (&'static str, [usize; 4], [usize; 4], Window);

/// What all three are tried on: images [N, C, H, W], weights [O, C/group, kh, kw].
fn geometries() -> Vec<Geometry> {
    let window = |strides: [usize; 2], pads: [usize; 4], dilations: [usize; 2], group: usize| Window { strides, pads, dilations, group };
    vec![
        ("1x1x1x1 k1", [1, 1, 1, 1], [1, 1, 1, 1], Window::default()),
        ("2x3x8x8 k3 same", [2, 3, 8, 8], [5, 3, 3, 3], Window::padded(1, 1)),
        ("3x2x12x16 k3 same", [3, 2, 12, 16], [33, 2, 3, 3], Window::padded(1, 1)),
        ("2x5x6x14 k3 same", [2, 5, 6, 14], [17, 5, 3, 3], Window::padded(1, 1)),
        ("2x3x7x7 k3 same", [2, 3, 7, 7], [4, 3, 3, 3], Window::padded(1, 1)),
        ("2x3x9x11 k3 valid", [2, 3, 9, 11], [4, 3, 3, 3], Window::default()),
        ("2x3x10x6 k3 valid, rows of 4", [2, 3, 10, 6], [4, 3, 3, 3], Window::default()),
        ("1x2x9x10 k3 stride 2", [1, 2, 9, 10], [3, 2, 3, 3], window([2, 2], [1, 1, 1, 1], [1, 1], 1)),
        ("2x2x11x8 k3 stride 1x3", [2, 2, 11, 8], [3, 2, 3, 3], window([1, 3], [0, 1, 2, 0], [1, 1], 1)),
        ("2x2x13x12 k3 dilation 2x3", [2, 2, 13, 12], [3, 2, 3, 3], window([1, 1], [2, 3, 2, 3], [2, 3], 1)),
        ("1x2x14x9 k2x4 dilation 3x1", [1, 2, 14, 9], [3, 2, 2, 4], window([2, 1], [1, 2, 0, 1], [3, 1], 1)),
        ("1x3x7x11 k2x4, few outputs, strips", [1, 3, 7, 11], [2, 3, 2, 4], Window::default()),
        ("2x2x9x15 k4 group 2, strips", [2, 2, 9, 15], [4, 1, 4, 4], window([1, 1], [0, 0, 1, 0], [1, 1], 2)),
        ("2x1x12x12 k5", [2, 1, 12, 12], [6, 1, 5, 5], Window::default()),
        ("1x2x9x9 k5 stride 2", [1, 2, 9, 9], [3, 2, 5, 5], window([2, 2], [2, 2, 2, 2], [1, 1], 1)),
        ("2x6x4x8 k1", [2, 6, 4, 8], [9, 6, 1, 1], Window::default()),
        ("2x6x3x5 k1", [2, 6, 3, 5], [9, 6, 1, 1], Window::default()),
        ("2x6x8x6 k1 stride 2", [2, 6, 8, 6], [5, 6, 1, 1], window([2, 2], [0; 4], [1, 1], 1)),
        ("2x6x6x8 k3 group 3", [2, 6, 6, 8], [9, 2, 3, 3], window([1, 1], [1; 4], [1, 1], 3)),
        ("2x4x8x8 k1 group 2", [2, 4, 8, 8], [6, 2, 1, 1], window([1, 1], [0; 4], [1, 1], 2)),
        ("2x5x8x8 k3 depthwise", [2, 5, 8, 8], [5, 1, 3, 3], window([1, 1], [1; 4], [1, 1], 5)),
        ("2x3x9x7 k3 depthwise stride 2", [2, 3, 9, 7], [3, 1, 3, 3], window([2, 2], [1; 4], [1, 1], 3)),
        ("2x3x6x6 k3 depthwise by two", [2, 3, 6, 6], [6, 1, 3, 3], window([1, 1], [1; 4], [1, 1], 3)),
        ("2x4x1x17 k1x3 row", [2, 4, 1, 17], [6, 4, 1, 3], Window::padded(0, 1)),
        ("1x2x3x4 k3 pads wider than the image", [1, 2, 3, 4], [3, 2, 3, 3], window([1, 1], [4, 3, 2, 5], [1, 1], 1)),
        ("1x2x10x11 k3 stride 2, rest at the end", [1, 2, 10, 11], [2, 2, 3, 3], window([2, 2], [0; 4], [1, 1], 1)),
        ("2x8x16x16 k3 same", [2, 8, 16, 16], [64, 8, 3, 3], Window::padded(1, 1)),
        ("0x2x5x5 k3", [0, 2, 5, 5], [3, 2, 3, 3], Window::default()),
    ]
}

/// Two operands; the second is of order 1/√terms, as weights are initialised, so that the partial sums stay of order 1.
fn inputs(shapes: [&[usize]; 2], terms: usize, dtype: DType) -> Vec<Input> {
    let bound = (terms.max(1) as f64).sqrt().recip();
    [(shapes[0], 1.0), (shapes[1], bound)].map(|(s, b)| Input::new(s.to_vec(), dtype, Fill::Uniform(-b, b))).to_vec()
}

/// For sums of `terms` products of order 1: the partial sums grow as √terms, and with them their rounding.
fn growing(terms: usize) -> Tolerance {
    Tolerance::reduction(terms).times(((terms as f64).sqrt() / 3.0).max(1.0))
}

/// The shape of a convolution's result.
fn output(x: [usize; 4], w: [usize; 4], window: &Window) -> [usize; 4] {
    let extent = |a: usize| (x[2 + a] + window.pads[a] + window.pads[a + 2] - window.dilations[a] * (w[2 + a] - 1) - 1) / window.strides[a] + 1;
    [x[0], w[0], extent(0), extent(1)]
}

/// A case whose sums have `terms` products, those of its gradients up to `backward`.
fn made(name: String, op: impl Into<Op>, shapes: [&[usize]; 2], terms: usize, backward: usize, dtype: DType) -> Case {
    let case = Case::new(name, op, inputs(shapes, terms, dtype));
    case.tolerance(Tolerance::reduction(terms).stored_as(dtype)).backward(growing(backward).stored_as(dtype))
}

/// The longest sum among those of output, images and weights.
fn longest(x: [usize; 4], w: [usize; 4], window: &Window) -> usize {
    let y = output(x, w, window);
    (w[1] * w[2] * w[3]).max(w[0] / window.group * w[2] * w[3]).max(y[0] * y[2] * y[3])
}

/// Which geometries run in f16, too.
fn halves(name: &str) -> bool {
    ["2x3x8x8 k3 same", "2x5x6x14 k3 same", "1x2x9x10 k3 stride 2", "2x6x4x8 k1", "2x5x8x8 k3 depthwise"].contains(&name)
}

fn over(kinds: impl Fn(&str, [usize; 4], [usize; 4], Window, DType) -> Case) -> Vec<Case> {
    let mut all = Vec::new();
    for (name, x, w, window) in geometries() {
        all.push(kinds(name, x, w, window.clone(), DType::F32));
        if halves(name) {
            all.push(kinds(&format!("{name} f16"), x, w, window, DType::F16));
        }
    }
    all
}

/// The cases of `conv2d`.
pub(super) fn forward() -> Vec<Case> {
    let mut all = over(|name, x, w, window, dtype| {
        let terms = w[1] * w[2] * w[3];
        let backward = longest(x, w, &window);
        made(format!("conv2d {name}"), Conv2d::new(window), [&x, &w], terms, backward, dtype)
    });
    all.extend(lying());
    all.extend(epilogues());
    // Sums longer than an invocation walks: for `naive` with packed weights, for all others, and for `naive` without packing.
    let plain = |name: &str, x: [usize; 4], w: [usize; 4], window: Window| {
        made(format!("conv2d {name}"), Conv2d::new(window), [&x, &w], w[1] * w[2] * w[3], 1, DType::F32).no_grad()
    };
    all.push(plain("2x5001x3x4 k3, long", [2, 5001, 3, 4], [5, 5001, 3, 3], Window::default()));
    all.push(plain("2x21900x3x3 k3, very long", [2, 21_900, 3, 3], [2, 21_900, 3, 3], Window::default()));
    all.push(plain("2x60100x1x3 k1 stride 2, long", [2, 60_100, 1, 3], [6, 60_100, 1, 1], Window { strides: [2, 2], ..Window::default() }));
    all
}

/// Operands that do not lie row by row, and those of which some do.
fn lying() -> Vec<Case> {
    let (x, w) = ([2, 3, 8, 8], [5, 3, 3, 3]);
    let views =
        [("x transposed", View::Transposed, View::Plain), ("w sliced", View::Plain, View::Sliced), ("x sliced, w transposed", View::Sliced, View::Transposed)];
    let case = |(name, of_x, of_w)| {
        let mut case =
            made(format!("conv2d 2x3x8x8 k3 {name}"), Conv2d::new(Window::padded(1, 1)), [&x, &w], 27, longest(x, w, &Window::padded(1, 1)), DType::F32);
        (case.inputs[0].view, case.inputs[1].view) = (of_x, of_w);
        case
    };
    views.into_iter().map(case).collect()
}

/// The cases of `conv_transpose2d`: the input gradients of the same convolutions, and some that nobody would differentiate to.
pub(super) fn transposed() -> Vec<Case> {
    let mut all = over(|name, x, w, window, dtype| {
        let y = output(x, w, &window);
        let rest = [0, 1].map(|a| window.rest(a, x[2 + a], w[2 + a]));
        let terms = w[0] / window.group * w[2] * w[3];
        let backward = longest(x, w, &window);
        let op = ConvTranspose2d { window, output_padding: rest, epilogue: None };
        made(format!("conv_transpose2d {name}"), op, [&y, &w], terms, backward, dtype)
    });
    let upsample = |name: &str, x: [usize; 4], w: [usize; 4], strides: usize, pad: usize, rest: usize| {
        let window = Window { strides: [strides; 2], pads: [pad; 4], ..Window::default() };
        let op = ConvTranspose2d { window, output_padding: [rest; 2], epilogue: None };
        made(format!("conv_transpose2d {name}"), op, [&x, &w], w[0] * w[2] * w[3], x[0] * x[2] * x[3] * strides * strides, DType::F32)
    };
    all.push(upsample("2x4x5x5 k2 stride 2", [2, 4, 5, 5], [4, 3, 2, 2], 2, 0, 0));
    all.push(upsample("1x3x4x6 k4 stride 2 pad 1", [1, 3, 4, 6], [3, 2, 4, 4], 2, 1, 0));
    all.push(upsample("1x3x3x3 k1 stride 3, holes", [1, 3, 3, 3], [3, 2, 1, 1], 3, 0, 2));
    all.push(upsample("2x21900x1x1 k3, very long", [2, 21_900, 1, 1], [21_900, 2, 3, 3], 1, 0, 0).no_grad());
    let mut viewed = upsample("2x4x5x6 k2 stride 2, both as views", [2, 4, 5, 6], [4, 3, 2, 2], 2, 0, 0);
    (viewed.inputs[0].view, viewed.inputs[1].view) = (View::Sliced, View::Transposed);
    all.push(viewed);
    let fused = |name: &str, x: [usize; 4], w: [usize; 4], window: Window, dtype: DType| {
        let y = output(x, w, &window);
        let rest = [0, 1].map(|a| window.rest(a, x[2 + a], w[2 + a]));
        let (terms, backward) = (w[0] / window.group * w[2] * w[3], longest(x, w, &window));
        let op = |chain| ConvTranspose2d { window, output_padding: rest, epilogue: Some(chain) }.into();
        biased(format!("conv_transpose2d {name}"), op, [y, w], x, [terms, backward], dtype)
    };
    all.push(fused("2x3x8x8 k3", [2, 3, 8, 8], [5, 3, 3, 3], Window::padded(1, 1), DType::F32));
    all.push(fused("1x2x9x10 k3 stride 2", [1, 2, 9, 10], [3, 2, 3, 3], Window { strides: [2, 2], ..Window::padded(1, 1) }, DType::F32));
    all.push(fused("2x3x8x8 k3 f16", [2, 3, 8, 8], [5, 3, 3, 3], Window::padded(1, 1), DType::F16));
    all
}

/// The cases of `conv2d_weight_grad`.
pub(super) fn weight_grad() -> Vec<Case> {
    let grad = |name: &str, x: [usize; 4], w: [usize; 4], window: Window, dtype: DType| {
        let y = output(x, w, &window);
        let terms = y[0] * y[2] * y[3];
        let backward = longest(x, w, &window);
        let op = Conv2dWeightGrad { window, kernel_shape: [w[2], w[3]] };
        made(format!("conv2d_weight_grad {name}"), op, [&x, &y], terms, backward, dtype)
    };
    let mut all = over(grad);
    // Few outputs and a long sum: k is cut into pieces.
    all.push(grad("8x3x24x24 k3, long", [8, 3, 24, 24], [8, 3, 3, 3], Window::padded(1, 1), DType::F32).no_grad());
    all.push(grad("9x2x33x17 k3, long and odd", [9, 2, 33, 17], [3, 2, 3, 3], Window::default(), DType::F32).no_grad());
    all.push(grad("1x1x520x514 k1x3, very long", [1, 1, 520, 514], [5, 1, 1, 3], Window::default(), DType::F32).no_grad());
    // Few input channels, which keep all taps: more outputs than a subgroup has, rows that end within a strip, pixels between.
    let strided = Window { strides: [2, 2], ..Window::padded(2, 2) };
    all.push(grad("2x3x17x19 k5 stride 2", [2, 3, 17, 19], [9, 3, 5, 5], strided, DType::F32));
    all.push(grad("3x1x11x13 k3", [3, 1, 11, 13], [33, 1, 3, 3], Window::padded(1, 1), DType::F32));
    all.push(grad("3x1x11x13 k3 f16", [3, 1, 11, 13], [33, 1, 3, 3], Window::padded(1, 1), DType::F16));
    all.push(grad("5x3x30x28 k3 valid", [5, 3, 30, 28], [18, 3, 3, 3], Window::default(), DType::F32).no_grad());
    let mut viewed = grad("2x3x8x8 k3, both as views", [2, 3, 8, 8], [5, 3, 3, 3], Window::padded(1, 1), DType::F32);
    (viewed.inputs[0].view, viewed.inputs[1].view) = (View::Transposed, View::Sliced);
    all.push(viewed);
    all
}

/// Bias and relu behind what `op` makes of `operands`, with a result of shape `result`; `terms` forward and backward.
fn biased(name: String, op: impl FnOnce(Map) -> Op, operands: [[usize; 4]; 2], result: [usize; 4], terms: [usize; 2], dtype: DType) -> Case {
    let step = |op: Op, args: &[Source]| Step { op, args: args.to_vec(), dtype };
    let add = step(Binary(BinaryKind::Add).into(), &[Source::Head, Source::Input(0)]);
    let relu = step(Unary(UnaryKind::Relu).into(), &[Source::Step(0)]);
    let mut all = inputs([&operands[0], &operands[1]], terms[0], dtype);
    all.push(Input::new([result[1], 1, 1], dtype, Fill::Uniform(-1.0, 1.0)));
    // Each step rounds once more; the chain runs in f32 and rounds to f16 once.
    let sum = Tolerance::reduction(terms[0]);
    let tolerance = Tolerance { rtol: sum.rtol + Tolerance::ulp(4.0).rtol, atol: sum.atol + Tolerance::ulp(4.0).atol };
    Case::new(format!("{name} bias relu"), op(Map { shape: Shape(result.to_vec()), steps: vec![add, relu] }), all)
        .tolerance(tolerance.stored_as(dtype))
        .backward(growing(terms[1]).stored_as(dtype))
}

/// Bias and activation behind a convolution.
fn epilogues() -> Vec<Case> {
    let fused = |name: &str, x: [usize; 4], w: [usize; 4], window: Window, dtype: DType| {
        let result = output(x, w, &window);
        let terms = [w[1] * w[2] * w[3], longest(x, w, &window)];
        biased(format!("conv2d {name}"), |chain| Conv2d { window, epilogue: Some(chain) }.into(), [x, w], result, terms, dtype)
    };
    vec![
        fused("2x3x8x8 k3", [2, 3, 8, 8], [5, 3, 3, 3], Window::padded(1, 1), DType::F32),
        fused("2x3x7x5 k3", [2, 3, 7, 5], [6, 3, 3, 3], Window::default(), DType::F32),
        fused("2x6x4x8 k1", [2, 6, 4, 8], [7, 6, 1, 1], Window::default(), DType::F32),
        fused("2x4x8x8 k3 depthwise", [2, 4, 8, 8], [4, 1, 3, 3], Window { group: 4, ..Window::padded(1, 1) }, DType::F32),
        fused("2x3x8x8 k3 f16", [2, 3, 8, 8], [5, 3, 3, 3], Window::padded(1, 1), DType::F16),
        fused("2x3x7x5 k3 f16", [2, 3, 7, 5], [6, 3, 3, 3], Window::default(), DType::F16),
    ]
}
