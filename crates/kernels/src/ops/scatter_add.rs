//! `scatter_add`: the gradient of `gather`: y[r, j…] = Σ over all i with indices[i] = r of updates[i…, j…].
//!
//! Shapes: indices i32 of any shape, updates indices.shape + […], result [rows, …]. Negative indices count from the end;
//! updates whose index is out of range are dropped. No float atomics: each output is summed by one invocation in f32 in the
//! order of the indices, so the same inputs give the same bytes.
//!
//! `naive` lets each output walk over all K indices: rows·K work. `linked` first links each index with the next one of the same
//! row (K²/2 comparisons of integers), then only the first of each row walks, along its links.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{Gather, gather};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

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
        let width = if inner % 4 == 0 { 4 } else { 1 };
        Sizes { keys: indices.numel(), inner: inner / width, count: facts.outputs[0].shape.numel() / width, width }
    }

    /// A launch over `count` invocations; the params are (output elements, elements of a row, rows, indices).
    fn launch(&self, stem: &'static str, facts: &Lowering<'_>, s: &Sizes, count: usize, mut args: Vec<(Arg, Access)>) -> Launch {
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
            blocks: vec![vec![s.count as u32, s.inner as u32, self.rows as u32, s.keys as u32]],
            grid: facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work::default(),
        }
    }
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
        // Loads: the naive walk reads every index for every output; linking reads half of K²/4 vectors and adds two launches.
        let naive = s.count as u64 * s.keys as u64;
        let linked = (s.keys as u64 * s.keys as u64) / 8 + (s.count + 2 * s.keys * s.inner) as u64;
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
        // Without any index there is nothing to link; the naive walk writes the zeros.
        if variant == "naive" || s.keys == 0 {
            let launch = self.launch("scatter_add_naive", facts, &s, s.count, vec![indices, updates, out]);
            return Ok(Lowered::one(Launch { work, ..launch }));
        }
        // Keys are padded to whole vectors of four.
        let padded = s.keys.next_multiple_of(4);
        let [keys, heads, next] = [Arg::Temp(0), Arg::Temp(1), Arg::Temp(2)];
        let (read, write) = (Access::Read, Access::ReadWrite);
        let launches = vec![
            self.launch("scatter_add_prepare", facts, &s, s.count.max(padded), vec![indices, (keys, write), (heads, write), out]),
            self.launch("scatter_add_link", facts, &s, s.keys, vec![(keys, read), (heads, write), (next, write)]),
            Launch { work, ..self.launch("scatter_add_linked", facts, &s, s.keys * s.inner, vec![(keys, read), (heads, read), (next, read), updates, out]) },
        ];
        Ok(Lowered { temps: vec![4 * padded as u64; 3], launches })
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

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let with = |name: &str, rows: usize, indices: Input, rest: &[usize], dtype, fill| {
        // A row's share of the indices, doubled for chance.
        let terms = 2 * indices.ty.shape.numel() / rows.max(1) + 8;
        let updates = Input::new([&indices.ty.shape[..], rest].concat(), dtype, fill);
        Case::new(format!("scatter_add {name}"), ScatterAdd { rows }, vec![indices, updates])
            .tolerance(Tolerance::reduction(terms).stored_as(dtype))
            .backward(Tolerance::EXACT)
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
        with("100 of one row", 5, same(100), &[8], DType::F32, unit.clone()).tolerance(Tolerance::reduction(100)),
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
    fn updates_must_begin_with_the_indices_extents() {
        let indices = TensorType::new([3, 2], DType::I32);
        let refused = ScatterAdd { rows: 4 }.infer(&[indices, TensorType::new([2, 3, 5], DType::F32)]).unwrap_err();
        assert!(refused.message.contains("must begin with the extents of the indices, [3, 2]"), "{refused}");
    }
}
