//! Reductions as launches: any axes of any chain of element-wise ops, in passes over `[outer, reduce, inner]`.
//!
//! Neighbouring axes that are all reduced or all kept merge; each group of reduced axes takes one pass, the innermost first,
//! with partial results in temporaries. A pass that makes few results of many values is split: chunks first, then an ordered
//! pass over the chunks' results. Nothing depends on the order in which workgroups run.

use crate::body::{self, Body, Step};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::ops::ReduceKind;
use crate::{Caps, DType, OpError, Program, Shape, TensorType};

/// One pass: `[outer, reduce, inner]` to `[outer, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Product of the extents outside of the reduced axes.
    pub outer: usize,
    /// Product of the reduced extents.
    pub reduce: usize,
    /// Product of the extents inside of them.
    pub inner: usize,
}

/// The passes that reduce `axes` (sorted) of `shape`, innermost group first. At least one: without reduced extents a pass over 1.
pub fn passes(shape: &Shape, axes: &[usize]) -> Vec<Pass> {
    let mut groups: Vec<(bool, usize)> = Vec::new();
    for (axis, &extent) in shape.iter().enumerate().filter(|&(_, &n)| n != 1) {
        let reduced = axes.contains(&axis);
        match groups.last_mut() {
            Some((same, total)) if *same == reduced => *total *= extent,
            _ => groups.push((reduced, extent)),
        }
    }
    let mut out = Vec::new();
    let mut inner = 1;
    while let Some((reduced, extent)) = groups.pop() {
        if reduced {
            out.push(Pass { outer: groups.iter().map(|&(_, n)| n).product(), reduce: extent, inner });
        } else {
            inner *= extent;
        }
    }
    if out.is_empty() {
        out.push(Pass { outer: 1, reduce: 1, inner });
    }
    out
}

/// How a pass is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// One invocation a result, one value a load.
    Naive,
    /// One invocation a result (four side by side along inner), four values a load where the shape allows it.
    Serial,
    /// Many invocations a result and a tree in workgroup memory.
    Workgroup,
}

/// A way to compute a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The kernel.
    pub method: Method,
    /// Chunks into which the reduced extent is cut: 1 for a single launch.
    pub splits: usize,
}

/// Chooses for a pass; `vector` says whether values are loaded four at a time. A pure function of facts.
pub fn choose(pass: &Pass, vector: bool, caps: &Caps) -> Choice {
    let cut = Cut::new(pass, vector, 1);
    let method = match (caps.software, pass.inner > 1) {
        (true, _) => Method::Serial,
        // Rows so short that one invocation reads each in a few loads, or enough columns to fill a GPU by themselves.
        (false, false) if cut.chunk <= 4 => Method::Serial,
        (false, true) if cut.chunk <= 4 || cut.outputs() >= 1 << 16 => Method::Serial,
        (false, _) => Method::Workgroup,
    };
    Choice { method, splits: splits(method, pass, vector, caps) }
}

/// Turns of loops that one invocation may take, all its loops together. Mesa's llvmpipe ends every loop of an invocation for good
/// after 65,535 turns in all, without a word and with a wrong result (LP_MAX_TGSI_LOOP_ITERATIONS); and on a GPU an invocation
/// that runs for much longer looks like a hang.
pub(crate) const MAX_TURNS: usize = 60_000;

/// The fewest chunks with which no invocation takes too many turns: block loops included.
fn fewest_splits(method: Method, pass: &Pass, vector: bool, caps: &Caps) -> usize {
    let turns = match method {
        Method::Naive => pass.reduce,
        Method::Serial => Cut::new(pass, vector, 1).chunk,
        Method::Workgroup => {
            let cut = Cut::new(pass, false, 1);
            cut.chunk.div_ceil(lanes(&cut, pass, workgroup(caps)) as usize)
        }
    };
    turns.div_ceil(MAX_TURNS / 2)
}

/// Into how many chunks a pass is worth cutting.
fn splits(method: Method, pass: &Pass, vector: bool, caps: &Caps) -> usize {
    let cut = Cut::new(pass, vector, 1);
    let (least, wanted) = match method {
        Method::Naive => (usize::MAX, 1),
        // A second dispatch costs about 20 µs on lavapipe, as long as some 4,000 loads; 64 invocations keep a few cores busy.
        Method::Serial if caps.software => (256, 64usize.div_ceil(cut.outputs().max(1))),
        Method::Serial => (256, (1usize << 14).div_ceil(cut.outputs().max(1))),
        // Four loads an invocation at least, and workgroups for every core of a large GPU.
        Method::Workgroup => {
            let lanes = lanes(&cut, pass, workgroup(caps)) as usize;
            let groups = (cut.outputs() * lanes).div_ceil(workgroup(caps) as usize);
            (lanes * 4, 512usize.div_ceil(groups.max(1)))
        }
    };
    let worth = if cut.chunk / 4 < least { 1 } else { wanted.min(cut.chunk / least).max(1) };
    worth.max(fewest_splits(method, pass, vector, caps))
}

/// Invocations in a workgroup of the workgroup kernel: software adapters pay for every barrier of every invocation.
pub(crate) fn workgroup(caps: &Caps) -> u32 {
    if caps.software { 64 } else { 256 }
}

/// Invocations in a workgroup where none shares: one subgroup of a software adapter while there are few, so that they spread
/// over the cores.
pub(crate) fn serial_workgroup(invocations: usize, caps: &Caps) -> u32 {
    if caps.software && invocations <= 512 { 8 } else { 64 }
}

/// Invocations that share a result: enough for four loads each, no more than a workgroup along rows or 16 across columns.
pub(crate) fn lanes(cut: &Cut, pass: &Pass, workgroup: u32) -> u32 {
    let most = if pass.inner > 1 { 16 } else { workgroup };
    (cut.chunk.div_ceil(4).next_power_of_two() as u32).clamp(2, most)
}

/// A pass in units of loads: single values, or vectors of four along inner, or along reduce where inner is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) outer: usize,
    pub(crate) reduce: usize,
    pub(crate) inner: usize,
    pub(crate) chunk: usize,
    pub(crate) splits: usize,
}

impl Cut {
    pub(crate) fn new(pass: &Pass, vector: bool, splits: usize) -> Self {
        let Pass { outer, mut reduce, mut inner } = *pass;
        if vector {
            if inner > 1 { inner /= 4 } else { reduce /= 4 }
        }
        // The chunks are of one length, so that fewer of them than asked for may be enough.
        let chunk = reduce.div_ceil(splits).max(1);
        Self { outer, reduce, inner, chunk, splits: reduce.div_ceil(chunk).max(1) }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outer * self.splits * self.inner
    }
}

/// What is reduced: a chain over operands, without steps operand 0 itself.
#[derive(Debug, Clone)]
pub struct Chain<'a> {
    /// The shape over which the chain runs.
    pub shape: Shape,
    /// Its steps.
    pub steps: &'a [Step],
    /// Its operands, each broadcast to `shape`.
    pub inputs: Vec<Operand>,
    /// What the operands are bound to.
    pub args: Vec<Arg>,
    /// The type of its values.
    pub dtype: DType,
}

impl Chain<'_> {
    /// The values of a contiguous buffer.
    pub fn buffer(arg: Arg, shape: Shape, dtype: DType) -> Self {
        let ty = TensorType::new(shape.clone(), dtype);
        Self { shape, steps: &[], inputs: vec![Operand::contiguous(&ty)], args: vec![arg], dtype }
    }

    /// Whether four neighbours can be computed at once in a pass.
    fn vectorizes(&self, pass: &Pass) -> bool {
        let extent = if pass.inner > 1 { pass.inner } else { pass.reduce };
        extent.is_multiple_of(4) && body::vectorizes(&self.shape, self.steps, &self.inputs)
    }
}

/// A reduction to lower.
#[derive(Debug, Clone)]
pub struct Reduction<'a> {
    /// What is made of the values.
    pub kind: ReduceKind,
    /// The values.
    pub chain: Chain<'a>,
    /// The reduced axes, sorted; none of extent 0.
    pub axes: Vec<usize>,
    /// Where the results go.
    pub out: Arg,
    /// Their stored type.
    pub out_dtype: DType,
}

/// The forms that can be forced by name.
const VARIANTS: [(&str, Method, bool); 5] = [
    ("naive", Method::Naive, false),
    ("serial", Method::Serial, false),
    ("workgroup", Method::Workgroup, false),
    ("serial_split", Method::Serial, true),
    ("workgroup_split", Method::Workgroup, true),
];

/// The variants of a pass, the one chosen first; splitting ones where there is anything to cut.
pub(crate) fn variants(pass: &Pass, vector: bool, caps: &Caps) -> Vec<&'static str> {
    let chosen = choose(pass, vector, caps);
    let possible = |v: &&(&str, Method, bool)| if v.2 { pass.reduce > 1 } else { v.1 == Method::Naive || fewest_splits(v.1, pass, vector, caps) == 1 };
    let mut all: Vec<_> = VARIANTS.iter().filter(possible).collect();
    all.sort_by_key(|v| (v.1, v.2) != (chosen.method, chosen.splits > 1));
    all.into_iter().map(|v| v.0).collect()
}

/// The choice for a pass: the variant of this name where one is forced.
fn decide(variant: Option<&str>, pass: &Pass, vector: bool, caps: &Caps) -> Choice {
    match VARIANTS.iter().find(|v| Some(v.0) == variant) {
        None => choose(pass, vector, caps),
        Some(&(_, method, false)) => Choice { method, splits: fewest_splits(method, pass, vector, caps) },
        Some(&(_, method, true)) => Choice { method, splits: splits(method, pass, vector, caps).max(4) },
    }
}

/// As [`choose`], or the variant that is forced.
///
/// # Errors
/// Where the variant does not exist or cannot run on this pass.
pub(crate) fn forced(facts: &Lowering<'_>, op: &str, pass: &Pass, vector: bool) -> Result<Choice, OpError> {
    facts.forced(op, &variants(pass, vector, facts.caps))?;
    Ok(decide(facts.variant, pass, vector, facts.caps))
}

impl Reduction<'_> {
    /// The variants, that of the first pass first.
    pub fn variants(&self, caps: &Caps) -> Vec<&'static str> {
        let pass = passes(&self.chain.shape, &self.axes)[0];
        variants(&pass, self.chain.vectorizes(&pass), caps)
    }

    /// Appends the launches, with `variant` in every pass where it names one.
    pub fn lower(&self, caps: &Caps, variant: Option<&str>, lowered: &mut Lowered) {
        let passes = passes(&self.chain.shape, &self.axes);
        let total: usize = passes.iter().map(|p| p.reduce).product();
        let mut chain = self.chain.clone();
        for (k, pass) in passes.iter().enumerate() {
            let vector = chain.vectorizes(pass);
            let choice = decide(variant, pass, vector, caps);
            let mut rest = *pass;
            if choice.splits > 1 {
                let cut = Cut::new(pass, vector && choice.method != Method::Naive, choice.splits);
                let partial = self.temp(lowered, pass.outer * cut.splits * pass.inner);
                lowered.launches.push(self.launch(&chain, pass, choice, (partial, self.partial()), None, caps));
                rest = Pass { reduce: cut.splits, ..*pass };
                chain = Chain::buffer(partial, Shape(vec![rest.outer, rest.reduce, rest.inner]), self.partial());
            }
            let once = Choice { splits: 1, ..choice };
            if k + 1 == passes.len() {
                let divisor = (self.kind == ReduceKind::Mean).then_some(total as f32);
                lowered.launches.push(self.launch(&chain, &rest, once, (self.out, self.out_dtype), divisor, caps));
            } else {
                let partial = self.temp(lowered, rest.outer * rest.inner);
                lowered.launches.push(self.launch(&chain, &rest, once, (partial, self.partial()), None, caps));
                let next = passes[k + 1];
                chain = Chain::buffer(partial, Shape(vec![next.outer, next.reduce, next.inner]), self.partial());
            }
        }
    }

    /// The type of partial results: that in which is computed.
    fn partial(&self) -> DType {
        if self.chain.dtype.is_float() { DType::F32 } else { self.chain.dtype }
    }

    fn temp(&self, lowered: &mut Lowered, count: usize) -> Arg {
        lowered.temps.push((count * self.partial().bytes()) as u64);
        Arg::Temp(lowered.temps.len() - 1)
    }

    fn launch(&self, chain: &Chain<'_>, pass: &Pass, choice: Choice, out: (Arg, DType), divisor: Option<f32>, caps: &Caps) -> Launch {
        let columns = pass.inner > 1;
        let vector = choice.method != Method::Naive && chain.vectorizes(pass);
        let cut = Cut::new(pass, vector, choice.splits);
        let outputs = cut.outputs();
        let (mut program, groups) = if choice.method == Method::Workgroup {
            let size = workgroup(caps);
            let lanes = lanes(&cut, pass, size);
            let program = Program::new("reduce_workgroup").u32("WORKGROUP", size).u32("LANES", lanes).bool("ACROSS", columns);
            (program, outputs.div_ceil((size / lanes) as usize))
        } else {
            let size = serial_workgroup(outputs, caps);
            (Program::new("reduce").u32("WORKGROUP", size), outputs.div_ceil(size as usize))
        };
        program.aliases.extend(body::aliases(vector));
        program.code = functions(self.kind, self.partial(), vector, vector && !columns, out.1, divisor.is_some());
        program.f16 = out.1 == DType::F16;
        let words = [outputs, cut.reduce, cut.inner, cut.chunk, cut.splits].map(|n| n as u32);
        let mut blocks = vec![[&words[..], &[divisor.unwrap_or(1.0).to_bits(), 0, 0]].concat()];
        let mut args = vec![(out.0, Access::ReadWrite), (Arg::Block(0), Access::Read)];
        let emitted = Body { shape: &chain.shape, steps: chain.steps, inputs: &chain.inputs, head: None, in_place: None }.emit(2, vector);
        program.code.push_str(&emitted.code);
        program.f16 |= emitted.f16;
        if !emitted.block.is_empty() {
            args.push((Arg::Block(1), Access::Read));
            blocks.push(emitted.block);
        }
        args.extend(emitted.bound.iter().map(|&n| (chain.args[n], Access::Read)));
        let read: usize = chain.inputs.iter().map(|o| distinct(o) * o.dtype.bytes()).sum();
        let made = outputs * if vector && columns { 4 } else { 1 };
        let flops = (pass.outer * pass.reduce * pass.inner * (1 + chain.steps.len())) as f64;
        let work = Work { flops, bytes: (read + made * out.1.bytes()) as f64 };
        Launch { program, args, blocks, grid: caps.fold(groups as u64), work }
    }
}

/// Elements of an operand that differ: axes of stride 0 are read over and over.
fn distinct(operand: &Operand) -> usize {
    operand.layout.shape.iter().zip(&operand.layout.strides).filter(|(_, s)| **s != 0).map(|(n, _)| n).product()
}

/// The functions that the kernels call: see `shaders/reduce.wgsl`.
fn functions(kind: ReduceKind, dtype: DType, vector: bool, folds: bool, out: DType, divides: bool) -> String {
    let scalar = dtype.wgsl();
    let wide = |ty: &str, wide: bool| if wide { format!("vec4<{ty}>") } else { ty.to_owned() };
    let (acc, res, out) = (wide(scalar, vector), wide(scalar, vector && !folds), wide(out.wgsl(), vector && !folds));
    let combine = |a: &str, b: &str| match kind {
        ReduceKind::Sum | ReduceKind::Mean => format!("({a} + {b})"),
        ReduceKind::Max => format!("max({a}, {b})"),
        ReduceKind::Min => format!("min({a}, {b})"),
    };
    // The largest finite f32 stands for infinity, on which no kernel leans.
    let identity = match (kind, dtype) {
        (ReduceKind::Sum | ReduceKind::Mean, DType::F32 | DType::F16) => "0.0",
        (ReduceKind::Sum | ReduceKind::Mean, DType::I32) => "0",
        (ReduceKind::Max, DType::F32 | DType::F16) => "-3.4028234e38",
        (ReduceKind::Min, DType::F32 | DType::F16) => "3.4028234e38",
        (ReduceKind::Max, DType::I32) => "bitcast<i32>(0x80000000u)",
        (ReduceKind::Min, DType::I32) => "0x7fffffff",
        (ReduceKind::Min, _) => "0xffffffffu",
        _ => "0u",
    };
    let fold = if folds { combine(&combine("v.x", "v.y"), &combine("v.z", "v.w")) } else { "v".to_owned() };
    let pair = combine("a", "b");
    let finish = if divides { "v / params.divisor" } else { "v" };
    format!(
        "alias ACC = {acc};\nalias RES = {res};\nalias OUT = {out};\n\
         fn identity() -> ACC {{ return ACC({identity}); }}\n\
         fn combine(a: ACC, b: ACC) -> ACC {{ return {pair}; }}\n\
         fn fold(v: ACC) -> RES {{ return {fold}; }}\n\
         fn join(a: RES, b: RES) -> RES {{ return {pair}; }}\n\
         fn finish(v: RES) -> RES {{ return {finish}; }}\n\
         fn stored(v: RES) -> OUT {{ return OUT(v); }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(outer: usize, reduce: usize, inner: usize) -> Pass {
        Pass { outer, reduce, inner }
    }

    #[test]
    fn neighbouring_axes_merge_and_groups_follow_from_the_inside() {
        assert_eq!(passes(&[2, 3, 5].into(), &[0, 1, 2]), [pass(1, 30, 1)]);
        assert_eq!(passes(&[2, 3, 5].into(), &[1]), [pass(2, 3, 5)]);
        assert_eq!(passes(&[2, 3, 5, 7].into(), &[0, 2, 3]), [pass(6, 35, 1), pass(1, 2, 3)]);
        assert_eq!(passes(&[2, 1, 5, 1].into(), &[0, 1, 2]), [pass(1, 10, 1)]);
        assert_eq!(passes(&[2, 1, 5].into(), &[1]), [pass(1, 1, 10)]);
        assert_eq!(passes(&[].into(), &[]), [pass(1, 1, 1)]);
    }

    #[test]
    fn software_adapters_get_no_workgroup_memory() {
        let caps = Caps { software: true, ..Caps::default() };
        for p in [pass(1, 1 << 24, 1), pass(4096, 1024, 1), pass(1, 32, 128), pass(1, 1 << 20, 4)] {
            assert_eq!(choose(&p, true, &caps).method, Method::Serial, "{p:?}");
        }
    }

    #[test]
    fn few_results_of_many_values_are_split_and_others_not() {
        for software in [false, true] {
            let caps = Caps { software, ..Caps::default() };
            assert!(choose(&pass(1, 1 << 24, 1), true, &caps).splits > 16);
            assert!(choose(&pass(1, 1 << 20, 4), true, &caps).splits > 16);
            assert_eq!(choose(&pass(4096, 1024, 1), true, &caps).splits, 1);
            assert_eq!(choose(&pass(1, 128, 128), true, &caps).splits, 1);
            assert_eq!(choose(&pass(1, 1000, 1), true, &caps).splits, 1);
        }
    }

    #[test]
    fn no_invocation_takes_more_turns_than_drivers_allow() {
        let p = pass(1, 1 << 24, 1);
        for software in [false, true] {
            let caps = Caps { software, ..Caps::default() };
            assert!(!variants(&p, true, &caps).contains(&"serial"));
            for name in variants(&p, false, &caps) {
                let choice = decide(Some(name), &p, false, &caps);
                let lanes = if choice.method == Method::Workgroup { 64 } else { 1 };
                assert!((1 << 24) / choice.splits / lanes <= MAX_TURNS / 2, "{name}: {choice:?}");
            }
        }
    }

    #[test]
    fn a_gpu_joins_long_rows_in_a_workgroup_and_reads_short_ones_alone() {
        let caps = Caps::default();
        assert_eq!(choose(&pass(4096, 1024, 1), true, &caps).method, Method::Workgroup);
        assert_eq!(choose(&pass(1, 64, 128), true, &caps).method, Method::Workgroup);
        assert_eq!(choose(&pass(100_000, 8, 1), true, &caps).method, Method::Serial);
        assert_eq!(choose(&pass(64, 128, 1 << 14), true, &caps).method, Method::Serial);
    }

    #[test]
    fn chunks_cover_the_extent_and_none_is_empty() {
        for (reduce, splits) in [(10, 4), (9, 4), (1, 4), (1 << 20, 64), (257, 256)] {
            let cut = Cut::new(&pass(3, reduce, 1), false, splits);
            assert!(cut.chunk * cut.splits >= reduce && cut.chunk * (cut.splits - 1) < reduce, "{cut:?}");
        }
    }
}
