//! `softmax`: y = exp(x - max x) / Σ exp(x - max x) along an axis (ONNX Softmax since version 13: one axis, default -1).
//!
//! Shape in = shape out; f32 or f16, computed in f32. The maximum is taken off first, so that nothing overflows however large x is
//! (Blanchard, Higham and Higham 2021). Gradient: `softmax_backward`. The choice of kernel and the launch serve `log_softmax` and
//! `softmax_backward` as well: see `Rows`.

use crate::body;
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::SoftmaxBackward;
use crate::reduction::{self, Cut, MAX_TURNS, Pass};
use crate::resident::Resident;
use crate::{Array, Builder, Caps, Case, DType, Fill, Input, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Softmax along an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {
    /// The axis, counted from the end where negative.
    pub axis: i64,
}

impl Kernel for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        Ok(vec![infer("softmax", self.axis, inputs, 1)?])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        variants(self.axis, facts)
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let result = "fn normalizer(total: F) -> F { return total; }\nfn result(x: F, norm: F) -> F { return exp(x) / norm; }\n";
        Rows { op: "softmax", stems: ["softmax", "softmax_workgroup", "softmax_subgroup"], axis: self.axis, code: result }.lower(facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let mut data = vec![0.0; inputs[0].data.len()];
        for row in rows(&outputs[0].shape, self.axis) {
            let top = row.iter().map(|&i| inputs[0].data[i]).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|&i| (inputs[0].data[i] - top).exp()).sum();
            row.iter().for_each(|&i| data[i] = (inputs[0].data[i] - top).exp() / total);
        }
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![Some(b.op(SoftmaxBackward { axis: self.axis }, &[node.outputs[0], node.grad()]))]
    }
}

/// The type of the result of a row-wise op of `count` operands of one float type.
pub(crate) fn infer(op: &str, axis: i64, inputs: &[TensorType], count: usize) -> Result<TensorType, OpError> {
    if inputs.len() != count {
        return Err(OpError::new(op, format!("takes {count} inputs, got {}", inputs.len())));
    }
    let x = &inputs[0];
    if !x.dtype.is_float() {
        return Err(OpError::new(op, format!("is defined for floats, got {x}; cast it first")));
    }
    if let Some(other) = inputs.iter().find(|t| *t != x) {
        return Err(OpError::new(op, format!("the operands must be of one type and shape, got {x} and {other}")));
    }
    x.shape.axis(op, axis)?;
    Ok(x.clone())
}

/// The tensor as `[outer, reduce, inner]` around the axis.
pub(crate) fn pass(shape: &Shape, axis: i64) -> Pass {
    // invariant: `infer` accepted the axis.
    let axis = shape.axis("", axis).unwrap_or(0);
    Pass { outer: shape[..axis].iter().product(), reduce: shape[axis], inner: shape[axis + 1..].iter().product() }
}

/// The elements of every row, for references.
pub(crate) fn rows(shape: &Shape, axis: i64) -> Vec<Vec<usize>> {
    let Pass { outer, reduce, inner } = pass(shape, axis);
    (0..outer * inner).map(|row| (0..reduce).map(|r| (row / inner * reduce + r) * inner + row % inner).collect()).collect()
}

/// Which kernel computes the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowMethod {
    /// One invocation a row, one value a load.
    Naive,
    /// One invocation a row (four side by side along inner), four values a load where the shape allows it.
    Serial,
    /// Many invocations a row.
    Workgroup,
    /// One subgroup a row, which it keeps.
    Subgroup,
}

/// Whether values are read four at a time.
fn vectorizes(pass: &Pass) -> bool {
    if pass.inner > 1 { pass.inner.is_multiple_of(4) } else { pass.reduce.is_multiple_of(4) }
}

/// The methods that can run, the one chosen first: a pure function of facts.
fn choose(pass: &Pass, caps: &Caps) -> Vec<(&'static str, RowMethod)> {
    let cut = Cut::new(pass, vectorizes(pass), 1);
    let serial = caps.software || cut.chunk <= 4 || (pass.inner > 1 && cut.outputs() >= 1 << 16);
    let mut all = vec![("serial", RowMethod::Serial), ("workgroup", RowMethod::Workgroup), ("naive", RowMethod::Naive)];
    if !serial {
        all.swap(0, 1);
    }
    // Three loops of one invocation over the row.
    let turns = |m| match m {
        RowMethod::Naive => pass.reduce,
        RowMethod::Serial => cut.chunk,
        RowMethod::Workgroup | RowMethod::Subgroup => cut.chunk / 64,
    };
    all.retain(|&(_, m)| m == RowMethod::Workgroup || turns(m) * 3 + turns(m) / 64 <= MAX_TURNS);
    if pass.inner == 1 && Resident::of(cut.reduce, cut.outer, caps).is_some() {
        let place = if Resident::pays(cut.reduce, cut.outer, caps) { 0 } else { all.len() };
        all.insert(place, ("subgroup", RowMethod::Subgroup));
    }
    all
}

/// The names of [`choose`].
pub(crate) fn variants(axis: i64, facts: &Lowering<'_>) -> Vec<&'static str> {
    if facts.outputs[0].shape.numel() == 0 {
        return Vec::new();
    }
    choose(&pass(&facts.outputs[0].shape, axis), facts.caps).into_iter().map(|v| v.0).collect()
}

/// A row-wise kernel to launch: operands and result are of one type and shape, and contiguous.
pub(crate) struct Rows {
    /// The op, for errors.
    pub(crate) op: &'static str,
    /// The kernel of one invocation a row, that of many, and that of a subgroup.
    pub(crate) stems: [&'static str; 3],
    /// The axis.
    pub(crate) axis: i64,
    /// Functions that the kernel calls, besides `across_max` and `across_sum`.
    pub(crate) code: &'static str,
}

impl Rows {
    /// The launch.
    pub(crate) fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let output = &facts.outputs[0];
        if output.shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let pass = pass(&output.shape, self.axis);
        let possible = choose(&pass, facts.caps);
        let names: Vec<_> = possible.iter().map(|v| v.0).collect();
        let name = facts.forced(self.op, &names)?.unwrap_or(names[0]);
        let method = possible.iter().find(|v| v.0 == name).map_or(RowMethod::Workgroup, |v| v.1);
        let columns = pass.inner > 1;
        let vector = method != RowMethod::Naive && vectorizes(&pass);
        let cut = Cut::new(&pass, vector, 1);
        let outputs = cut.outputs();
        let (mut program, groups) = match (method, Resident::of(cut.reduce, outputs, facts.caps)) {
            (RowMethod::Subgroup, Some(resident)) => {
                let mut program = Program::new(self.stems[2]);
                resident.define(&mut program);
                (program, outputs)
            }
            (RowMethod::Workgroup, _) => {
                let size = reduction::workgroup(facts.caps);
                let lanes = reduction::lanes(&cut, &pass, size);
                let program = Program::new(self.stems[1]).u32("WORKGROUP", size).u32("LANES", lanes).bool("ACROSS", columns);
                (program, outputs.div_ceil((size / lanes) as usize))
            }
            _ => {
                let size = reduction::serial_workgroup(outputs, facts.caps);
                (Program::new(self.stems[0]).u32("WORKGROUP", size), outputs.div_ceil(size as usize))
            }
        };
        program.aliases.extend(body::aliases(vector));
        program.aliases.push(("STORED", stored(output.dtype, vector)));
        program.f16 = output.dtype == DType::F16;
        program.code = [across(vector && !columns), if method == RowMethod::Subgroup { one(vector) } else { "" }, self.code].concat();
        let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Block(0), Access::Read)];
        args.extend((0..facts.inputs.len()).map(|n| (Arg::Input(n), Access::Read)));
        let words = [outputs, cut.reduce, cut.inner, 0].map(|n| n as u32).to_vec();
        let bytes = (1 + facts.inputs.len()) as f64 * output.bytes() as f64;
        let work = Work { flops: 5.0 * output.shape.numel() as f64, bytes };
        Ok(Lowered::one(Launch { program, args, blocks: vec![words], grid: facts.caps.fold(groups as u64), work }))
    }
}

/// The stored type.
pub(crate) fn stored(dtype: DType, vector: bool) -> &'static str {
    match (dtype, vector) {
        (DType::F16, true) => "vec4<f16>",
        (DType::F16, false) => "f16",
        (_, true) => "vec4<f32>",
        (_, false) => "f32",
    }
}

/// Results of the four lanes of a vector spread over all of them, where they belong to one row.
pub(crate) fn across(joins: bool) -> &'static str {
    if joins {
        "fn across_max(v: F) -> F { return F(max(max(v.x, v.y), max(v.z, v.w))); }\nfn across_sum(v: F) -> F { return F((v.x + v.y) + (v.z + v.w)); }\n"
    } else {
        "fn across_max(v: F) -> F { return v; }\nfn across_sum(v: F) -> F { return v; }\n"
    }
}

/// A lane of F, for subgroup operations on what `across` spread over all four.
pub(crate) fn one(vector: bool) -> &'static str {
    if vector { "fn one(v: F) -> f32 { return v.x; }\n" } else { "fn one(v: F) -> f32 { return v; }\n" }
}

/// The cases of softmax and log-softmax; `units` ULP for rows of order 1.
pub(crate) fn cases(name: &str, op: impl Fn(i64) -> crate::Op, units: f64) -> Vec<Case> {
    let case = |what: &str, input: Input, axis: i64| {
        let k = input.ty.shape.get(axis.rem_euclid(input.ty.shape.rank() as i64) as usize).copied().unwrap_or(1);
        let tolerance = Tolerance::ulp(units + Tolerance::reduction(k).rtol / f64::from(f32::EPSILON));
        Case::new(format!("{name} {what}"), op(axis), vec![input]).tolerance(tolerance)
    };
    let plain = |shape: &[usize]| Input::f32(shape).fill(Fill::Uniform(-3.0, 3.0));
    let values = |shape: &[usize], v: &[f64]| Input::f32(shape).fill(Fill::Values(v.to_vec()));
    let f16 = |shape: &[usize]| Input::new(shape, DType::F16, Fill::Uniform(-3.0, 3.0));
    let half = |case: Case| {
        let (forward, backward) = (case.forward.stored_as(DType::F16), case.backward.stored_as(DType::F16).times(8.0));
        case.tolerance(forward).backward(backward)
    };
    vec![
        case("1", plain(&[1]), 0),
        case("7x1", plain(&[7, 1]), -1),
        case("3x7", plain(&[3, 7]), -1),
        case("32x10", plain(&[32, 10]), 1),
        case("7x13 axis 0", plain(&[7, 13]), 0),
        case("12x8 axis 0", plain(&[12, 8]), 0),
        case("3x5x4 axis 1", plain(&[3, 5, 4]), 1),
        case("2x3x5x7 axis -3", plain(&[2, 3, 5, 7]), -3),
        case("5x64", plain(&[5, 64]), -1),
        case("5x255", plain(&[5, 255]), -1),
        case("5x256", plain(&[5, 256]), -1),
        case("3x1028", plain(&[3, 1028]), -1),
        case("131x72", plain(&[131, 72]), -1),
        case("2100x33", plain(&[2100, 33]), -1),
        case("1031x3 axis 0", plain(&[1031, 3]), 0),
        case("6x10 transposed", plain(&[6, 10]).view(View::Transposed), -1),
        case("8x12 sliced axis 0", plain(&[8, 12]).view(View::Sliced), 0),
        case("equal values 3x8", values(&[3, 8], &[2.0]), -1),
        case("2x100000 long rows", plain(&[2, 100_000]), -1).no_grad(),
        case("more than 65535 groups", plain(&[65_537 * 64 + 3, 2]), -1).no_grad(),
        case("empty", plain(&[0, 3]), -1),
        half(case("f16 9x20", f16(&[9, 20]), -1)),
        half(case("f16 20x9 axis 0", f16(&[20, 9]), 0)),
        half(case("f16 5x13", f16(&[5, 13]), -1)),
    ]
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let op = |axis| Softmax { axis }.into();
    // exp is granted 3 + 2|x| ULP and division 2.5; x - top is down to -6.
    let mut all = cases("softmax", op, 18.0);
    let values = |shape: &[usize], v: &[f64]| Input::f32(shape).fill(Fill::Values(v.to_vec()));
    let large = [1e4, -1e4, 9.999e3, 0.0, 1e4, -3e4];
    all.push(Case::new("softmax 2x6 of order 1e4", op(-1), vec![values(&[2, 6], &large)]).tolerance(Tolerance::ulp(18.0)).no_grad());
    all.push(Case::new("softmax 3x8 axis 0 of order 1e30", op(0), vec![values(&[3, 8], &[1e30, -1e30, 2e30, 0.0])]).tolerance(Tolerance::ulp(18.0)).no_grad());
    vec![Entry::new("softmax", "y = exp(x) / Σ exp(x) along `axis` (ONNX Softmax)", &Softmax { axis: -1 }, all)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_serial_on_software_and_shared_on_a_gpu() {
        let software = Caps { software: true, ..Caps::default() };
        let row = Pass { outer: 4096, reduce: 1024, inner: 1 };
        assert_eq!(choose(&row, &software)[0].0, "serial");
        assert_eq!(choose(&row, &Caps::default())[0].0, "workgroup");
        assert_eq!(choose(&Pass { outer: 100_000, reduce: 10, inner: 1 }, &Caps::default())[0].0, "workgroup");
        assert_eq!(choose(&Pass { outer: 100_000, reduce: 4, inner: 1 }, &Caps::default())[0].0, "serial");
        assert_eq!(choose(&Pass { outer: 64, reduce: 19, inner: 1 << 14 }, &Caps::default())[0].0, "serial");
    }

    #[test]
    fn a_subgroup_keeps_rows_on_software_where_they_fit() {
        let first = |software, pass: Pass| choose(&pass, &Caps { software, subgroup: Some((8, 8)), ..Caps::default() })[0].0;
        let row = Pass { outer: 4096, reduce: 1024, inner: 1 };
        assert_eq!((first(true, row), first(false, row)), ("subgroup", "workgroup"));
        assert_eq!(first(true, Pass { reduce: 32, ..row }), "serial");
        assert_eq!(first(true, Pass { reduce: 4096, ..row }), "serial");
        assert_eq!(first(true, Pass { inner: 4, ..row }), "serial");
    }

    #[test]
    fn a_row_too_long_for_one_invocation_is_shared() {
        let software = Caps { software: true, ..Caps::default() };
        let names = |reduce| choose(&Pass { outer: 2, reduce, inner: 1 }, &software).into_iter().map(|v| v.0).collect::<Vec<_>>();
        assert_eq!(names(1000), ["serial", "workgroup", "naive"]);
        assert_eq!(names(40_000), ["serial", "workgroup"]);
        assert_eq!(names(100_000), ["workgroup"]);
    }
}
