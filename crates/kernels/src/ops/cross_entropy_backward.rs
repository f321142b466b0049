//! `cross_entropy_backward`: the gradient of `cross_entropy` with respect to the logits, ∂x_ic = (exp(x_ic - lse_i) - h_ic)·g_i,
//! where h is 1 at the label, or 1 - label_smoothing there and label_smoothing/C more everywhere.
//!
//! Inputs: logits [N, C] in f32 or f16, labels \[N\] in i32, lse \[N\] and g \[N\] in f32: the forward pass's output 1 and the gradient of
//! each row's loss. Output: as the logits. A row whose label names no class, or is `ignore_index`, gets zeros. Its own gradients are in terms of
//! ops, so that second derivatives work: with p = exp(x - lse), u the incoming gradient, over valid rows,
//! ∂x = u·p·g, ∂lse = -g·Σ u·p and ∂g = Σ u·(p - h).

use crate::body;
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::cross_entropy::{check_smoothing, class, extents, ignored, operands};
use crate::ops::{BinaryKind, Full, Iota, UnaryKind, softmax};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, Op, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// The gradient of the cross-entropy with respect to the logits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEntropyBackward {
    /// The share of the target that is spread over all classes, from 0 to 1.
    pub label_smoothing: f64,
    /// A label whose rows do not count.
    pub ignore_index: Option<i32>,
}

impl Kernel for CrossEntropyBackward {
    fn name(&self) -> &'static str {
        "cross_entropy_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [logits, labels, lse, g] = inputs else {
            return Err(OpError::new(self.name(), format!("takes 4 inputs (logits, labels, lse, gradient of each row), got {}", inputs.len())));
        };
        check_smoothing(self.name(), self.label_smoothing)?;
        let (n, _) = extents(self.name(), logits, labels)?;
        let row = TensorType::new([n], DType::F32);
        if *lse != row || *g != row {
            return Err(OpError::new(self.name(), format!("needs lse and the gradient as {row}, one a row of logits {logits}; got {lse} and {g}")));
        }
        Ok(vec![logits.clone()])
    }

    fn accepts(&self, index: usize, layout: &Layout) -> bool {
        // The gradient of a mean is one number broadcast over the rows: it is read where it lies.
        index == 3 || layout.is_contiguous()
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        match (facts.outputs[0].shape.numel(), facts.caps.software) {
            (0, _) => Vec::new(),
            (_, true) => vec!["run", "vector", "naive"],
            (_, false) => vec!["vector", "run", "naive"],
        }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let output = &facts.outputs[0];
        if output.shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let names = self.variants(facts);
        let name = facts.forced(self.name(), &names)?.unwrap_or(names[0]);
        let (n, c) = (output.shape[0], output.shape[1]);
        let vector = name != "naive" && c.is_multiple_of(4);
        let units = if vector { c / 4 } else { c };
        // A software adapter pays for each load: label, lse and g serve eight neighbours. On a GPU neighbouring lanes do those.
        let run = if name == "run" { 8 } else { 1 };
        let runs = units.div_ceil(run);
        let count = n * runs;
        let size = if facts.caps.software && count <= 512 { 8 } else { 64 };
        let mut program = Program::new("cross_entropy_backward").u32("WORKGROUP", size).u32("RUN", run as u32);
        program.aliases.extend(body::aliases(vector));
        program.aliases.push(("STORED", softmax::stored(output.dtype, vector)));
        program.f16 = output.dtype == DType::F16;
        program.code = if vector {
            "fn one_hot(c: u32, label: u32) -> F { return select(F(0.0), F(1.0), U(4u * c) + U(0u, 1u, 2u, 3u) == U(label)); }\n".into()
        } else {
            "fn one_hot(c: u32, label: u32) -> F { return select(0.0, 1.0, c == label); }\n".into()
        };
        let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Block(0), Access::Read)];
        args.extend((0..4).map(|n| (Arg::Input(n), Access::Read)));
        let g = &facts.inputs[3].layout;
        let words = vec![count as u32, runs as u32, units as u32, c as u32, g.strides[0] as i32 as u32, g.offset as u32, ignored(self.ignore_index)];
        let mut words = words;
        words.extend([1.0 - self.label_smoothing, self.label_smoothing / c as f64].map(|v| (v as f32).to_bits()));
        words.resize(12, 0);
        let work = Work { flops: 3.0 * (n * c) as f64, bytes: 2.0 * output.bytes() as f64 + 12.0 * n as f64 };
        Ok(Lowered::one(Launch { program, args, blocks: vec![words], grid: facts.caps.fold((count as u64).div_ceil(u64::from(size))), work }))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let [x, labels, lse, g] = [0, 1, 2, 3].map(|n| &inputs[n].data);
        let c = outputs[0].shape[1];
        let s = self.label_smoothing;
        let wanted = |hit: bool| if hit { 1.0 - s + s / c as f64 } else { s / c as f64 };
        let gradient = |i: usize| match class(labels[i / c], c, self.ignore_index) {
            Some(label) => ((x[i] - lse[i / c]).exp() - wanted(i % c == label)) * g[i / c],
            None => 0.0,
        };
        vec![Array::new(outputs[0].clone(), (0..x.len()).map(gradient).collect())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (shape, dtype) = (b.shape(node.inputs[0]), b.ty(node.inputs[0]).dtype);
        let (n, c) = (shape[0], shape[1]);
        let column = Shape(vec![n, 1]);
        let [labels, lse, g] = [1, 2, 3].map(|k| b.reshape(node.inputs[k], column.clone()));
        let [x, u] = [node.inputs[0], node.grad()].map(|v| b.cast(v, DType::F32));
        let classes = b.op(Iota { shape: Shape(vec![1, c]), axis: 1, dtype: DType::I32 }, &[]);
        let hit = b.binary(BinaryKind::Equal, labels, classes);
        let bound = |b: &mut dyn Builder, value: f64| b.op(Full { shape: Shape::default(), dtype: DType::I32, value }, &[]);
        let (low, high) = (bound(b, 0.0), bound(b, c as f64));
        let above = b.binary(BinaryKind::GreaterOrEqual, labels, low);
        let below = b.binary(BinaryKind::Less, labels, high);
        let mut valid = b.binary(BinaryKind::And, above, below);
        if let Some(index) = self.ignore_index {
            let index = bound(b, f64::from(index));
            let same = b.binary(BinaryKind::Equal, labels, index);
            let other = b.unary(UnaryKind::Not, same);
            valid = b.binary(BinaryKind::And, valid, other);
        }
        // u over valid rows alone: the other rows give nothing.
        let u = b.masked(valid, u);
        let shifted = b.sub(x, lse);
        let p = b.unary(UnaryKind::Exp, shifted);
        let up = b.mul(u, p);
        let dx = b.mul(up, g);
        let flat = |b: &mut dyn Builder, v: Value| {
            let sum = b.sum(v, Some(vec![1]), false);
            b.reshape(sum, Shape(vec![n]))
        };
        let total = flat(b, up);
        let at_label = b.masked(hit, u);
        let mut at_label = flat(b, at_label);
        if self.label_smoothing != 0.0 {
            let all = flat(b, u);
            let (hit, rest) = (b.scale(at_label, 1.0 - self.label_smoothing), b.scale(all, self.label_smoothing / c as f64));
            at_label = b.add(hit, rest);
        }
        let scaled = b.mul(node.inputs[3], total);
        vec![Some(b.cast(dx, dtype)), None, Some(b.neg(scaled)), Some(b.sub(total, at_label))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    // lse of rows of logits in [-3, 3) is about ln C + 1.5: the exponentials stay below 1.
    let full = |n: usize, c: usize, dtype: DType| {
        let lse = (c as f64).ln() + 1.5;
        let mut inputs = operands(n, c, dtype);
        inputs.push(Input::f32([n]).fill(Fill::Uniform(lse - 0.3, lse + 0.3)));
        inputs.push(Input::f32([n]));
        inputs
    };
    // exp is granted 3 + 2|x| ULP, |x| up to 12; the sums over the rows are those of second derivatives.
    let case = |what: &str, inputs: Vec<Input>| {
        let c = inputs[0].ty.shape[1];
        let backward = Tolerance::ulp(64.0 + 6.0 * (c as f64).sqrt());
        Case::new(format!("cross_entropy_backward {what}"), CrossEntropyBackward::default(), inputs).tolerance(Tolerance::ulp(27.0)).backward(backward)
    };
    let plain = |n, c| full(n, c, DType::F32);
    let with = |n, c, index: usize, change: &dyn Fn(Input) -> Input| {
        let mut inputs = plain(n, c);
        inputs[index] = change(inputs[index].clone());
        inputs
    };
    let outside = Fill::Values(vec![-1.0, 0.0, 5.0, 4.0, 2_147_483_647.0, -2_147_483_648.0, 8.0]);
    let half = |case: Case| {
        let (forward, backward) = (case.forward.stored_as(DType::F16), case.backward.stored_as(DType::F16).times(4.0));
        case.tolerance(forward).backward(backward)
    };
    let cases = vec![
        case("1x1", plain(1, 1)),
        case("32x10", plain(32, 10)),
        case("7x13", plain(7, 13)),
        case("5x64", plain(5, 64)),
        case("3x255", plain(3, 255)),
        case("3x260", plain(3, 260)),
        case("7x5 labels outside", with(7, 5, 1, &|i| i.fill(outside.clone()))),
        case("7x8 labels outside", with(7, 8, 1, &|i| i.fill(outside.clone()))),
        case("6x10 transposed logits", with(6, 10, 0, &|i| i.view(View::Transposed))),
        case("6x12 sliced gradient", with(6, 12, 3, &|i| i.view(View::Sliced))),
        case("more than 65535 groups", plain(65_537 * 64 + 3, 1)).no_grad(),
        case("empty", plain(0, 3)),
        half(case("f16 9x20", full(9, 20, DType::F16))),
        half(case("f16 9x13", full(9, 13, DType::F16))),
    ];
    let set = |case: Case, label_smoothing: f64, ignore_index: Option<i32>| {
        let name = format!("{} smoothing {label_smoothing} ignoring {ignore_index:?}", case.name);
        Case { op: Op::from(CrossEntropyBackward { label_smoothing, ignore_index }), name, ..case }
    };
    let mut cases = cases;
    cases.extend([
        set(case("7x13", plain(7, 13)), 0.1, None),
        set(case("7x12", plain(7, 12)), 0.3, Some(2)),
        set(case("9x4", plain(9, 4)), 0.0, Some(0)),
        half(set(case("f16 9x20", full(9, 20, DType::F16)), 0.1, Some(1))),
    ]);
    let about = "(exp(x - lse) - one_hot(label))·g of logits [N, C], i32 labels [N], lse [N], g [N]: the gradient of cross_entropy";
    vec![Entry::new("cross_entropy_backward", about, &CrossEntropyBackward::default(), cases)]
}
