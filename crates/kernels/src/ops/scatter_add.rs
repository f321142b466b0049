//! `scatter_add`: the gradient of `gather`: y[r, j…] = Σ over all i with indices\[i\] = r of updates[i…, j…].
//!
//! Shapes: indices i32 of any shape, updates indices.shape + […], result [rows, …]. Negative indices count from the end;
//! updates whose index is out of range are dropped. No float atomics: each output is summed by one invocation in f32 in the
//! order of the indices, so the same inputs give the same bytes.
//!
//! `naive` lets each output walk over all K indices: rows·K work. `linked` takes the indices in chunks: it links each index with the
//! next one of the same row in its chunk (by comparing integers), then only the first of each row walks, along its links. Both
//! go on from what the chunks before have summed, so both give the same f32 sums to the bit. 2,048 indices into 8,000 rows of 64:
//! naive 676 ms, linked 3.8 ms (llvmpipe, 2 cores, 2026-11-23).

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{Gather, gather};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// Indices that an invocation of the naive variant walks over, and that are linked at a time. Mesa's llvmpipe ends the loops of
/// an invocation after 65,535 turns; a link costs up to a quarter of its chunk in loads.
const CHUNKS: [usize; 2] = [1 << 15, 1 << 13];

/// Rows added up by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScatterAdd {
    /// Rows of the result.
    pub rows: usize,
}

/// What all launches of one op share. Elements are counted in fours where `width` is 4.
struct Sizes {
    /// Indices.
    keys: usize,
    /// Elements of a row.
    inner: usize,
    /// Elements of the output.
    count: usize,
    width: usize,
}

impl ScatterAdd {
    fn sizes(&self, facts: &Lowering<'_>) -> Sizes {
        let indices = &facts.inputs[0].layout.shape;
        let inner: usize = facts.inputs[1].layout.shape[indices.rank()..].iter().product();
        let width = if inner.is_multiple_of(4) { 4 } else { 1 };
        Sizes { keys: indices.numel(), inner: inner / width, count: facts.outputs[0].shape.numel() / width, width }
    }

    /// A launch over `count` invocations, for the indices `keys`.
    fn launch(&self, stem: &'static str, facts: &Lowering<'_>, s: &Sizes, keys: Range<usize>, count: usize, mut args: Vec<(Arg, Access)>) -> Launch {
        let dtype = facts.outputs[0].dtype;
        let (element, sum) = match (dtype, s.width) {
            (DType::F16, 4) => ("vec4<f16>", "vec4<f32>"),
            (DType::F16, _) => ("f16", "f32"),
            (DType::F32, 4) => ("vec4<f32>", "vec4<f32>"),
            (DType::F32, _) => ("f32", "f32"),
            (_, 4) => ("vec4<u32>", "vec4<u32>"),
            (_, _) => ("u32", "u32"),
        };
        args.insert(0, (Arg::Block(0), Access::Read));
        let program = Program::new(stem).u32("WORKGROUP", WORKGROUP).alias("T", element).alias("SUM", sum);
        Launch {
            program: Program { f16: dtype == DType::F16, ..program },
            args,
            blocks: vec![[s.count, s.inner, self.rows, keys.start, keys.len(), 0, 0, 0].map(|n| n as u32).to_vec()],
            grid: facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work::default(),
        }
    }
}

/// `0..n` in pieces of at most `size`.
fn chunks(n: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(size).map(move |start| start..(start + size).min(n))
}

impl Kernel for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let wrong = |why: String| Err(OpError::new("scatter_add", why));
        let [indices, updates] = inputs else {
            return wrong(format!("takes 2 inputs (indices, updates), got {}", inputs.len()));
        };
        if indices.dtype != DType::I32 || updates.dtype == DType::Bool {
            return wrong(format!("indices must be i32 and updates numbers, got {indices} and {updates}; cast them"));
        }
        let Some(rest) = updates.shape.strip_prefix(&indices.shape[..]) else {
            return wrong(format!("updates {updates} must begin with the extents of the indices, {}", indices.shape));
        };
        Ok(vec![TensorType::new([&[self.rows], rest].concat(), updates.dtype)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        let s = self.sizes(facts);
        // Loads: the naive walk reads every index for every output; linking reads half of a chunk's vectors for each index and adds two launches.
        let naive = s.count as u64 * s.keys as u64;
        let linked = (s.keys * s.keys.min(CHUNKS[1]) / 8 + s.count + 2 * s.keys * s.inner) as u64;
        if naive > linked + (1 << 16) { vec!["linked", "naive"] } else { vec!["naive", "linked"] }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let s = self.sizes(facts);
        if s.count == 0 {
            return Ok(Lowered::default());
        }
        let variants = self.variants(facts);
        let variant = facts.forced("scatter_add", &variants)?.unwrap_or(variants[0]);
        let updates = facts.inputs[1].layout.shape.numel();
        let work = Work { flops: updates as f64, bytes: (updates * facts.outputs[0].dtype.bytes() + 4 * s.keys) as f64 + facts.outputs[0].bytes() as f64 };
        let (indices, updates, out) = ((Arg::Input(0), Access::Read), (Arg::Input(1), Access::Read), (Arg::Output(0), Access::ReadWrite));
        let mut lowered = Lowered::default();
        if variant == "naive" {
            // Without any index, one launch writes the zeros.
            for keys in chunks(s.keys.max(1), CHUNKS[0]) {
                let keys = keys.start..keys.end.min(s.keys);
                lowered.launches.push(self.launch("scatter_add_naive", facts, &s, keys, s.count, vec![indices, updates, out]));
            }
        } else {
            // Keys are padded to whole vectors of four.
            let padded = s.keys.min(CHUNKS[1]).next_multiple_of(4);
            lowered.temps = vec![4 * padded as u64; 3];
            let [keys, heads, next] = [Arg::Temp(0), Arg::Temp(1), Arg::Temp(2)];
            let (read, write) = (Access::Read, Access::ReadWrite);
            for chunk in chunks(s.keys.max(1), CHUNKS[1]) {
                let chunk = chunk.start..chunk.end.min(s.keys);
                let zeroed = if chunk.start == 0 { s.count } else { 0 };
                let prepare = vec![indices, (keys, write), (heads, write), out];
                lowered.launches.push(self.launch("scatter_add_prepare", facts, &s, chunk.clone(), padded.max(zeroed), prepare));
                if s.keys == 0 {
                    break;
                }
                let link = vec![(keys, read), (heads, write), (next, write)];
                lowered.launches.push(self.launch("scatter_add_link", facts, &s, chunk.clone(), chunk.len(), link));
                let linked = vec![(keys, read), (heads, read), (next, read), updates, out];
                lowered.launches.push(self.launch("scatter_add_linked", facts, &s, chunk.clone(), chunk.len() * s.inner, linked));
            }
        }
        if let Some(last) = lowered.launches.last_mut() {
            last.work = work;
        }
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (indices, updates) = (inputs[0], inputs[1]);
        let inner: usize = outputs[0].shape[1..].iter().product();
        let mut y = vec![0.0; outputs[0].shape.numel()];
        for (i, &index) in indices.data.iter().enumerate() {
            if let Some(r) = gather::row(index, self.rows) {
                for j in 0..inner {
                    y[r * inner + j] += updates.data[i * inner + j];
                }
            }
        }
        let dtype = outputs[0].dtype;
        if !dtype.is_float() {
            y.iter_mut().for_each(|v| *v = dtype.store(*v));
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        if !b.ty(node.inputs[1]).dtype.is_float() {
            return vec![None, None];
        }
        vec![None, Some(b.op(Gather::default(), &[node.grad(), node.inputs[0]]))]
    }
}

/// How exact a sum of `n` terms of order 1, one after the other, is in f32: partial sums wander as √n, so their roundings wander
/// by about n·ε/16; four times that.
pub(crate) fn walk(n: usize) -> Tolerance {
    let sum = Tolerance::reduction(n);
    Tolerance { atol: sum.atol.max(n as f64 * f64::from(f32::EPSILON) / 4.0), ..sum }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let with = |name: &str, rows: usize, indices: Input, rest: &[usize], dtype, fill| {
        // A row's share of the indices, doubled for chance.
        let terms = 2 * indices.ty.shape.numel() / rows.max(1) + 8;
        let updates = Input::new([&indices.ty.shape[..], rest].concat(), dtype, fill);
        Case::new(format!("scatter_add {name}"), ScatterAdd { rows }, vec![indices, updates]).tolerance(walk(terms).stored_as(dtype)).backward(Tolerance::EXACT)
    };
    let unit = Fill::Uniform(-1.0, 1.0);
    let case = |name: &str, rows: usize, indices: &[usize], rest: &[usize]| {
        with(name, rows, Input::new(indices, DType::I32, Fill::Uniform(0.0, rows as f64)), rest, DType::F32, unit.clone())
    };
    let same = |n: usize| Input::new([n], DType::I32, Fill::Values(vec![2.0]));
    let ints =
        |dtype: DType| with(&dtype.to_string(), 5, Input::new([23], DType::I32, Fill::Uniform(-5.0, 5.0)), &[3], dtype, Fill::Uniform(0.0, 99.0)).no_grad();
    let strided = Input::new([7], DType::I32, Fill::Uniform(0.0, 3.0)).view(View::Sliced);
    let cases = vec![
        case("1 into 1x1", 1, &[1], &[1]),
        case("scalar index into 5x3", 5, &[], &[3]),
        case("11 into 7x13", 7, &[11], &[13]),
        case("3x5 into 17x8", 17, &[3, 5], &[8]),
        case("23 into a vector of 9", 9, &[23], &[]),
        case("65 into 4x2x6", 4, &[65], &[2, 6]),
        case("257 into 300x12", 300, &[257], &[12]),
        case("1031 into 3001x16", 3001, &[1031], &[16]),
        with("100 of one row", 5, same(100), &[8], DType::F32, unit.clone()).tolerance(walk(100)),
        with("negative and out of range, 6x8", 6, Input::new([10], DType::I32, gather::awkward(6)), &[8], DType::F32, unit.clone()),
        with("negative and out of range, 6x5", 6, Input::new([41], DType::I32, gather::awkward(6)), &[5], DType::F32, unit.clone()),
        with("sliced indices", 3, strided, &[4], DType::F32, unit.clone()),
        case("no indices", 4, &[0], &[3]),
        with("into 0 rows", 0, Input::new([3], DType::I32, Fill::Uniform(0.0, 2.0)), &[2], DType::F32, unit.clone()),
        case("rows of nothing", 4, &[3], &[0]),
        ints(DType::I32),
        ints(DType::U32),
        with("f16", 6, Input::new([17], DType::I32, Fill::Uniform(0.0, 6.0)), &[3], DType::F16, unit.clone()),
        with("f16 by fours", 6, Input::new([17], DType::I32, Fill::Uniform(0.0, 6.0)), &[8], DType::F16, unit.clone()),
        case("40000 into 8x4: several chunks", 8, &[40_000], &[4]),
        case("20000 into 2003x4: several chunks", 2003, &[20_000], &[4]),
        with("70000 of one row", 5, same(70_000), &[1], DType::F32, unit.clone()).tolerance(walk(70_000)),
        case("more than 65535 groups", 62_700, &[17], &[67]),
    ];
    vec![Entry::new("scatter_add", "y[r] = Σ updates[i] over indices[i] = r: the gradient of gather", &ScatterAdd { rows: 1 }, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caps, Operand};

    #[test]
    fn the_variant_is_chosen_by_the_loads_it_needs() {
        let chosen = |rows, keys: usize, inner: usize| {
            let types = [TensorType::new([keys], DType::I32), TensorType::new([keys, inner], DType::F32)];
            let op = ScatterAdd { rows };
            let (inputs, outputs) = (types.each_ref().map(Operand::contiguous), op.infer(&types).unwrap());
            op.variants(&Lowering::new(&inputs, &outputs, &Caps::default()))[0]
        };
        assert_eq!(chosen(10, 32, 16), "naive");
        assert_eq!(chosen(2, 60_000, 4), "naive");
        assert_eq!(chosen(8_000, 2_048, 256), "linked");
    }

    #[test]
    fn every_index_is_in_one_chunk() {
        assert_eq!(chunks(10, 4).collect::<Vec<_>>(), [0..4, 4..8, 8..10]);
        assert_eq!(chunks(8, 4).collect::<Vec<_>>(), [0..4, 4..8]);
    }

    #[test]
    fn updates_must_begin_with_the_indices_extents() {
        let indices = TensorType::new([3, 2], DType::I32);
        let refused = ScatterAdd { rows: 4 }.infer(&[indices, TensorType::new([2, 3, 5], DType::F32)]).unwrap_err();
        assert!(refused.message.contains("must begin with the extents of the indices, [3, 2]"), "{refused}");
    }
}
