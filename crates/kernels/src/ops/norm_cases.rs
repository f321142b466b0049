//! Cases of the normalisations and their gradients.

use crate::ops::NormBackward;
use crate::ops::norm::{Norm, NormKind};
use crate::{Case, DType, Fill, Input, Kernel, Shape, Tolerance, View};

/// Values around `mean`.
fn around(shape: &[usize], dtype: DType, mean: f64) -> Input {
    Input::new(shape, dtype, Fill::Uniform(mean - 1.0, mean + 1.0))
}

/// A case: x, and scale and shift where `affine` says so.
fn forward(what: &str, kind: NormKind, x: Input, affine: usize) -> Case {
    let norm = Norm { kind, epsilon: 1e-5 };
    let (frame, _, params) = kind.frame("", &x.ty.shape).unwrap_or_else(|e| panic!("{what}: {e}"));
    let half = x.ty.dtype == DType::F16;
    let mut inputs = vec![x];
    inputs.extend([(0.5, 1.5), (-1.0, 1.0)].into_iter().take(affine).map(|(low, high)| Input::f32(params.clone()).fill(Fill::Uniform(low, high))));
    // A sum's error in mean and deviation each, and a quotient.
    let tolerance = Tolerance::ulp(12.0 + 3.0 * (frame.count() as f64).sqrt());
    let case = Case::new(format!("{} {what}", norm.name()), norm, inputs).tolerance(tolerance);
    if half { case.tolerance(tolerance.stored_as(DType::F16)).backward(tolerance.times(4.0).stored_as(DType::F16).times(16.0)) } else { case }
}

/// A case of the gradient: statistics near those that x really has, so that nothing cancels by chance.
fn backward(what: &str, kind: NormKind, x: Input, affine: bool) -> Case {
    let norm = Norm { kind, epsilon: 1e-5 };
    let op = NormBackward(norm);
    let (frame, stats, params): (_, Shape, Shape) = kind.frame("", &x.ty.shape).unwrap_or_else(|e| panic!("{what}: {e}"));
    let half = x.ty.dtype == DType::F16;
    let g = Input::new(x.ty.shape.clone(), x.ty.dtype, Fill::Uniform(-1.0, 1.0)).view(x.view);
    let mut inputs = vec![g, x];
    if kind.centred() {
        inputs.push(Input::f32(stats.clone()).fill(Fill::Uniform(-0.1, 0.1)));
    }
    inputs.push(Input::f32(stats).fill(Fill::Uniform(0.3, 0.5)));
    if affine {
        inputs.push(Input::f32(params).fill(Fill::Uniform(0.5, 1.5)));
    }
    // dscale and dshift are sums over all other axes.
    let summed = frame.a * frame.s;
    let tolerance = Tolerance::ulp(16.0 + 6.0 * (frame.count().max(summed) as f64).sqrt());
    let case = Case::new(format!("{} {what}", op.name()), op, inputs).tolerance(tolerance);
    if half { case.tolerance(tolerance.stored_as(DType::F16).times(2.0)).backward(tolerance.times(4.0).stored_as(DType::F16).times(32.0)) } else { case }
}

const F32: DType = DType::F32;
const F16: DType = DType::F16;

/// Names, shapes, types and views that both directions of batch norm are tested with.
fn batches() -> Vec<(&'static str, Input)> {
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    vec![
        ("2x1", x(&[2, 1])),
        ("7x3", x(&[7, 3])),
        ("33x8", x(&[33, 8])),
        ("3x5x7", x(&[3, 5, 7])),
        ("2x3x4x4", x(&[2, 3, 4, 4])),
        ("5x2x3x3", x(&[5, 2, 3, 3])),
        ("1x4x5x8", x(&[1, 4, 5, 8])),
        ("9x5x1x4", x(&[9, 5, 1, 4])),
        ("6x10 transposed", x(&[6, 10]).view(View::Transposed)),
        ("4x3x2x8 sliced", x(&[4, 3, 2, 8]).view(View::Sliced)),
        ("f16 6x3x4x2", around(&[6, 3, 4, 2], F16, 0.0)),
        ("f16 9x5", around(&[9, 5], F16, 0.0)),
    ]
}

pub(crate) fn batch() -> Vec<Case> {
    let kind = NormKind::Batch;
    let mut all: Vec<Case> = batches().into_iter().map(|(what, x)| forward(what, kind, x, 2)).collect();
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    all.push(forward("3x4x8 plain", kind, x(&[3, 4, 8]), 0));
    all.push(forward("3x4 with scale", kind, x(&[3, 4]), 1));
    all.push(forward("one value a channel 1x3", kind, x(&[1, 3]), 2).no_grad());
    all.push(forward("equal values 4x2x4", kind, x(&[4, 2, 4]).fill(Fill::Values(vec![3.0])), 2).no_grad());
    all.push(far("mean 100, deviation 0.6, 8x3x64", kind, &[8, 3, 64], 100.0));
    all.push(forward("no channels", kind, x(&[3, 0, 2]), 2));
    all.push(forward("4000x4 split", kind, x(&[4000, 4]), 2).no_grad());
    all.push(forward("16x2x32x32 split", kind, x(&[16, 2, 32, 32]), 2).no_grad());
    all
}

/// Values whose mean is far larger than their deviation: the digits of x itself are the limit, not those of a sum of squares.
fn far(what: &str, kind: NormKind, shape: &[usize], mean: f64) -> Case {
    let case = forward(what, kind, around(shape, F32, mean), 2);
    // One unit in the last place of x is that part of its deviation, 1/√3; E[x²] - E[x]² would be off by 2e-3.
    let unit = f64::from(f32::EPSILON) * mean * 3f64.sqrt();
    case.tolerance(Tolerance { rtol: 1e-5 + unit, atol: 3.0 * unit }).no_grad()
}

pub(crate) fn batch_backward() -> Vec<Case> {
    let kind = NormKind::Batch;
    let mut all: Vec<Case> = batches().into_iter().map(|(what, x)| backward(what, kind, x, true)).collect();
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    all.push(backward("3x4x8 plain", kind, x(&[3, 4, 8]), false));
    all.push(backward("3x4 plain", kind, x(&[3, 4]), false));
    all.push(backward("no channels", kind, x(&[3, 0, 2]), true));
    all.push(backward("4000x4 split", kind, x(&[4000, 4]), true).no_grad());
    all.push(backward("16x2x32x32 split", kind, x(&[16, 2, 32, 32]), true).no_grad());
    all
}

/// Rows for layer and RMS norm: name, x, axis.
fn rows() -> Vec<(&'static str, Input, i64)> {
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    vec![
        ("7", x(&[7]), 0),
        ("3x7", x(&[3, 7]), -1),
        ("33x8", x(&[33, 8]), -1),
        ("5x64", x(&[5, 64]), 1),
        ("2x3x5 axis 1", x(&[2, 3, 5]), 1),
        ("4x2x4x6 axis -2", x(&[4, 2, 4, 6]), -2),
        ("5x255", x(&[5, 255]), -1),
        ("3x1028", x(&[3, 1028]), -1),
        ("261x12 four rows at a time", x(&[261, 12]), -1),
        ("259x5 four rows at a time", x(&[259, 5]), -1),
        ("131x96 two rows of a subgroup", x(&[131, 96]), -1),
        ("6x10 transposed", x(&[6, 10]).view(View::Transposed), -1),
        ("8x12 sliced", x(&[8, 12]).view(View::Sliced), -1),
        ("f16 9x20", around(&[9, 20], F16, 0.0), -1),
        ("f16 9x13", around(&[9, 13], F16, 0.0), -1),
        ("empty", x(&[0, 3]), -1),
    ]
}

/// Forward cases of layer or RMS norm.
fn rowwise(kind: fn(i64) -> NormKind, affine: usize) -> Vec<Case> {
    let mut all: Vec<Case> = rows().into_iter().map(|(what, x, axis)| forward(what, kind(axis), x, affine)).collect();
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    all.push(forward("5x12 plain", kind(-1), x(&[5, 12]), 0));
    all.push(forward("3x1 one value", kind(-1), x(&[3, 1]).fill(Fill::Away(0.5, 1.0)), affine).no_grad());
    all.push(forward("2x70000 long rows", kind(-1), x(&[2, 70_000]), affine).no_grad());
    all
}

/// Backward cases of layer or RMS norm.
fn rowwise_backward(kind: fn(i64) -> NormKind) -> Vec<Case> {
    let mut all: Vec<Case> = rows().into_iter().map(|(what, x, axis)| backward(what, kind(axis), x, true)).collect();
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    all.push(backward("5x12 plain", kind(-1), x(&[5, 12]), false));
    all.push(backward("2x70000 long rows", kind(-1), x(&[2, 70_000]), true).no_grad());
    all
}

pub(crate) fn layer() -> Vec<Case> {
    let kind = |axis| NormKind::Layer { axis };
    let mut all = rowwise(kind, 2);
    // No two neighbours alike: the deviation of two near ones would be all rounding.
    let apart = Fill::Values(vec![-1.0, 0.5, 2.0, 0.25, -0.75, 1.5, 3.0]);
    all.push(forward("more than 65535 groups", kind(-1), Input::f32([65_537 * 64 + 3, 2]).fill(apart), 0).no_grad());
    all.push(forward("5x16 with scale", kind(-1), around(&[5, 16], F32, 0.0), 1));
    all.push(far("mean 100, deviation 0.6, 6x128", kind(-1), &[6, 128], 100.0));
    all
}

pub(crate) fn layer_backward() -> Vec<Case> {
    rowwise_backward(|axis| NormKind::Layer { axis })
}

pub(crate) fn rms() -> Vec<Case> {
    rowwise(|axis| NormKind::Rms { axis }, 1)
}

pub(crate) fn rms_backward() -> Vec<Case> {
    rowwise_backward(|axis| NormKind::Rms { axis })
}

/// Names, shapes and groups.
fn groups() -> Vec<(&'static str, Input, usize)> {
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    vec![
        ("2x6x5 of 3", x(&[2, 6, 5]), 3),
        ("3x4x2x4 of 2", x(&[3, 4, 2, 4]), 2),
        ("2x3x3x3 of 1", x(&[2, 3, 3, 3]), 1),
        ("3x5x4x4 instance", x(&[3, 5, 4, 4]), 5),
        ("2x3x7 instance", x(&[2, 3, 7]), 3),
        ("5x12 of 3", x(&[5, 12]), 3),
        ("5x6 of 2", x(&[5, 6]), 2),
        ("131x6x7 of 3, two rows of a subgroup", x(&[131, 6, 7]), 3),
        ("2x4x3x8 of 4 sliced", x(&[2, 4, 3, 8]).view(View::Sliced), 4),
        ("2x8x4x4 of 2 transposed", x(&[2, 8, 4, 4]).view(View::Transposed), 2),
        ("f16 3x4x2x4 of 2", around(&[3, 4, 2, 4], F16, 0.0), 2),
        ("f16 3x4x5 of 2", around(&[3, 4, 5], F16, 0.0), 2),
        ("empty", x(&[0, 4, 3]), 2),
    ]
}

pub(crate) fn group() -> Vec<Case> {
    let kind = |num_groups| NormKind::Group { num_groups };
    let mut all: Vec<Case> = groups().into_iter().map(|(what, x, g)| forward(what, kind(g), x, 2)).collect();
    let x = |shape: &[usize]| around(shape, F32, 0.0);
    all.push(forward("2x4x8 of 2 plain", kind(2), x(&[2, 4, 8]), 0));
    all.push(forward("2x4x8 of 2 with scale", kind(2), x(&[2, 4, 8]), 1));
    all.push(far("mean 100, deviation 0.6, 3x4x32 of 2", kind(2), &[3, 4, 32], 100.0));
    all.push(forward("1x2x200x256 of 1 long rows", kind(1), x(&[1, 2, 200, 256]), 2).no_grad());
    all
}

pub(crate) fn group_backward() -> Vec<Case> {
    let kind = |num_groups| NormKind::Group { num_groups };
    let mut all: Vec<Case> = groups().into_iter().map(|(what, x, g)| backward(what, kind(g), x, true)).collect();
    all.push(backward("2x4x8 of 2 plain", kind(2), around(&[2, 4, 8], F32, 0.0), false));
    all.push(backward("1x2x200x256 of 1 long rows", kind(1), around(&[1, 2, 200, 256], F32, 0.0), true).no_grad());
    all
}
