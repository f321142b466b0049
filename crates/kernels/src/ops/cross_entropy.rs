//! `cross_entropy`: softmax and the negative log-likelihood of integer labels in one, lossᵢ = ln Σ_c exp(x_ic) - x_i,label(i) (ONNX
//! SoftmaxCrossEntropyLoss without weights). With a label_smoothing of s the logit of the label becomes (1 - s) of itself and s of the
//! mean of all logits of the row (Szegedy et al. 2016; PyTorch's cross_entropy).
//!
//! Inputs: logits [N, C] in f32 or f16, labels \[N\] in i32. Outputs in f32: 0 the loss, a scalar (mean over the N rows, or sum) or
//! \[N\]; 1 the logarithm of each row's sum of exponentials \[N\], which the backward pass reads; where a mean ignores a label also 2,
//! the number of rows that have another one, by which it divides (by 1 where there is none, for which PyTorch gives NaN). The largest
//! logit of a row is taken off before the exponential. A row whose label is `ignore_index` has loss 0 and gradient 0. So has one with a
//! label outside 0..C, but that one counts in N.

use crate::body;
use crate::body::{Source, Step};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{Binary, BinaryKind, Cast, CrossEntropyBackward, Full, Map, ReduceKind, Unary, UnaryKind, softmax};
use crate::reduction::{self, Chain, Cut, MAX_TURNS, Pass, Reduction};
use crate::{Array, Builder, Caps, Case, DType, Fill, Input, Op, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// What is made of the losses of the rows or elements: ONNX's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossReduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// They stay as they are.
    None,
}

/// Softmax and cross-entropy with integer labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEntropy {
    /// What is made of the rows' losses.
    pub reduction: LossReduction,
    /// The share of the target that is spread over all classes, from 0 to 1.
    pub label_smoothing: f64,
    /// A label whose rows do not count.
    pub ignore_index: Option<i32>,
}

impl CrossEntropy {
    /// Without smoothing, and with every label counted.
    pub fn new(reduction: LossReduction) -> Self {
        Self { reduction, label_smoothing: 0.0, ignore_index: None }
    }

    /// Whether the divisor of the mean is an output.
    fn counts(&self) -> bool {
        self.reduction == LossReduction::Mean && self.ignore_index.is_some()
    }
}

/// Whether a smoothing makes sense.
pub(crate) fn check_smoothing(op: &str, smoothing: f64) -> Result<(), OpError> {
    match (0.0..=1.0).contains(&smoothing) {
        true => Ok(()),
        false => Err(OpError::new(op, format!("label_smoothing is {smoothing}; it must be from 0 to 1"))),
    }
}

/// The ignored label as the kernels compare it: where none is, one that names no class anyway.
pub(crate) fn ignored(index: Option<i32>) -> u32 {
    index.unwrap_or(-1) as u32
}

/// Checks logits [N, C] and labels \[N\]; returns N and C.
pub(crate) fn extents(op: &str, logits: &TensorType, labels: &TensorType) -> Result<(usize, usize), OpError> {
    let &[n, c] = &logits.shape[..] else {
        return Err(OpError::new(op, format!("the logits must be [rows, classes], got {logits}; reshape them")));
    };
    if !logits.dtype.is_float() || labels.dtype != DType::I32 {
        return Err(OpError::new(op, format!("needs logits in f32 or f16 and labels in i32, got {logits} and {labels}; cast them")));
    }
    if labels.shape != Shape(vec![n]) {
        return Err(OpError::new(op, format!("needs one label a row: logits {} and labels {} differ in the first axis", logits.shape, labels.shape)));
    }
    if c == 0 {
        return Err(OpError::new(op, format!("needs at least one class, got logits {}", logits.shape)));
    }
    Ok((n, c))
}

impl Kernel for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [logits, labels] = inputs else {
            return Err(OpError::new("cross_entropy", format!("takes 2 inputs (logits, labels), got {}", inputs.len())));
        };
        check_smoothing("cross_entropy", self.label_smoothing)?;
        let (n, _) = extents("cross_entropy", logits, labels)?;
        if n == 0 && self.reduction == LossReduction::Mean {
            return Err(OpError::new("cross_entropy", format!("the mean over no rows is undefined: logits {}", logits.shape)));
        }
        let rows = TensorType::new([n], DType::F32);
        let loss = if self.reduction == LossReduction::None { rows.clone() } else { TensorType::new([], DType::F32) };
        let mut outputs = vec![loss, rows];
        if self.counts() {
            outputs.push(TensorType::new([], DType::F32));
        }
        Ok(outputs)
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        let &[n, c] = &facts.inputs[0].layout.shape[..] else { return Vec::new() };
        if n == 0 { Vec::new() } else { self.choose(n, c, facts.caps).into_iter().map(|v| v.0).collect() }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let &[n, c] = &facts.inputs[0].layout.shape[..] else {
            return Err(OpError::new("cross_entropy", "the logits must be [rows, classes]"));
        };
        let mut lowered = Lowered::default();
        let done = self.reduction == LossReduction::None;
        let kind = if self.reduction == LossReduction::Mean && !self.counts() { ReduceKind::Mean } else { ReduceKind::Sum };
        if n == 0 {
            return if done { Ok(lowered) } else { crate::ops::reduce::zeros(facts) };
        }
        let possible = self.choose(n, c, facts.caps);
        let names: Vec<_> = possible.iter().map(|v| v.0).collect();
        let name = facts.forced("cross_entropy", &names)?.unwrap_or(names[0]);
        let method = possible.iter().find(|v| v.0 == name).map_or(Method::Workgroup, |v| v.1);
        let losses = if done || method == Method::Single { Arg::Output(0) } else { Arg::Temp(0) };
        lowered.launches.push(self.launch(n, c, method, losses, facts));
        if losses == Arg::Temp(0) {
            lowered.temps.push(4 * n as u64);
            let chain = Chain::buffer(losses, Shape(vec![n]), DType::F32);
            let out = if self.counts() { temp(&mut lowered) } else { Arg::Output(0) };
            Reduction { kind, chain, axes: vec![0], out, out_dtype: DType::F32 }.lower(facts.caps, None, &mut lowered);
            if self.counts() {
                self.divide(out, n, facts, &mut lowered)?;
            }
        }
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (logits, labels) = (inputs[0], inputs[1]);
        let (n, c) = (logits.ty.shape[0], logits.ty.shape[1]);
        let row = |i: usize| &logits.data[i * c..(i + 1) * c];
        let lse: Vec<f64> = (0..n)
            .map(|i| {
                let top = row(i).iter().copied().fold(f64::NEG_INFINITY, f64::max);
                top + row(i).iter().map(|x| (x - top).exp()).sum::<f64>().ln()
            })
            .collect();
        let s = self.label_smoothing;
        let loss = |i: usize, label: usize| lse[i] - (1.0 - s) * row(i)[label] - s * row(i).iter().sum::<f64>() / c as f64;
        let losses: Vec<f64> = (0..n).map(|i| class(labels.data[i], c, self.ignore_index).map_or(0.0, |label| loss(i, label))).collect();
        let total: f64 = losses.iter().sum();
        let count = labels.data.iter().filter(|&&label| self.ignore_index.is_none_or(|ignored| label != f64::from(ignored))).count() as f64;
        let loss = match self.reduction {
            LossReduction::Mean => vec![total / count.max(1.0)],
            LossReduction::Sum => vec![total],
            LossReduction::None => losses,
        };
        outputs.iter().zip([loss, lse, vec![count]]).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (logits, labels, lse) = (node.inputs[0], node.inputs[1], node.outputs[1]);
        let rows = b.shape(lse);
        let grad = |output: usize| node.grads.get(output).copied().flatten();
        let through_loss = grad(0).map(|g| {
            let g = match self.reduction {
                LossReduction::Mean if self.counts() => {
                    let one = b.constant(1.0, g);
                    let divisor = b.binary(BinaryKind::Max, node.outputs[2], one);
                    b.div(g, divisor)
                }
                LossReduction::Mean => b.scale(g, 1.0 / rows.numel() as f64),
                _ => g,
            };
            let g = b.broadcast(g, rows.clone());
            let backward = CrossEntropyBackward { label_smoothing: self.label_smoothing, ignore_index: self.ignore_index };
            b.op(backward, &[logits, labels, lse, g])
        });
        // Only a second derivative asks for this: training reads lse in the backward pass alone.
        let through_lse = grad(1).map(|g| {
            let column = Shape(vec![rows[0], 1]);
            let (lse, g) = (b.reshape(lse, column.clone()), b.reshape(g, column));
            let dtype = b.ty(logits).dtype;
            let x = b.cast(logits, DType::F32);
            let below = b.sub(x, lse);
            let probabilities = b.unary(UnaryKind::Exp, below);
            let share = b.mul(probabilities, g);
            b.cast(share, dtype)
        });
        // The number of rows that count does not depend on the logits.
        let grad = match (through_loss, through_lse) {
            (Some(a), Some(c)) => Some(b.add(a, c)),
            (None, None) => Some(b.zeros_like(logits)),
            (a, c) => a.or(c),
        };
        vec![grad, None]
    }
}

/// The class that a label names, if it does and is not the ignored one.
pub(crate) fn class(label: f64, classes: usize, ignored: Option<i32>) -> Option<usize> {
    (label >= 0.0 && (label as usize) < classes && ignored.is_none_or(|i| label != f64::from(i))).then_some(label as usize)
}

/// A temporary of one f32.
fn temp(lowered: &mut Lowered) -> Arg {
    lowered.temps.push(4);
    Arg::Temp(lowered.temps.len() - 1)
}

/// Which kernel does the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// One invocation a row, one logit a load.
    Naive,
    /// One invocation a row, four logits a load where the number of classes allows it.
    Serial,
    /// All rows and their sum in one workgroup.
    Single,
    /// Many invocations a row.
    Workgroup,
}

impl CrossEntropy {
    /// The methods that can run, the one chosen first: a pure function of facts.
    fn choose(&self, n: usize, c: usize, caps: &Caps) -> Vec<(&'static str, Method)> {
        let units = if c.is_multiple_of(4) { c / 4 } else { c };
        let mut all = Vec::new();
        // Below some 4,000 loads a second dispatch is dearer than a single workgroup's want of parallelism; and one invocation
        // does whole rows there.
        let single = self.reduction != LossReduction::None && n * units <= 4096 && units <= 64;
        if single {
            all.push(("single", Method::Single));
        }
        let mut rest = [("serial", Method::Serial), ("workgroup", Method::Workgroup), ("naive", Method::Naive)];
        if !caps.software && units > 4 {
            rest.swap(0, 1);
        }
        all.extend(rest);
        all.retain(|&(_, m)| match m {
            Method::Naive => c <= MAX_TURNS,
            Method::Serial => units <= MAX_TURNS,
            _ => true,
        });
        all
    }

    /// Counts the rows that are not ignored, and divides the sum of the losses by their number.
    fn divide(&self, sum: Arg, n: usize, facts: &Lowering<'_>, lowered: &mut Lowered) -> Result<(), OpError> {
        let step = |op: Op, args: Vec<Source>, dtype: DType| Step { op, args, dtype };
        let constant = |value: f64, dtype: DType| step(Full { shape: Shape::default(), dtype, value }.into(), vec![], dtype);
        let binary = |kind, a, b, dtype| step(Binary(kind).into(), vec![a, b], dtype);
        let counted = [
            constant(f64::from(self.ignore_index.unwrap_or(-1)), DType::I32),
            binary(BinaryKind::Equal, Source::Input(0), Source::Step(0), DType::Bool),
            step(Unary(UnaryKind::Not).into(), vec![Source::Step(1)], DType::Bool),
            step(Cast { to: DType::F32 }.into(), vec![Source::Step(2)], DType::F32),
        ];
        let chain = Chain { shape: Shape(vec![n]), steps: &counted, inputs: vec![facts.inputs[1].clone()], args: vec![Arg::Input(1)], dtype: DType::F32 };
        Reduction { kind: ReduceKind::Sum, chain, axes: vec![0], out: Arg::Output(2), out_dtype: DType::F32 }.lower(facts.caps, None, lowered);
        let steps = vec![
            constant(1.0, DType::F32),
            binary(BinaryKind::Max, Source::Input(1), Source::Step(0), DType::F32),
            binary(BinaryKind::Div, Source::Input(0), Source::Step(1), DType::F32),
        ];
        let scalar = TensorType::new([], DType::F32);
        let operands = [Operand::contiguous(&scalar), Operand::contiguous(&scalar)];
        let quotient = Map { shape: Shape::default(), steps }.lower(&Lowering::new(&operands, &[scalar], facts.caps))?;
        for mut launch in quotient.launches {
            for (arg, _) in &mut launch.args {
                *arg = match *arg {
                    Arg::Input(0) => sum,
                    Arg::Input(_) => Arg::Output(2),
                    other => other,
                };
            }
            lowered.launches.push(launch);
        }
        Ok(())
    }

    fn launch(&self, n: usize, c: usize, method: Method, losses: Arg, facts: &Lowering<'_>) -> Launch {
        let dtype = facts.inputs[0].dtype;
        let vector = method != Method::Naive && c.is_multiple_of(4);
        let units = if vector { c / 4 } else { c };
        let (mut program, groups) = match method {
            Method::Naive | Method::Serial => {
                let size = reduction::serial_workgroup(n, facts.caps);
                (Program::new("cross_entropy").u32("WORKGROUP", size), n.div_ceil(size as usize))
            }
            Method::Single => (Program::new("cross_entropy_single").u32("WORKGROUP", reduction::workgroup(facts.caps)), 1),
            Method::Workgroup => {
                let (size, pass) = (reduction::workgroup(facts.caps), Pass { outer: n, reduce: c, inner: 1 });
                let lanes = reduction::lanes(&Cut::new(&pass, vector, 1), &pass, size);
                (Program::new("cross_entropy_workgroup").u32("WORKGROUP", size).u32("LANES", lanes), n.div_ceil((size / lanes) as usize))
            }
        };
        program.aliases.extend(body::aliases(vector));
        program.aliases.push(("STORED", softmax::stored(dtype, vector)));
        program.f16 = dtype == DType::F16;
        let lanes = if vector {
            "fn first_lane(v: F) -> f32 { return v.x; }\nfn pick(row: u32, label: u32) -> f32 { return f32(x[row * params.classes + label / 4u][label % 4u]); }\n"
        } else {
            "fn first_lane(v: F) -> f32 { return v; }\nfn pick(row: u32, label: u32) -> f32 { return f32(x[row * params.classes + label]); }\n"
        };
        program.code = [softmax::across(vector), lanes].concat();
        program = program.bool("SMOOTHED", self.label_smoothing != 0.0);
        let divisor = if self.reduction == LossReduction::Mean { n as f32 } else { 1.0 };
        let mut args = vec![
            (losses, Access::ReadWrite),
            (Arg::Block(0), Access::Read),
            (Arg::Output(1), Access::ReadWrite),
            (Arg::Input(0), Access::Read),
            (Arg::Input(1), Access::Read),
        ];
        if method == Method::Single {
            let (counting, divides) = (
                "@group(0) @binding(5) var<storage, read_write> counted: array<f32>;\nfn divisor(count: f32) -> f32 {\n  counted[0] = count;\n  return max(count, 1.0);\n}\n",
                "fn divisor(count: f32) -> f32 { return params.divisor; }\n",
            );
            program.code.push_str(if self.counts() { counting } else { divides });
            args.extend(self.counts().then_some((Arg::Output(2), Access::ReadWrite)));
        }
        let words = vec![n as u32, units as u32, c as u32, divisor.to_bits(), ignored(self.ignore_index), (self.label_smoothing as f32).to_bits(), 0, 0];
        let work = Work { flops: 4.0 * (n * c) as f64, bytes: (n * c * dtype.bytes() + 12 * n) as f64 };
        Launch { program, args, blocks: vec![words], grid: facts.caps.fold(groups as u64), work }
    }
}

/// Logits and labels for cases.
pub(crate) fn operands(n: usize, c: usize, dtype: DType) -> Vec<Input> {
    vec![Input::new([n, c], dtype, Fill::Uniform(-3.0, 3.0)), Input::new([n], DType::I32, Fill::Uniform(0.0, c as f64))]
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    use LossReduction::{Mean, None, Sum};
    let case = |what: &str, reduction: LossReduction, inputs: Vec<Input>| {
        let (n, c) = (inputs[0].ty.shape[0], inputs[0].ty.shape[1]);
        // Each row's sum, then that of the rows; exp and log are granted some 16 ULP, of terms of order 4.
        let tolerance = Tolerance::ulp(16.0 + 3.0 * (c as f64).sqrt() + if reduction == Sum { 3.0 * (n as f64).sqrt() } else { 0.0 });
        Case::new(format!("cross_entropy {what}"), CrossEntropy::new(reduction), inputs).tolerance(tolerance)
    };
    let plain = |n, c| operands(n, c, DType::F32);
    let with = |n: usize, c: usize, logits: &[f64], labels: &[f64]| {
        vec![Input::f32([n, c]).fill(Fill::Values(logits.to_vec())), Input::new([n], DType::I32, Fill::Values(labels.to_vec()))]
    };
    let mut transposed = plain(6, 10);
    transposed[0].view = View::Transposed;
    transposed[1].view = View::Sliced;
    let half = |case: Case| case.backward(Tolerance::ulp(64.0).stored_as(DType::F16).times(4.0));
    let large = [1e4, -1e4, 0.0, 9.999e3, -3e4];
    let cases = vec![
        case("1x1", Mean, plain(1, 1)),
        case("1x10", Mean, plain(1, 10)),
        case("32x10", Mean, plain(32, 10)),
        case("32x10 sum", Sum, plain(32, 10)),
        case("32x10 none", None, plain(32, 10)),
        case("7x13", Mean, plain(7, 13)),
        case("7x13 none", None, plain(7, 13)),
        case("128x12", Mean, plain(128, 12)),
        case("5x64 sum", Sum, plain(5, 64)),
        case("65x255", Mean, plain(65, 255)),
        case("63x256 none", None, plain(63, 256)),
        case("3x1028", Mean, plain(3, 1028)),
        case("300x40", Mean, plain(300, 40)),
        case("1000x17 sum", Sum, plain(1000, 17)),
        case("6x10 transposed", Mean, transposed),
        case("6x5 labels outside", Mean, with(6, 5, &[0.5, -1.0, 2.0, 0.1, 0.7, -0.3, 1.1], &[-1.0, 0.0, 5.0, 4.0, 2_147_483_647.0, -2_147_483_648.0])),
        case("6x8 labels outside none", None, with(6, 8, &[0.5, -1.0, 2.0, 0.1, 0.7, -0.3, 1.1], &[-1.0, 0.0, 8.0, 7.0, 2_147_483_647.0, -2_147_483_648.0])),
        case("4x5 of order 1e4", None, with(4, 5, &large, &[0.0, 1.0, 2.0, 4.0])).no_grad(),
        case("4x8 of order 1e4", Mean, with(4, 8, &large, &[0.0, 1.0, 2.0, 4.0])).no_grad(),
        case("equal logits 3x8", Mean, with(3, 8, &[2.0], &[3.0])),
        case("2x70000 many classes", Mean, plain(2, 70_000)).no_grad(),
        case("100000x4 many rows", Mean, plain(100_000, 4)).no_grad(),
        case("more than 65535 groups", None, plain(65_537 * 64 + 3, 2)).no_grad(),
        case("empty none", None, plain(0, 3)),
        case("empty sum", Sum, plain(0, 3)),
        half(case("f16 9x20", Mean, operands(9, 20, DType::F16))),
        half(case("f16 9x13 none", None, operands(9, 13, DType::F16))),
    ];
    let set = |case: Case, label_smoothing: f64, ignore_index: Option<i32>| {
        let Op::CrossEntropy(op) = &case.op else { return case };
        let name = format!("{} smoothing {label_smoothing} ignoring {ignore_index:?}", case.name);
        Case { op: CrossEntropy { label_smoothing, ignore_index, ..op.clone() }.into(), name, ..case }
    };
    let mut cases = cases;
    for (n, c, reduction) in [(9, 10, Mean), (7, 12, Sum), (7, 13, None), (600, 9, Mean)] {
        cases.push(set(case(&format!("{n}x{c}"), reduction, plain(n, c)), 0.1, Option::None));
        cases.push(set(case(&format!("{n}x{c}"), reduction, plain(n, c)), 0.0, Some(3)));
    }
    let some = [-100.0, 1.0, 2.0, -100.0, 0.0];
    cases.extend([
        set(case("5x260", Mean, with(5, 260, &[0.3, -0.7, 1.9], &some)), 0.3, Some(-100)),
        set(case("5x4 outside too", Mean, with(5, 4, &[0.3, -0.7, 1.9], &[-100.0, 4.0, 2.0, -1.0, 0.0])), 0.5, Some(-100)),
        set(case("3x4 all", Mean, with(3, 4, &[0.3, -0.7, 1.9], &[2.0])), 0.0, Some(2)),
        set(case("4x5 of order 1e4", None, with(4, 5, &large, &[0.0, 1.0, 2.0, 4.0])).no_grad(), 0.1, Option::None),
        set(case("4x8 equal logits", Mean, with(4, 8, &[3e4], &[0.0, 1.0])).no_grad(), 1.0, Option::None),
        half(set(case("f16 9x13", Mean, operands(9, 13, DType::F16)), 0.1, Some(0))),
    ]);
    let about = "loss = ln Σ exp(x) - x[label] of logits [N, C] and i32 labels [N]; output 1 is ln Σ exp(x) (ONNX SoftmaxCrossEntropyLoss)";
    vec![Entry::new("cross_entropy", about, &CrossEntropy::new(Mean), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_batch_takes_one_launch_and_a_large_one_a_kernel_for_the_adapter() {
        let op = CrossEntropy::new(LossReduction::Mean);
        let software = Caps { software: true, ..Caps::default() };
        assert_eq!(op.choose(32, 10, &software)[0].0, "single");
        assert_eq!(op.choose(4096, 1000, &software)[0].0, "serial");
        assert_eq!(op.choose(4096, 1000, &Caps::default())[0].0, "workgroup");
        assert_eq!(op.choose(100_000, 10, &Caps::default())[0].0, "workgroup");
        assert_eq!(op.choose(100_000, 4, &Caps::default())[0].0, "serial");
        assert!(!CrossEntropy::new(LossReduction::None).choose(32, 10, &software).iter().any(|v| v.0 == "single"));
        assert!(!op.choose(2, 70_001, &software).iter().any(|v| v.0 == "serial"));
    }
}
