//! The cases of `matmul`: every edge of every tile, operands as views, batches, and fused epilogues.

use super::{Binary, BinaryKind, Full, Map, MatMul, Unary, UnaryKind, Where};
use crate::body::{Source, Step};
use crate::{Case, DType, Fill, Input, Op, Shape, Tolerance, View};

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    let mut all = vec![
        plain(1, 1, 1),
        plain(3, 5, 7),
        plain(17, 33, 65),
        plain(129, 31, 127),
        plain(5, 1, 6),
        plain(8, 1, 12),
        long(9, 4096, 12),
        long(3, 2047, 5),
        long(5, 270_000, 4),
        plain(128, 40, 10),
        plain(1, 96, 68),
        plain(67, 64, 1),
        plain(64, 12, 1),
        case("0x3x4", Input::f32([0, 3]), Input::f32([3, 4])),
        case("3x0x4", Input::f32([3, 0]), Input::f32([0, 4])),
        case("13x9x11 a transposed", Input::f32([13, 9]).view(View::Transposed), Input::f32([9, 11])),
        case("36x20x44 a transposed", Input::f32([36, 20]).view(View::Transposed), Input::f32([20, 44])),
        case("68x24x36 b transposed", Input::f32([68, 24]), Input::f32([24, 36]).view(View::Transposed)),
        case("31x23x37 b transposed", Input::f32([31, 23]), Input::f32([23, 37]).view(View::Transposed)),
        case("40x28x68 both transposed", Input::f32([40, 28]).view(View::Transposed), Input::f32([28, 68]).view(View::Transposed)),
        case("11x10x9 sliced", Input::f32([11, 10]).view(View::Sliced), Input::f32([10, 9]).view(View::Sliced)),
        case("12x16x20 b sliced", Input::f32([12, 16]), Input::f32([16, 20]).view(View::Sliced)),
        case("3x17x8x5 batch", Input::f32([3, 17, 8]), Input::f32([3, 8, 5])),
        case("2x3x20x16x12 batch", Input::f32([2, 3, 20, 16]), Input::f32([2, 3, 16, 12])),
        case("2x1x5x6 by 3x6x4", Input::f32([2, 1, 5, 6]), Input::f32([3, 6, 4])),
        case("4x9x8 by 8x12, one b", Input::f32([4, 9, 8]), Input::f32([8, 12])),
        case("9x8 by 4x8x12, one a", Input::f32([9, 8]), Input::f32([4, 8, 12])),
        case("3x7x6 batch sliced", Input::f32([3, 7, 6]).view(View::Sliced), Input::f32([3, 6, 8]).view(View::Sliced)),
        case("3x7x6 batch transposed", Input::f32([3, 7, 6]).view(View::Transposed), Input::f32([3, 6, 8])),
        case("2x1x2x1x2x3x4 by 3x1x2x1x4x5", Input::f32([2, 1, 2, 1, 2, 3, 4]), Input::f32([3, 1, 2, 1, 4, 5])),
        case("65600 batches of 8x2x8", Input::f32([65_600, 8, 2]), Input::f32([65_600, 2, 8])).no_grad(),
        half("19x24x13", [19, 24], [24, 13]),
        half("36x32x40", [36, 32], [32, 40]),
    ];
    // One below, at and above the tiles' sides.
    for side in [8, 16, 32, 64, 128] {
        all.extend([plain(side - 1, 12, side + 1), plain(side, 16, side), plain(side + 1, 19, side - 1)]);
    }
    all.extend(epilogues());
    all
}

fn case(name: &str, a: Input, b: Input) -> Case {
    let k = a.ty.shape.last().copied().unwrap_or(1);
    Case::new(format!("matmul {name}"), MatMul::default(), vec![a, b]).tolerance(Tolerance::reduction(k))
}

fn plain(m: usize, k: usize, n: usize) -> Case {
    case(&format!("{m}x{k}x{n}"), Input::f32([m, k]), Input::f32([k, n]))
}

/// A long sum, with weights as they are initialised: of order 1/√k, so that the partial sums stay of order 1.
fn long(m: usize, k: usize, n: usize) -> Case {
    let bound = (k as f64).sqrt().recip();
    let b = Input::f32([k, n]).fill(Fill::Uniform(-bound, bound));
    case(&format!("{m}x{k}x{n}"), Input::f32([m, k]), b).no_grad()
}

fn half(name: &str, a: [usize; 2], b: [usize; 2]) -> Case {
    let input = |shape: [usize; 2]| Input::new(shape, DType::F16, Fill::Uniform(-1.0, 1.0));
    let tolerance = Tolerance::reduction(a[1]).stored_as(DType::F16);
    Case::new(format!("matmul {name} f16"), MatMul::default(), vec![input(a), input(b)]).tolerance(tolerance)
}

/// An op of a chain over the product.
fn step(op: impl Into<Op>, args: &[Source]) -> Step {
    Step { op: op.into(), args: args.to_vec(), dtype: DType::F32 }
}

fn epilogues() -> Vec<Case> {
    let fused = |name: &str, a: Input, b: Input, extra: Vec<Input>, steps: Vec<Step>| {
        let k = a.ty.shape.last().copied().unwrap_or(1);
        let (ra, rb) = (a.ty.shape.rank(), b.ty.shape.rank());
        let lead = if ra > rb { &a.ty.shape[..ra - 2] } else { &b.ty.shape[..rb - 2] };
        let shape = Shape([lead, &[a.ty.shape[ra - 2], b.ty.shape[rb - 1]]].concat());
        let op = MatMul { epilogue: Some(Map { shape, steps }) };
        let inputs = [vec![a, b], extra].concat();
        // Each step rounds once more.
        let rounding = Tolerance::ulp(4.0);
        let sum = Tolerance::reduction(k);
        let tolerance = Tolerance { rtol: sum.rtol + rounding.rtol, atol: sum.atol + rounding.atol };
        Case::new(format!("matmul {name}"), op, inputs).tolerance(tolerance)
    };
    let matrix = |m: usize, n: usize| Input::f32([m, n]);
    let bias_relu = || vec![step(Binary(BinaryKind::Add), &[Source::Head, Source::Input(0)]), step(Unary(UnaryKind::Relu), &[Source::Step(0)])];
    let bias_gelu = vec![step(Binary(BinaryKind::Add), &[Source::Head, Source::Input(0)]), step(Unary(UnaryKind::Gelu), &[Source::Step(0)])];
    let mask = |m: usize, n: usize| {
        let zero = Full { shape: Shape(vec![m, n]), dtype: DType::F32, value: 0.0 };
        let mut positive = step(Binary(BinaryKind::Greater), &[Source::Input(0), Source::Step(0)]);
        positive.dtype = DType::Bool;
        vec![step(zero, &[]), positive, step(Where, &[Source::Step(1), Source::Head, Source::Step(0)])]
    };
    let kept = |m: usize, n: usize| matrix(m, n).fill(Fill::Away(0.1, 1.0)).no_grad();
    let scale = || vec![step(Binary(BinaryKind::Mul), &[Source::Head, Source::Input(0)]), step(Binary(BinaryKind::Sub), &[Source::Step(0), Source::Input(1)])];
    let mut all = vec![
        fused("33x20x36 bias relu", matrix(33, 20), matrix(20, 36), vec![Input::f32([36])], bias_relu()),
        fused("40x24x10 bias relu", matrix(40, 24), matrix(24, 10), vec![Input::f32([10])], bias_relu()),
        fused("21x16x20 bias gelu", matrix(21, 16), matrix(16, 20), vec![Input::f32([20])], bias_gelu),
        fused("24x10x32 relu mask, b transposed", matrix(24, 10), matrix(10, 32).view(View::Transposed), vec![kept(24, 32)], mask(24, 32)),
        fused("13x18x7 relu mask transposed", matrix(13, 18), matrix(18, 7), vec![kept(13, 7).view(View::Transposed)], mask(13, 7)),
        fused("12x20x16 scale by row, less a scalar", matrix(12, 20), matrix(20, 16), vec![Input::f32([12, 1]), Input::f32([1, 1])], scale()),
        fused("12x16x1 scale by row, less a scalar", matrix(12, 16), matrix(16, 1), vec![Input::f32([12, 1]), Input::f32([1, 1])], scale()),
        fused("3x6x16x8 batch bias relu", Input::f32([3, 6, 16]), Input::f32([16, 8]), vec![Input::f32([8])], bias_relu()),
        fused("5x0x8 bias relu", matrix(5, 0), matrix(0, 8), vec![Input::f32([8])], bias_relu()),
    ];
    // The chain runs in f32 and rounds to f16 once.
    let input = |shape: [usize; 2]| Input::new(shape, DType::F16, Fill::Uniform(-1.0, 1.0));
    let mut steps = bias_relu();
    steps.iter_mut().for_each(|s| s.dtype = DType::F16);
    let op = MatMul { epilogue: Some(Map { shape: Shape(vec![20, 24]), steps }) };
    let bias = Input::new([24], DType::F16, Fill::Uniform(-1.0, 1.0));
    let tolerance = Tolerance::reduction(16).stored_as(DType::F16);
    all.push(Case::new("matmul 20x16x24 bias relu f16", op, vec![input([20, 16]), input([16, 24]), bias]).tolerance(tolerance));
    all
}
