//! The launches of `norm` and its gradient. Rows that lie in one piece (layer, RMS, group norm) take one kernel, which reads a row
//! twice, or once where a subgroup can keep it; channels that are spread over a batch take two or three: gather, join the chunks, apply.

use super::norm_choose::{Method, Units, decide, lanes};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::ops::norm::{Frame, Norm};
use crate::ops::{NormBackward, softmax};
use crate::reduction::{self, MAX_TURNS};
use crate::resident::Resident;
use crate::{DType, OpError, Program, TensorType};
use std::fmt::Write as _;

/// Two quantities of each channel to be gathered.
struct Gather<'a> {
    /// The file with the functions that join them.
    part: &'static str,
    /// The functions that make them of values.
    code: &'a str,
    /// What these read, from binding 3 on.
    inputs: Vec<(Arg, Access)>,
    /// Where they go.
    out: [Arg; 2],
    /// By what the second is divided in the end.
    divisor: f32,
    work: Work,
}

/// What is under way: the facts, the frame and how it is read.
struct Plan<'a> {
    norm: &'a Norm,
    facts: &'a Lowering<'a>,
    frame: Frame,
    units: Units,
    method: Method,
    split: bool,
    dtype: DType,
}

impl<'a> Plan<'a> {
    fn new(op: &str, norm: &'a Norm, facts: &'a Lowering<'a>) -> Result<Option<Self>, OpError> {
        let TensorType { shape, dtype } = &facts.outputs[0];
        let frame = norm.frame(shape)?;
        if shape.numel() == 0 {
            return Ok(None);
        }
        let (_, method, split) = decide(op, &frame, facts)?;
        Ok(Some(Self { norm, facts, frame, units: Units::of(&frame, method), method, split, dtype: *dtype }))
    }

    fn work(&self, flops: f64, tensors: usize) -> Work {
        let numel = self.facts.outputs[0].shape.numel();
        Work { flops: flops * numel as f64, bytes: (tensors * numel * self.dtype.bytes()) as f64 }
    }

    fn epsilon(&self) -> u32 {
        (self.norm.epsilon as f32).to_bits()
    }

    /// The workgroups of `invocations` that work alone.
    fn grid(&self, program: &mut Program, invocations: usize) -> [u32; 3] {
        let size = reduction::serial_workgroup(invocations, self.facts.caps);
        program.consts.push(("WORKGROUP", crate::Const::U32(size)));
        self.facts.caps.fold((invocations as u64).div_ceil(u64::from(size)))
    }

    /// The workgroups of `outputs` that are each gathered by some of a workgroup's lanes.
    fn grid_of_lanes(&self, program: &mut Program, outputs: usize, values: usize, across: bool) -> [u32; 3] {
        let size = reduction::workgroup(self.facts.caps);
        let lanes = lanes(values, self.facts.caps, across);
        program.consts.extend([("WORKGROUP", crate::Const::U32(size)), ("LANES", crate::Const::U32(lanes))]);
        self.facts.caps.fold((outputs as u64).div_ceil(u64::from(size / lanes)))
    }

    /// One kernel over rows that lie in one piece; `shared` says whether there are scales to share.
    fn rows(&self, stems: [&'static str; 3], shared: bool, mut args: Vec<(Arg, Access)>, code: String, work: Work) -> Launch {
        let rows = self.frame.rows();
        let width = self.units.channels * self.units.length;
        let stem = match self.method {
            Method::Workgroup => stems[1],
            Method::Subgroup => stems[2],
            _ => stems[0],
        };
        let mut program = self.units.program(stem, self.dtype, self.norm.kind.centred());
        program.code = code;
        let resident = Resident::of(width, self.frame.a, self.facts.caps).filter(|_| self.method == Method::Subgroup);
        let grid = if let Some(resident) = resident {
            resident.define(&mut program);
            program.code.push_str(softmax::one(self.units.vector));
            self.facts.caps.fold((self.frame.a.div_ceil(resident.rows as usize) * self.frame.g) as u64)
        } else if self.method != Method::Workgroup {
            // Four rows share the loads of scale and shift, where there are rows enough to keep all cores at work.
            let four = self.facts.caps.software && shared && self.units.columns && self.frame.g == 1 && self.method == Method::Serial && rows >= 256;
            let each = if four { 4 } else { 1 };
            program.consts.push(("ROWS", crate::Const::U32(each)));
            self.grid(&mut program, rows.div_ceil(each as usize))
        } else {
            self.grid_of_lanes(&mut program, rows, width, false)
        };
        args.insert(1, (Arg::Block(0), Access::Read));
        let words = [rows, self.units.channels, self.units.length, self.frame.g].map(|n| n as u32);
        let rest = [(self.frame.count() as f32).to_bits(), self.epsilon(), resident.map_or(0, |r| r.rows), 0];
        Launch { program, args, blocks: vec![[words, rest].concat()], grid, work }
    }

    /// Gathers two quantities of each channel.
    fn gather(&self, lowered: &mut Lowered, gather: Gather<'_>) {
        let Gather { part, code, inputs, out, divisor, work } = gather;
        let (caps, units, values) = (self.facts.caps, self.units.gathered(&self.frame), self.units.values(&self.frame));
        let serial = self.method != Method::Workgroup;
        let across = self.units.columns;
        let least = match (self.method, caps.software) {
            (Method::Naive, _) => values,
            // No subgroup gathers channels.
            (Method::Serial | Method::Subgroup, true) => 32,
            (Method::Serial | Method::Subgroup, false) => 256,
            (Method::Workgroup, _) => 4 * lanes(values, caps, across) as usize,
        };
        let wanted = match self.method {
            Method::Workgroup => 512usize.div_ceil((units * lanes(values, caps, across) as usize).div_ceil(reduction::workgroup(caps) as usize)),
            // Channels side by side are read in strips as wide as a subgroup: neighbouring strips of a few images lie in the caches still.
            _ if caps.software && across => (values / 64).min(4096),
            _ if caps.software => 128usize.div_ceil(units),
            _ => (1usize << 14).div_ceil(units),
        };
        // Also no chunk so long that an invocation would take too many turns.
        let fewest = values.div_ceil(MAX_TURNS / 2);
        let splits = wanted.min(values / least).max(if self.split { 4 } else { 1 }).max(fewest);
        let fours = serial && !across && self.units.length.is_multiple_of(4);
        let chunk = values.div_ceil(splits).next_multiple_of(if fours { 4 } else { 1 });
        let splits = values.div_ceil(chunk);
        let width = if self.units.joins { 4 } else { 1 };
        let once = if splits > 1 { 1.0 } else { divisor };
        let parts = if splits > 1 { [0, 1].map(|_| temp(lowered, splits * self.frame.rows())) } else { out };
        let outputs = units * splits;
        let mut program = self
            .units
            .program(if serial { "norm_channels" } else { "norm_channels_workgroup" }, self.dtype, true)
            .part(part)
            .bool("ACROSS", across)
            .bool("FOURS", fours);
        program.code = code.to_owned();
        let grid = if serial { self.grid(&mut program, outputs) } else { self.grid_of_lanes(&mut program, outputs, chunk, across) };
        let mut args = vec![(parts[0], Access::ReadWrite), (Arg::Block(0), Access::Read), (parts[1], Access::ReadWrite)];
        args.extend(inputs);
        let image = self.units.channels * self.units.length;
        let mut words = [outputs, units, values, chunk, self.units.length, image].map(|n| n as u32).to_vec();
        words.extend([once.to_bits(), self.epsilon()]);
        lowered.launches.push(Launch { program, args, blocks: vec![words], grid, work });
        if splits == 1 {
            return;
        }
        let vector = self.frame.rows().is_multiple_of(4);
        let channels = self.frame.rows() / if vector { 4 } else { 1 };
        let mut program = Units { columns: true, vector, joins: false, ..self.units }.program("norm_join", DType::F32, true).part(part);
        let grid = self.grid(&mut program, channels);
        let mut args = vec![(out[0], Access::ReadWrite), (Arg::Block(0), Access::Read), (out[1], Access::ReadWrite)];
        args.extend(parts.map(|p| (p, Access::Read)));
        let rest = values - (splits - 1) * chunk;
        let mut words = vec![channels as u32, splits as u32];
        words.extend([(chunk * width) as f32, (rest * width) as f32, divisor].map(f32::to_bits));
        words.resize(8, 0);
        let work = Work { flops: (4 * channels * splits) as f64, bytes: (8 * self.frame.rows() * (splits + 1)) as f64 };
        lowered.launches.push(Launch { program, args, blocks: vec![words], grid, work });
    }

    /// Computes each element from what its channel has.
    fn apply(&self, lowered: &mut Lowered, code: String, inputs: Vec<(Arg, Access)>, work: Work) {
        let (units, length, images) = (self.units.channels, self.units.length, self.frame.a);
        let long = if self.units.columns { images } else { length };
        // A run shares the loads of the channel's numbers. On a GPU neighbouring lanes do neighbouring units, which caches make cheap.
        let run = match (self.method, self.facts.caps.software, self.units.columns) {
            (Method::Naive, ..) | (_, false, false) => 1,
            // The same few images for all channels, before others push them from the caches.
            (_, false, true) => 16,
            (_, true, columns) => {
                let all = images * units * if columns { 1 } else { length };
                [64, 32, 16].into_iter().find(|run| all / run >= 512).unwrap_or(8)
            }
        };
        let runs = long.div_ceil(run);
        let count = runs * units * if self.units.columns { 1 } else { images };
        let mut program = self.units.program("norm_apply", self.dtype, true);
        program.code = code;
        let grid = self.grid(&mut program, count);
        let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Block(0), Access::Read)];
        args.extend(inputs);
        let mut words = [count, units, images, length, run, runs].map(|n| n as u32).to_vec();
        words.extend([(self.frame.count() as f32).to_bits(), self.epsilon()]);
        lowered.launches.push(Launch { program, args, blocks: vec![words], grid, work });
    }

    /// Gathered lanes of F as one pair.
    fn folded(&self, moments: bool) -> &'static str {
        match (self.units.joins, moments) {
            (false, _) => "fn folded(v: Pair, n: f32) -> Whole { return Whole(v.a, v.b); }\n",
            (true, true) => {
                "fn folded(v: Pair, n: f32) -> Whole {\n  let mean = ((v.a.x + v.a.y) + (v.a.z + v.a.w)) * 0.25;\n  let d = v.a - F(mean);\n  \
                 return Whole(mean, ((v.b.x + v.b.y) + (v.b.z + v.b.w)) + n * dot(d, d));\n}\n"
            }
            (true, false) => "fn folded(v: Pair, n: f32) -> Whole { return Whole((v.a.x + v.a.y) + (v.a.z + v.a.w), (v.b.x + v.b.y) + (v.b.z + v.b.w)); }\n",
        }
    }
}

fn temp(lowered: &mut Lowered, count: usize) -> Arg {
    lowered.temps.push(4 * count as u64);
    Arg::Temp(lowered.temps.len() - 1)
}

/// A buffer that the generated code reads, at the next binding.
fn bind(code: &mut String, args: &mut Vec<(Arg, Access)>, at: usize, name: &str, element: &str, arg: Arg) {
    // Writing to a String cannot fail.
    let _ = writeln!(code, "@group(0) @binding({at}) var<storage, read> {name}: array<{element}>;");
    args.push((arg, Access::Read));
}

/// The function `NAME_at`, of input `arg` or, where that is absent, of a constant.
fn affine(code: &mut String, args: &mut Vec<(Arg, Access)>, at: usize, name: &str, element: &str, arg: Option<Arg>, absent: &str) {
    match arg {
        Some(arg) => {
            bind(code, args, at, &format!("{name}s"), element, arg);
            let _ = writeln!(code, "fn {name}_at(c: u32) -> F {{ return F({name}s[c]); }}");
        }
        None => {
            let _ = writeln!(code, "fn {name}_at(c: u32) -> F {{ return F({absent}); }}");
        }
    }
}

/// The launches of the forward pass.
pub(crate) fn forward(norm: &Norm, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
    let Some(plan) = Plan::new(norm.kind.name(), norm, facts)? else { return Ok(Lowered::default()) };
    let input = |n: usize| (n < facts.inputs.len()).then_some(Arg::Input(n));
    let element = plan.units.per_channel();
    let mut lowered = Lowered::default();
    let mut code = String::new();
    if plan.frame.batch {
        let values = "fn entered(unit: u32) -> Pair { return Pair(F(0.0), F(0.0)); }\n\
                      fn one_at(context: Pair, p: u32) -> Pair { return single(F(x[p])); }\n\
                      fn four_at(context: Pair, p: u32, q: u32, r: u32, s: u32) -> Pair { return four(F(x[p]), F(x[q]), F(x[r]), F(x[s])); }\n";
        let gathers = [plan.folded(true), values].concat();
        let x = (Arg::Input(0), Access::Read);
        let count = plan.frame.count() as f32;
        let out = [Arg::Output(1), Arg::Output(2)];
        let gather = Gather { part: "lib/norm_moments", code: &gathers, inputs: vec![x], out, divisor: count, work: plan.work(5.0, 1) };
        plan.gather(&mut lowered, gather);
        let mut args = vec![x];
        bind(&mut code, &mut args, 3, "means", element, Arg::Output(1));
        bind(&mut code, &mut args, 4, "variances", element, Arg::Output(2));
        affine(&mut code, &mut args, 5, "scale", element, input(1), "1.0");
        affine(&mut code, &mut args, 6, "shift", element, input(2), "0.0");
        code.push_str(
            "struct Context { mean: F, factor: F, shift: F }\n\
             fn entered(c: u32) -> Context {\n  \
             let deviation = sqrt(F(variances[c]) + F(params.epsilon));\n  \
             return Context(F(means[c]), scale_at(c) / deviation, shift_at(c));\n}\n\
             fn result(c: Context, at: u32) -> F { return (F(x[at]) - c.mean) * c.factor + c.shift; }\n",
        );
        plan.apply(&mut lowered, code, args, plan.work(3.0, 2));
        return Ok(lowered);
    }
    let centred = norm.kind.centred();
    let variance = if centred { 2 } else { 1 };
    let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Output(variance), Access::ReadWrite), (Arg::Input(0), Access::Read)];
    code.push_str(if plan.method == Method::Subgroup { softmax::across(plan.units.vector) } else { plan.folded(true) });
    let mut at = 4;
    if centred {
        code.push_str("@group(0) @binding(4) var<storage, read_write> means: array<f32>;\nfn remember(row: u32, mean: f32) { means[row] = mean; }\n");
        args.push((Arg::Output(1), Access::ReadWrite));
        at = 5;
    } else {
        code.push_str("fn remember(row: u32, mean: f32) {}\n");
    }
    affine(&mut code, &mut args, at, "scale", element, input(1), "1.0");
    affine(&mut code, &mut args, at + 1, "shift", element, input(2), "0.0");
    let mut launch = plan.rows(["norm", "norm_workgroup", "norm_subgroup"], facts.inputs.len() > 1, args, code, plan.work(8.0, 2));
    if plan.method != Method::Subgroup {
        launch.program.parts.push("lib/norm_moments");
    }
    lowered.launches.push(launch);
    Ok(lowered)
}

/// The launches of the backward pass.
pub(crate) fn backward(op: &NormBackward, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
    let norm = &op.0;
    let name = crate::Kernel::name(op);
    let Some(plan) = Plan::new(name, norm, facts)? else { return Ok(Lowered::default()) };
    let least = 2 + op.stats();
    let scale = (least < facts.inputs.len()).then_some(Arg::Input(least));
    let element = plan.units.per_channel();
    let mut lowered = Lowered::default();
    let mut code = String::new();
    if plan.frame.batch {
        let mut args = vec![(Arg::Input(1), Access::Read)];
        let stored = softmax::stored(plan.dtype, plan.units.vector);
        bind(&mut code, &mut args, 4, "g", stored, Arg::Input(0));
        bind(&mut code, &mut args, 5, "means", element, Arg::Input(2));
        bind(&mut code, &mut args, 6, "variances", element, Arg::Input(3));
        code.push_str(plan.folded(false));
        code.push_str(
            "fn entered(c: u32) -> Pair { return Pair(F(means[c]), F(1.0) / sqrt(F(variances[c]) + F(params.epsilon))); }\n\
             fn one_at(c: Pair, p: u32) -> Pair {\n  let v = F(g[p]);\n  return Pair(v, v * ((F(x[p]) - c.a) * c.b));\n}\n\
             fn four_at(c: Pair, p: u32, q: u32, r: u32, s: u32) -> Pair {\n  \
             return joined(joined(one_at(c, p), 1.0, one_at(c, q), 1.0), 2.0, joined(one_at(c, r), 1.0, one_at(c, s), 1.0), 2.0);\n}\n",
        );
        let sums = if scale.is_some() { [Arg::Output(2), Arg::Output(1)] } else { [0, 1].map(|_| temp(&mut lowered, plan.frame.rows())) };
        let gather = Gather { part: "lib/norm_sums", code: &code, inputs: args, out: sums, divisor: 1.0, work: plan.work(5.0, 2) };
        plan.gather(&mut lowered, gather);
        let mut args = vec![(Arg::Input(1), Access::Read)];
        let mut code = String::new();
        bind(&mut code, &mut args, 3, "g", stored, Arg::Input(0));
        bind(&mut code, &mut args, 4, "means", element, Arg::Input(2));
        bind(&mut code, &mut args, 5, "variances", element, Arg::Input(3));
        bind(&mut code, &mut args, 6, "sums", element, sums[0]);
        bind(&mut code, &mut args, 7, "products", element, sums[1]);
        affine(&mut code, &mut args, 8, "scale", element, scale, "1.0");
        // dx = r·scale·(g - Σ g/n - z·Σ g z/n).
        code.push_str(
            "struct Context { mean: F, factor: F, sum: F, slope: F }\n\
             fn entered(c: u32) -> Context {\n  \
             let r = F(1.0) / sqrt(F(variances[c]) + F(params.epsilon));\n  \
             return Context(F(means[c]), r * scale_at(c), F(sums[c]) / params.values, F(products[c]) * r / params.values);\n}\n\
             fn result(c: Context, at: u32) -> F { return c.factor * ((F(g[at]) - c.sum) - (F(x[at]) - c.mean) * c.slope); }\n",
        );
        plan.apply(&mut lowered, code, args, plan.work(5.0, 3));
        return Ok(lowered);
    }
    let mut args =
        vec![(Arg::Output(0), Access::ReadWrite), (Arg::Input(least - 1), Access::Read), (Arg::Input(1), Access::Read), (Arg::Input(0), Access::Read)];
    let mut at = 5;
    code.push_str(softmax::across(plan.units.vector));
    if norm.kind.centred() {
        bind(&mut code, &mut args, 5, "means", "f32", Arg::Input(2));
        code.push_str("fn mean_of(row: u32) -> f32 { return means[row]; }\n");
        at = 6;
    } else {
        code.push_str("fn mean_of(row: u32) -> f32 { return 0.0; }\n");
    }
    affine(&mut code, &mut args, at, "scale", element, scale, "1.0");
    lowered.launches.push(plan.rows(["norm_backward", "norm_backward_workgroup", "norm_backward_subgroup"], scale.is_some(), args, code, plan.work(10.0, 3)));
    Ok(lowered)
}
