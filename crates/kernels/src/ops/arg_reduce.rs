//! `argmax`, `argmin`: the index of the largest or smallest element along an axis, of equal ones the first (ONNX ArgMax and
//! ArgMin with select_last_index = 0).
//!
//! Shape: the input's with the axis left out, or kept with extent 1; with no axis (`null`) the whole tensor is one row in
//! row-major order. f32, f16, i32 or u32 in, i32 out. NaN is never found where there is a number. No gradient.

use crate::body;
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::reduce::Keep;
use crate::reduction::{self, Choice, Cut, Method, Pass};
use crate::{Array, Builder, Case, DType, Fill, Input, Op, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Which extreme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgKind {
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// The index of an extreme element.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgReduce {
    /// Which extreme.
    pub kind: ArgKind,
    /// The axis, counted from the end where negative; the flattened tensor where absent.
    pub axis: Option<i64>,
    /// Whether the reduced axes stay, with extent 1.
    pub keepdims: bool,
}

impl ArgReduce {
    /// The input as `[outer, reduce, inner]`.
    fn pass(&self, shape: &Shape) -> Result<Pass, OpError> {
        let Some(axis) = self.axis else {
            return Ok(Pass { outer: 1, reduce: shape.numel(), inner: 1 });
        };
        let axis = shape.axis(self.name(), axis)?;
        Ok(Pass { outer: shape[..axis].iter().product(), reduce: shape[axis], inner: shape[axis + 1..].iter().product() })
    }
}

impl Kernel for ArgReduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ArgKind::Max => "argmax",
            ArgKind::Min => "argmin",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new(self.name(), format!("takes 1 input, got {}", inputs.len())));
        };
        if x.dtype == DType::Bool {
            return Err(OpError::new(self.name(), format!("is not defined for {x}; cast it first")));
        }
        let axes = match self.axis {
            Some(axis) => vec![x.shape.axis(self.name(), axis)?],
            None => (0..x.shape.rank()).collect(),
        };
        if self.pass(&x.shape)?.reduce == 0 {
            return Err(OpError::new(self.name(), format!("of no elements is undefined: shape {} is empty along axes {axes:?}", x.shape)));
        }
        Ok(vec![TensorType::new(x.shape.reduced(&axes, self.keepdims), DType::I32)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        match self.pass(&facts.inputs[0].layout.shape) {
            Ok(pass) if facts.outputs[0].shape.numel() > 0 => reduction::variants(&pass, vectorizes(&pass), facts.caps),
            _ => Vec::new(),
        }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let pass = self.pass(&facts.inputs[0].layout.shape)?;
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let choice = reduction::forced(facts, self.name(), &pass, vectorizes(&pass))?;
        let mut lowered = Lowered::default();
        let x = (Arg::Input(0), facts.inputs[0].dtype);
        if choice.splits == 1 {
            lowered.launches.push(self.launch(&pass, choice, &[x], &[Arg::Output(0)], facts));
            return Ok(lowered);
        }
        let cut = Cut::new(&pass, choice.method == Method::Serial && vectorizes(&pass), choice.splits);
        let rest = Pass { reduce: cut.splits, ..pass };
        // Values are kept in the type in which they are compared.
        let compared = if x.1.is_float() { DType::F32 } else { x.1 };
        lowered.temps = vec![4 * (rest.outer * rest.reduce * rest.inner) as u64; 2];
        let (indices, values) = (Arg::Temp(0), Arg::Temp(1));
        lowered.launches.push(self.launch(&pass, choice, &[x], &[indices, values], facts));
        let once = Choice { splits: 1, ..choice };
        lowered.launches.push(self.launch(&rest, once, &[(values, compared), (indices, DType::I32)], &[Arg::Output(0)], facts));
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let x = inputs[0];
        // invariant: `infer` accepted the axis.
        let Pass { outer, reduce, inner } = self.pass(&x.ty.shape).unwrap_or(Pass { outer: 1, reduce: 1, inner: 1 });
        let mut found = Vec::with_capacity(outer * inner);
        for o in 0..outer {
            for n in 0..inner {
                let value = |r: usize| x.data[(o * reduce + r) * inner + n];
                let better = |a: f64, b: f64| if self.kind == ArgKind::Max { a > b } else { a < b };
                let best = (1..reduce).fold(0, |best, r| if better(value(r), value(best)) { r } else { best });
                found.push(best as f64);
            }
        }
        vec![Array::new(outputs[0].clone(), found)]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        vec![None]
    }
}

/// Whether values are read four at a time.
fn vectorizes(pass: &Pass) -> bool {
    if pass.inner > 1 { pass.inner.is_multiple_of(4) } else { pass.reduce.is_multiple_of(4) }
}

impl ArgReduce {
    /// One pass. `from` holds the values, and the indices that they had where they are an earlier pass's; `to` receives the indices
    /// and, where a pass follows, the values.
    fn launch(&self, pass: &Pass, choice: Choice, from: &[(Arg, DType)], to: &[Arg], facts: &Lowering<'_>) -> Launch {
        let caps = facts.caps;
        let columns = pass.inner > 1;
        let vector = choice.method == Method::Serial && vectorizes(pass);
        let cut = Cut::new(pass, vector, choice.splits);
        let outputs = cut.outputs();
        let (mut program, groups) = if choice.method == Method::Workgroup {
            let size = reduction::workgroup(caps);
            let lanes = reduction::lanes(&cut, pass, size);
            let program = Program::new("arg_reduce_workgroup").u32("WORKGROUP", size).u32("LANES", lanes).bool("ACROSS", columns);
            (program, outputs.div_ceil((size / lanes) as usize))
        } else {
            let size = reduction::serial_workgroup(outputs, caps);
            (Program::new("arg_reduce").u32("WORKGROUP", size), outputs.div_ceil(size as usize))
        };
        program.aliases.extend(body::aliases(vector));
        program.code = self.functions(from, to.len() > 1, vector, vector && !columns);
        program.f16 = from[0].1 == DType::F16;
        let mut args = vec![(to[0], Access::ReadWrite), (Arg::Block(0), Access::Read)];
        args.extend(from.iter().map(|&(arg, _)| (arg, Access::Read)));
        args.extend(to[1..].iter().map(|&arg| (arg, Access::ReadWrite)));
        let words = [outputs, cut.reduce, cut.inner, cut.chunk, cut.splits, 0, 0, 0].map(|n| n as u32);
        let values = pass.outer * pass.reduce * pass.inner;
        let read: usize = from.iter().map(|(_, dtype)| values * dtype.bytes()).sum();
        let made = pass.outer * cut.splits * pass.inner * 4 * to.len();
        Launch { program, args, blocks: vec![words.to_vec()], grid: caps.fold(groups as u64), work: Work { flops: values as f64, bytes: (read + made) as f64 } }
    }

    /// The generated part: see `shaders/arg_reduce.wgsl`.
    fn functions(&self, from: &[(Arg, DType)], keeps_values: bool, vector: bool, folds: bool) -> String {
        let dtype = from[0].1;
        let class = dtype.class();
        let wide = |ty: &str, wide: bool| if wide { format!("vec4<{ty}>") } else { ty.to_owned() };
        let compared = if dtype.is_float() { "f32" } else { dtype.wgsl() };
        let (stored, value, index) = (wide(dtype.wgsl(), vector), wide(compared, vector && !folds), wide("i32", vector && !folds));
        let sign = if self.kind == ArgKind::Max { '>' } else { '<' };
        let truth = if vector { "vec4<bool>" } else { "bool" };
        let mut out = format!("alias V = {class};\nalias K = I;\nalias RV = {value};\nalias RK = {index};\nstruct Found {{ value: RV, index: RK }}\n");
        out.push_str(&format!("@group(0) @binding(2) var<storage, read> values_in: array<{stored}>;\n"));
        out.push_str(&format!("fn value_at(i: u32) -> V {{ return V(values_in[i]); }}\nfn beats(a: V, b: V) -> {truth} {{ return a {sign} b; }}\n"));
        if from.len() > 1 {
            out.push_str(&format!("@group(0) @binding(3) var<storage, read> indices_in: array<{}>;\n", wide("i32", vector)));
            out.push_str("fn index_at(i: u32, r: u32) -> K { return indices_in[i]; }\n");
        } else if folds {
            out.push_str("fn index_at(i: u32, r: u32) -> K { return K(i32(r) * 4) + K(0, 1, 2, 3); }\n");
        } else {
            out.push_str("fn index_at(i: u32, r: u32) -> K { return K(i32(r)); }\n");
        }
        if folds {
            out.push_str(&format!(
                "fn first(a: Found, b: Found) -> Found {{\n  if (a.value {sign} b.value || (a.value == b.value && a.index < b.index)) {{ return a; }}\n  return b;\n}}\n"
            ));
            let lane = |l: &str| format!("Found(v.{l}, k.{l})");
            let fold = format!("first(first({}, {}), first({}, {}))", lane("x"), lane("y"), lane("z"), lane("w"));
            out.push_str(&format!("fn fold(v: V, k: K) -> Found {{ return {fold}; }}\n"));
        } else {
            out.push_str("fn fold(v: V, k: K) -> Found { return Found(v, k); }\n");
        }
        if keeps_values {
            out.push_str(&format!("@group(0) @binding({}) var<storage, read_write> values_out: array<RV>;\n", 2 + from.len()));
        }
        let keep = if keeps_values { "values_out[j] = found.value; " } else { "" };
        out.push_str(&format!("fn store(j: u32, found: Found) {{ {keep}out[j] = found.index; }}\n"));
        out
    }
}

/// The attributes: ONNX's names and defaults.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxAttrs {
    axis: Option<i64>,
    keepdims: Keep,
}

/// As [`MaxAttrs`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MinAttrs {
    axis: Option<i64>,
    keepdims: Keep,
}

impl From<MaxAttrs> for Op {
    fn from(a: MaxAttrs) -> Self {
        ArgReduce { kind: ArgKind::Max, axis: a.axis, keepdims: a.keepdims.into() }.into()
    }
}

impl From<MinAttrs> for Op {
    fn from(a: MinAttrs) -> Self {
        ArgReduce { kind: ArgKind::Min, axis: a.axis, keepdims: a.keepdims.into() }.into()
    }
}

/// The cases of one kind.
fn cases(kind: ArgKind) -> Vec<Case> {
    let name = ArgReduce { kind, axis: None, keepdims: true }.name();
    let case = |what: &str, input: Input, axis: Option<i64>, keepdims: bool| {
        Case::new(format!("{name} {what}"), ArgReduce { kind, axis, keepdims }, vec![input]).tolerance(Tolerance::EXACT).no_grad()
    };
    let plain = |shape: &[usize]| Input::f32(shape).fill(Fill::Distinct);
    // Few values, so that most extremes are shared: the first must be found, however the work is cut.
    let ties = |shape: &[usize], dtype| Input::new(shape, dtype, Fill::Uniform(0.0, 3.0)).fill(Fill::Values(vec![1.0, 2.0, 0.0, 2.0, 0.0, 1.0, 1.0]));
    let mut all = vec![
        case("scalar", plain(&[]), None, true),
        case("1", plain(&[1]), Some(0), false),
        case("7x13 rows", plain(&[7, 13]), Some(-1), true),
        case("7x13 columns", plain(&[7, 13]), Some(0), false),
        case("7x13 flattened", plain(&[7, 13]), None, false),
        case("32x10 rows", plain(&[32, 10]), Some(1), false),
        case("9x16 rows", plain(&[9, 16]), Some(1), true),
        case("16x12 columns", plain(&[16, 12]), Some(0), true),
        case("3x5x7 middle", plain(&[3, 5, 7]), Some(1), true),
        case("5x1 no extent", plain(&[5, 1]), Some(1), false),
        case("3x255 rows", plain(&[3, 255]), Some(1), false),
        case("3x257 rows", plain(&[3, 257]), Some(1), false),
        case("6x10 transposed rows", plain(&[6, 10]).view(View::Transposed), Some(1), false),
        case("8x12 sliced columns", plain(&[8, 12]).view(View::Sliced), Some(0), false),
        case("ties 5x64 rows", ties(&[5, 64], DType::F32), Some(1), false),
        case("ties 5x63 rows", ties(&[5, 63], DType::F32), Some(1), false),
        case("ties 64x8 columns", ties(&[64, 8], DType::F32), Some(0), false),
        case("ties 30000 flattened", ties(&[30_000], DType::F32), None, false),
        case("all equal 4x40", plain(&[4, 40]).fill(Fill::Values(vec![2.5])), Some(1), true),
        case("large magnitudes", plain(&[2, 5]).fill(Fill::Values(vec![-3e38, 3e38, -1e30])), Some(1), true),
        case("f16 9x20 rows", Input::new([9, 20], DType::F16, Fill::Distinct), Some(1), true),
        case("f16 20x9 columns", Input::new([20, 9], DType::F16, Fill::Distinct), Some(0), true),
        case("i32 7x12 rows", Input::new([7, 12], DType::I32, Fill::Uniform(-2e9, 2e9)), Some(1), true),
        case("u32 7x13 rows", Input::new([7, 13], DType::U32, Fill::Uniform(0.0, 4e9)), Some(1), true),
        case("2^20 flattened", Input::f32([1 << 20]), None, false),
        case("20000x3 columns split", plain(&[20_000, 3]), Some(0), true),
        case("empty kept axis", Input::f32([0, 3]), Some(1), false),
    ];
    if kind == ArgKind::Max {
        all.push(case("more than 65535 groups", Input::f32([65_537 * 64 + 3, 2]), Some(1), false));
    }
    all
}

/// The catalogue's entries.
pub fn entries() -> Vec<Entry> {
    let (axis, keepdims) = (Some(0), Keep::Bool(true));
    vec![
        Entry::new("argmax", "y = index of the largest x along `axis`, flattened where null (ONNX ArgMax)", &MaxAttrs { axis, keepdims }, cases(ArgKind::Max)),
        Entry::new("argmin", "y = index of the smallest x along `axis`, flattened where null (ONNX ArgMin)", &MinAttrs { axis, keepdims }, cases(ArgKind::Min)),
    ]
}
