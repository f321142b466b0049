//! `top_k`: the k largest or smallest elements along an axis, sorted, and where they are (ONNX TopK with sorted = 1).
//!
//! x in f32, f16, i32 or u32 gives values (as x) and indices (i32), both of x's shape with extent k along the axis. Of equal elements
//! the one of the smaller index comes first; NaN counts as the largest, as in PyTorch; -0 equals 0.
//!
//! One walk over the axis finds 32 elements, which stay sorted in registers: ⌈k/32⌉ walks, and a second, small pass each where an
//! axis is cut into chunks. Nothing is read back. Gradient: each value's goes to its place.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::softmax::pass;
use crate::ops::{BinaryKind, Iota, ScatterAdd};
use crate::reduction::{MAX_TURNS, Pass};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// Elements that a walk finds.
const KEEP: usize = 32;

/// The largest or smallest elements along an axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopK {
    /// How many.
    pub k: usize,
    /// The axis, counted from the end where negative.
    pub axis: i64,
    /// The largest ones, else the smallest.
    pub largest: bool,
}

impl Kernel for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("top_k", format!("takes 1 input, got {}", inputs.len())));
        };
        if x.dtype == DType::Bool {
            return Err(OpError::new("top_k", format!("is not defined for {x}; cast it first")));
        }
        let axis = x.shape.axis("top_k", self.axis)?;
        let extent = x.shape[axis];
        if !(1..=extent).contains(&self.k) {
            return Err(OpError::new("top_k", format!("k is {}, but axis {axis} of {} has {extent} elements; k must be from 1 to that", self.k, x.shape)));
        }
        if extent / MAX_TURNS * KEEP > MAX_TURNS {
            return Err(OpError::new("top_k", format!("axis {axis} of {} is longer than the kernel can walk; take the top of parts first", x.shape)));
        }
        let mut shape = x.shape.clone();
        shape.0[axis] = self.k;
        Ok(vec![TensorType::new(shape.clone(), x.dtype), TensorType::new(shape, DType::I32)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let p = pass(&facts.inputs[0].layout.shape, self.axis);
        let mut lowered = Lowered::default();
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(lowered);
        }
        let splits = self.splits(&p, facts);
        let keep = KEEP.min(self.k);
        if splits > 1 {
            lowered.temps = vec![4 * (p.outer * splits * keep * p.inner) as u64; 2];
        }
        for first in (0..self.k).step_by(KEEP) {
            let keep = KEEP.min(self.k - first);
            lowered.launches.push(self.launch(&p, Stage { first, keep, splits, merges: false }, facts));
            if splits > 1 {
                let kept = Pass { reduce: splits * keep, ..p };
                lowered.launches.push(self.launch(&kept, Stage { first, keep, splits: 1, merges: true }, facts));
            }
        }
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let x = inputs[0];
        let Pass { outer, reduce, inner } = pass(&x.ty.shape, self.axis);
        let mut found = vec![vec![0.0; outputs[0].shape.numel()]; 2];
        for (o, n) in (0..outer).flat_map(|o| (0..inner).map(move |n| (o, n))) {
            let value = |r: usize| x.data[(o * reduce + r) * inner + n];
            let mut order: Vec<usize> = (0..reduce).collect();
            // A stable sort: equal ones stay in the order of their indices.
            let ascending = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(a.is_nan().cmp(&b.is_nan()));
            order.sort_by(|&a, &b| if self.largest { ascending(value(b), value(a)) } else { ascending(value(a), value(b)) });
            for (rank, &r) in order[..self.k].iter().enumerate() {
                let at = (o * self.k + rank) * inner + n;
                (found[0][at], found[1][at]) = (value(r), r as f64);
            }
        }
        found.into_iter().zip(outputs).map(|(data, ty)| Array::new(ty.clone(), data)).collect()
    }

    /// Each value's gradient goes to its place; no place is named twice.
    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let TensorType { shape, dtype } = b.ty(node.inputs[0]).clone();
        if !dtype.is_float() {
            return vec![None];
        }
        let Pass { outer, reduce, inner } = pass(&shape, self.axis);
        let all = Shape(vec![outer, self.k, inner]);
        let counted = |b: &mut dyn Builder, axis: usize, step: usize| {
            let mut counts = Shape(vec![1; 3]);
            counts.0[axis] = all[axis];
            let index = b.op(Iota { shape: counts, axis, dtype: DType::I32 }, &[]);
            b.scale(index, step as f64)
        };
        let (row, column) = (counted(b, 0, reduce * inner), counted(b, 2, 1));
        let index = b.reshape(node.outputs[1], all.clone());
        let index = b.scale(index, inner as f64);
        let at = b.binary(BinaryKind::Add, row, column);
        let at = b.binary(BinaryKind::Add, at, index);
        let grad = b.reshape(node.grad(), all.clone());
        let dx = b.op(ScatterAdd { rows: shape.numel() }, &[at, grad]);
        vec![Some(b.reshape(dx, shape))]
    }
}

/// A launch of some ranks.
#[derive(Clone, Copy)]
struct Stage {
    /// The first rank.
    first: usize,
    /// How many.
    keep: usize,
    /// Chunks of a row.
    splits: usize,
    /// Whether chunks' results are read, else x.
    merges: bool,
}

impl TopK {
    /// Chunks a row: as few as the limit of turns allows, on a GPU so many that it has work.
    fn splits(&self, p: &Pass, facts: &Lowering<'_>) -> usize {
        let fewest = p.reduce.div_ceil(MAX_TURNS);
        let keep = KEEP.min(self.k);
        let worthwhile = if facts.caps.software { 1 } else { (4096 / (p.outer * p.inner).max(1)).min(p.reduce / (16 * keep)) };
        fewest.max(worthwhile).max(1)
    }

    fn launch(&self, p: &Pass, stage: Stage, facts: &Lowering<'_>) -> Launch {
        let Stage { first, keep, splits, merges } = stage;
        let dtype = facts.inputs[0].dtype;
        let ends = merges || splits == 1;
        let chunk = p.reduce.div_ceil(splits);
        let count = p.outer * splits * p.inner;
        let mut program = Program::new("top_k").u32("WORKGROUP", WORKGROUP).alias("X", dtype.wgsl());
        program.f16 = dtype == DType::F16;
        let mut args = vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read)];
        let mut bind = |code: &mut String, name: &str, element: &str, arg: Arg, access: Access| {
            let kind = if access == Access::Read { "read" } else { "read_write" };
            let _ = writeln!(code, "@group(0) @binding({}) var<storage, {kind}> {name}: array<{element}>;", args.len());
            args.push((arg, access));
        };
        let code = &mut program.code;
        if merges {
            bind(code, "keys_in", "u32", Arg::Temp(0), Access::Read);
            bind(code, "places_in", "i32", Arg::Temp(1), Access::Read);
        }
        if ends {
            bind(code, "values", dtype.wgsl(), Arg::Output(0), Access::ReadWrite);
            bind(code, "indices", "i32", Arg::Output(1), Access::ReadWrite);
        } else {
            bind(code, "keys", "u32", Arg::Temp(0), Access::ReadWrite);
            bind(code, "places", "i32", Arg::Temp(1), Access::ReadWrite);
            if first > 0 {
                bind(code, "indices", "i32", Arg::Output(1), Access::Read);
            }
        }
        self.functions(code, dtype, stage, ends);
        let words = [count, p.reduce, p.inner, chunk, splits, pass(&facts.inputs[0].layout.shape, self.axis).reduce, self.k, first].map(|n| n as u32);
        let read = p.outer * p.reduce * p.inner;
        Launch {
            program,
            args,
            blocks: vec![words.to_vec()],
            grid: facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work { flops: read as f64, bytes: (read * dtype.bytes() + count * keep * 8) as f64 },
        }
    }

    /// The generated part: see `shaders/top_k.wgsl`.
    fn functions(&self, code: &mut String, dtype: DType, stage: Stage, ends: bool) {
        let Stage { first, keep, merges, .. } = stage;
        let key = match dtype {
            DType::F32 | DType::F16 => "float_key(f32(v))",
            DType::I32 => "bitcast<u32>(v) ^ 0x80000000u",
            _ => "v",
        };
        let sign = if self.largest { "" } else { "~" };
        // Writing to a String cannot fail.
        let _ = writeln!(code, "fn key_of(v: X) -> u32 {{ return {sign}({key}); }}");
        code.push_str("fn keep(outer: u32, n: u32, split: u32, start: u32, end: u32) {\n");
        if first > 0 && !merges {
            code.push_str("  let last = indices[(outer * params.total + params.first - 1u) * params.inner + n];\n");
            code.push_str("  let bound = key_of(x[(outer * params.rows + u32(last)) * params.inner + n]);\n");
        }
        for s in 0..keep {
            let _ = writeln!(code, "  var k{s} = 0u;\n  var i{s} = -1;");
        }
        code.push_str("  for (var r = start; r < end; r++) {\n    let at = (outer * params.reduce + r) * params.inner + n;\n");
        code.push_str(match merges {
            true => "    var key = keys_in[at];\n    var index = places_in[at];\n",
            false => "    var key = key_of(x[at]);\n    var index = i32(r);\n",
        });
        let worst = keep - 1;
        let candidate = match (merges, first > 0) {
            (true, _) => "index >= 0",
            (false, true) => "(key < bound || (key == bound && index > last))",
            (false, false) => "true",
        };
        let _ = writeln!(code, "    if ({candidate} && (key > k{worst} || i{worst} < 0)) {{\n      var wins = false;");
        for s in 0..keep {
            // From the slot that it takes on, what was there moves one down.
            let _ = writeln!(code, "      wins = wins | (key > k{s}) | (i{s} < 0);");
            let _ = writeln!(
                code,
                "      {{ let k = k{s}; let i = i{s}; k{s} = select(k, key, wins); i{s} = select(i, index, wins); key = select(key, k, wins); index = select(index, i, wins); }}"
            );
        }
        code.push_str("    }\n  }\n");
        for s in 0..keep {
            let _ = if ends {
                writeln!(
                    code,
                    "  {{ let at = (outer * params.total + params.first + {s}u) * params.inner + n; values[at] = x[(outer * params.rows + u32(i{s})) * params.inner + n]; indices[at] = i{s}; }}"
                )
            } else {
                writeln!(code, "  {{ let at = ((outer * params.splits + split) * {keep}u + {s}u) * params.inner + n; keys[at] = k{s}; places[at] = i{s}; }}")
            };
        }
        code.push_str("}\n");
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |what: &str, input: Input, k: usize, axis: i64, largest: bool| {
        Case::new(format!("top_k {what}"), TopK { k, axis, largest }, vec![input]).tolerance(Tolerance::EXACT)
    };
    let plain = |shape: &[usize]| Input::f32(shape).fill(Fill::Distinct);
    let ties = |shape: &[usize]| Input::f32(shape).fill(Fill::Values(vec![1.0, 2.0, 0.0, 2.0, -1.0, 0.0, 1.0, 1.0]));
    let cases = vec![
        case("1 of 1", plain(&[1]), 1, 0, true),
        case("5 of 32x10", plain(&[32, 10]), 5, -1, true),
        case("3 smallest of 7x13", plain(&[7, 13]), 3, 1, false),
        case("all of 5x9", plain(&[5, 9]), 9, 1, true),
        case("4 of 13x7 columns", plain(&[13, 7]), 4, 0, true),
        case("2 of 3x5x7 middle", plain(&[3, 5, 7]), 2, 1, false),
        case("32 of 2x100", plain(&[2, 100]), 32, 1, true),
        case("33 of 3x40", plain(&[3, 40]), 33, 1, true),
        case("70 smallest of 80x3 columns", plain(&[80, 3]), 70, 0, false),
        case("6x10 transposed", plain(&[6, 10]).view(View::Transposed), 4, 1, true),
        case("8x12 sliced", plain(&[8, 12]).view(View::Sliced), 4, 0, false),
        case("ties 5 of 4x16", ties(&[4, 16]), 5, 1, true).no_grad(),
        case("ties 40 smallest of 2x64", ties(&[2, 64]), 40, 1, false).no_grad(),
        case("all equal 3 of 4x20", ties(&[4, 20]).fill(Fill::Values(vec![2.5])), 3, 1, true).no_grad(),
        case("large magnitudes", plain(&[2, 6]).fill(Fill::Values(vec![-3e38, 3e38, -1e30, 1e-30, -1e-30, 0.0])), 6, 1, true).no_grad(),
        case("chunks, 5 of 2x70000", Input::f32([2, 70_000]), 5, 1, true).no_grad(),
        case("chunks with ties, 40 of 70000x2 columns", ties(&[70_000, 2]), 40, 0, true).no_grad(),
        case("f16 5 of 9x20", Input::new([9, 20], DType::F16, Fill::Distinct), 5, 1, true),
        case("i32 4 of 7x12", Input::new([7, 12], DType::I32, Fill::Uniform(-2e9, 2e9)), 4, 1, true).no_grad(),
        case("u32 4 smallest of 7x13", Input::new([7, 13], DType::U32, Fill::Uniform(0.0, 4e9)), 4, 1, false).no_grad(),
        case("no rows", plain(&[0, 3]), 2, 1, true),
        case("more than 65535 groups", Input::f32([65_537 * 64 + 3, 2]), 1, 1, true).no_grad(),
    ];
    let about = "the k largest (smallest) x along `axis`, sorted; output 1 is where they are (ONNX TopK)";
    vec![Entry::new("top_k", about, &TopK { k: 1, axis: -1, largest: true }, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caps, Operand};

    #[test]
    fn k_is_from_1_to_the_extent() {
        let refused = |k| TopK { k, axis: -1, largest: true }.infer(&[TensorType::new([2, 5], DType::F32)]).unwrap_err().message;
        assert!(refused(0).contains("k is 0, but axis 1 of [2, 5] has 5 elements"));
        assert!(refused(6).contains("from 1 to that"));
        assert!(TopK { k: 1, axis: 2, largest: true }.infer(&[TensorType::new([2, 5], DType::F32)]).is_err());
    }

    #[test]
    fn few_long_rows_are_cut_on_a_gpu_and_many_are_not() {
        let launches = |shape: [usize; 2], k: usize, caps: &Caps| {
            let x = TensorType::new(shape, DType::F32);
            let (op, operand) = (TopK { k, axis: 1, largest: true }, Operand::contiguous(&x));
            let outputs = op.infer(&[x]).unwrap();
            op.lower(&Lowering::new(&[operand], &outputs, caps)).unwrap().launches.len()
        };
        let software = Caps { software: true, ..Caps::default() };
        assert_eq!([launches([32, 1000], 5, &Caps::default()), launches([8192, 1000], 5, &Caps::default()), launches([32, 1000], 5, &software)], [2, 1, 1]);
        assert_eq!([launches([2, 100_000], 5, &software), launches([32, 1000], 100, &software)], [2, 4]);
    }
}
