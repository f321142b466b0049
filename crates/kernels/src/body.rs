//! Element-wise code for the inside of a kernel: loads of strided operands and a chain of scalar functions.
//!
//! The `map` kernel is nothing but a body; other kernels take one as epilogue (a value passes through it before it is
//! stored) or as prologue (it makes the values that are reduced). A body is emitted as WGSL functions that call the
//! shader library; shapes, strides and constants ride in a uniform block, so that equal chains share a pipeline.

use crate::layout::collapse;
use crate::op::Scalar;
use crate::{Access, Arg, DType, Layout, Op, Operand, Program, Shape};
use std::fmt::Write as _;

/// Where a step of a chain takes an operand from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An input of the fused op.
    Input(usize),
    /// The result of an earlier step.
    Step(usize),
    /// The value passed in by the kernel (epilogues only).
    Head,
}

/// One element-wise op of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The op: one whose [`scalar`](crate::Kernel::scalar) is known.
    pub op: Op,
    /// Its operands.
    pub args: Vec<Source>,
    /// The type of its result.
    pub dtype: DType,
}

/// A chain to emit.
#[derive(Debug)]
pub struct Body<'a> {
    /// The shape over which it runs; every input is broadcast to it.
    pub shape: &'a Shape,
    /// The steps, the last one giving the result; empty means the input (or head) itself.
    pub steps: &'a [Step],
    /// The inputs as they lie, all of shape `shape`.
    pub inputs: &'a [Operand],
    /// The type of the head, for an epilogue.
    pub head: Option<DType>,
    /// The input that lies in the output's memory: it is read as `out[i]`.
    pub in_place: Option<usize>,
}

/// An emitted body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Emitted {
    /// Bindings and functions.
    pub code: String,
    /// Whether f16 buffers are declared.
    pub f16: bool,
    /// The uniform block; empty where none is needed.
    pub block: Vec<u32>,
    /// Which inputs are bound, after the block, in this order.
    pub bound: Vec<usize>,
}

impl Emitted {
    /// Adds the code and its bindings to a launch whose other bindings come first. `block` is the index of the uniform
    /// block to use; `first_input` the launch's number of the body's input 0.
    pub fn attach(self, program: &mut Program, args: &mut Vec<(Arg, Access)>, blocks: &mut Vec<Vec<u32>>, first_input: usize) {
        program.code.push_str(&self.code);
        program.f16 |= self.f16;
        if !self.block.is_empty() {
            args.push((Arg::Block(blocks.len()), Access::Read));
            blocks.push(self.block);
        }
        args.extend(self.bound.iter().map(|&n| (Arg::Input(first_input + n), Access::Read)));
    }
}

/// Whether four neighbours along the last axis can be computed at once.
pub fn vectorizes(shape: &Shape, steps: &[Step], inputs: &[Operand]) -> bool {
    let whole = Layout::contiguous(shape);
    let indices: Vec<Layout> = indices(steps).into_iter().flatten().collect();
    let layouts: Vec<&Layout> = std::iter::once(&whole).chain(inputs.iter().map(|o| &o.layout)).chain(&indices).collect();
    collapse(&layouts).0.last().is_some_and(|last| last % 4 == 0)
}

/// For each step that counts along an axis, the layout whose address is the count.
fn indices(steps: &[Step]) -> Vec<Option<Layout>> {
    let layout = |step: &Step| match step.op.kernel().scalar(&[]) {
        Some(Scalar::Index(layout)) => Some(layout),
        _ => None,
    };
    steps.iter().map(layout).collect()
}

/// The header aliases for the compute classes: scalars, or vectors of four.
pub fn aliases(vector: bool) -> [(&'static str, &'static str); 4] {
    if vector {
        [("F", "vec4<f32>"), ("I", "vec4<i32>"), ("U", "vec4<u32>"), ("B", "vec4<bool>")]
    } else {
        [("F", "f32"), ("I", "i32"), ("U", "u32"), ("B", "bool")]
    }
}

/// How one operand is read.
struct Reader {
    /// Elements a load takes: the buffer is declared as an array of vectors.
    vector: bool,
    /// Strides per collapsed axis, in array elements.
    strides: Vec<isize>,
    /// Elements between the four of a vector, where they are read one by one.
    step: isize,
    /// The first element, in array elements.
    offset: usize,
}

struct Writer<'a> {
    body: &'a Body<'a>,
    vector: bool,
    /// Collapsed extents; the last one in vectors where `vector`.
    extents: Vec<usize>,
    /// Slot in the block of each extent.
    words: Vec<u32>,
    code: String,
    f16: bool,
}

impl Body<'_> {
    /// The body as WGSL: `fn value(i: u32) -> R`, or `fn epilogue(head: H, i: u32) -> R` where it has a head, with `i` the
    /// row-major number of the element (of the vector of four where `vector`). Its bindings start at `binding`.
    pub fn emit(&self, binding: u32, vector: bool) -> Emitted {
        let whole = Layout::contiguous(self.shape);
        let virtuals = indices(self.steps);
        let mut layouts: Vec<&Layout> = vec![&whole];
        layouts.extend(self.inputs.iter().map(|o| &o.layout));
        layouts.extend(virtuals.iter().flatten());
        let (mut extents, strides) = collapse(&layouts);
        if vector && let Some(last) = extents.last_mut() {
            *last /= 4;
        }
        let mut w = Writer { body: self, vector, extents, words: Vec::new(), code: String::new(), f16: false };
        let readers: Vec<Reader> = self.inputs.iter().enumerate().map(|(n, o)| w.reader(&strides[n + 1], o.layout.offset, false)).collect();
        let mut next = 1 + self.inputs.len();
        let mut functions = String::new();
        for (n, (reader, input)) in readers.iter().zip(self.inputs).enumerate() {
            let text = w.load(n, reader, input.dtype);
            functions.push_str(&text);
        }
        for (k, layout) in virtuals.iter().enumerate() {
            let Some(layout) = layout else { continue };
            let reader = w.reader(&strides[next], layout.offset, true);
            next += 1;
            let text = w.index(k, &reader, self.steps[k].dtype);
            functions.push_str(&text);
        }
        let main = w.main();
        w.finish(binding, &readers, &functions, &main)
    }
}

impl Writer<'_> {
    /// A word of the block, as an expression.
    fn word(&mut self, value: u32) -> String {
        let k = self.words.len();
        self.words.push(value);
        format!("body[{}].{}", k / 4, ["x", "y", "z", "w"][k % 4])
    }

    /// How to read an operand with these collapsed strides. Index operands are computed, never loaded as vectors.
    fn reader(&self, strides: &[isize], offset: usize, index: bool) -> Reader {
        let step = strides.last().copied().unwrap_or(0);
        let mut strides = strides.to_vec();
        if !self.vector {
            return Reader { vector: false, strides, step: 0, offset };
        }
        let inner = strides.len() - 1;
        let whole = step == 1 && !index && offset.is_multiple_of(4) && strides[..inner].iter().all(|s| s % 4 == 0);
        if whole {
            strides[..inner].iter_mut().for_each(|s| *s /= 4);
            Reader { vector: true, strides, step, offset: offset / 4 }
        } else {
            strides[inner] *= 4;
            Reader { vector: false, strides, step, offset }
        }
    }

    /// `fn NAME(i: u32) -> u32`: the array index of element `i`.
    fn address(&mut self, name: &str, reader: &Reader) -> String {
        let mut out = format!("fn {name}(i: u32) -> u32 {{\n");
        let contiguous = {
            let mut expected = 1isize;
            (0..self.extents.len()).rev().all(|a| {
                let ok = reader.strides[a] == expected;
                expected *= self.extents[a] as isize;
                ok
            })
        };
        let mut sum = Vec::new();
        if reader.offset != 0 {
            sum.push(self.word(reader.offset as u32));
        }
        if contiguous {
            sum.push("i".to_owned());
        } else if let Some(first) = reader.strides.iter().position(|&s| s != 0) {
            out.push_str("  var q = i;\n");
            for axis in (first..self.extents.len()).rev() {
                let stride = reader.strides[axis];
                let extent = if axis > 0 { Some(self.word(self.extents[axis] as u32)) } else { None };
                if stride != 0 {
                    let at = extent.as_ref().map_or_else(|| "q".to_owned(), |d| format!("(q % {d})"));
                    // Writing to a String cannot fail.
                    let _ = writeln!(out, "  let x{axis} = {at};");
                    let stride = if stride == 1 { String::new() } else { format!(" * {}", self.word(stride as i32 as u32)) };
                    sum.push(format!("x{axis}{stride}"));
                }
                if axis > first
                    && let Some(d) = extent
                {
                    let _ = writeln!(out, "  q = q / {d};");
                }
            }
        }
        let sum = if sum.is_empty() { "0u".to_owned() } else { sum.join(" + ") };
        let _ = writeln!(out, "  return {sum};\n}}");
        out
    }

    /// The address and load functions of input `n`.
    fn load(&mut self, n: usize, reader: &Reader, dtype: DType) -> String {
        let mut out = self.address(&format!("at{n}"), reader);
        let class = dtype.class();
        let convert = |expr: String, wide: bool| match (dtype, wide) {
            (DType::F16, true) => format!("vec4<f32>({expr})"),
            (DType::F16, false) => format!("f32({expr})"),
            (DType::Bool, true) => format!("({expr} != vec4<u32>(0u))"),
            (DType::Bool, false) => format!("({expr} != 0u)"),
            _ => expr,
        };
        let buffer = if self.body.in_place == Some(n) { "out".to_owned() } else { format!("in{n}") };
        let one = |at: &str| convert(format!("{buffer}[{at}]"), false);
        let expr = if !self.vector {
            one("at")
        } else if reader.vector {
            convert(format!("{buffer}[at]"), true)
        } else if reader.step == 0 {
            format!("{class}({})", one("at"))
        } else {
            let step = self.word(reader.step as i32 as u32);
            format!("{class}({}, {}, {}, {})", one("at"), one(&format!("at + {step}")), one(&format!("at + 2u * {step}")), one(&format!("at + 3u * {step}")))
        };
        let _ = writeln!(out, "fn load{n}(i: u32) -> {class} {{\n  let at = at{n}(i);\n  return {expr};\n}}");
        out
    }

    /// The function of index step `k`: element `i`'s coordinate along an axis.
    fn index(&mut self, k: usize, reader: &Reader, dtype: DType) -> String {
        let mut out = self.address(&format!("at_step{k}"), reader);
        let class = dtype.class();
        let value = if !self.vector || reader.step == 0 {
            "U(at)".to_owned()
        } else {
            let step = self.word(reader.step as i32 as u32);
            format!("U(at) + U(0u, 1u, 2u, 3u) * {step}")
        };
        let _ = writeln!(out, "fn index{k}(i: u32) -> {class} {{\n  let at = at_step{k}(i);\n  return {class}({value});\n}}");
        out
    }

    /// The chain itself.
    fn main(&mut self) -> String {
        let body = self.body;
        let used = |n: usize| body.steps.is_empty() || body.steps.iter().any(|s| s.args.contains(&Source::Input(n)));
        let result = body.steps.last().map(|s| s.dtype).or(body.head).or(body.inputs.first().map(|o| o.dtype)).unwrap_or(DType::F32).class();
        let mut out = match body.head {
            Some(head) => format!("fn epilogue(head: {}, i: u32) -> {result} {{\n", head.class()),
            None => format!("fn value(i: u32) -> {result} {{\n"),
        };
        for n in (0..body.inputs.len()).filter(|&n| used(n)) {
            let _ = writeln!(out, "  let v{n} = load{n}(i);");
        }
        for (k, step) in body.steps.iter().enumerate() {
            let name = |s: &Source| match s {
                Source::Input(n) => format!("v{n}"),
                Source::Step(n) => format!("s{n}"),
                Source::Head => "head".to_owned(),
            };
            let types: Vec<DType> = step.args.iter().map(|s| self.source_type(s)).collect();
            let class = step.dtype.class();
            let expr = match step.op.kernel().scalar(&types) {
                Some(Scalar::Call { function, constants }) => {
                    let mut args: Vec<String> = step.args.iter().map(name).collect();
                    for c in constants {
                        let word = self.word(c.to_bits());
                        args.push(format!("bitcast<f32>({word})"));
                    }
                    format!("{function}({})", args.join(", "))
                }
                Some(Scalar::Constant(value)) => {
                    let word = match step.dtype {
                        DType::F32 | DType::F16 => {
                            format!("bitcast<f32>({})", self.word((value as f32).to_bits()))
                        }
                        DType::I32 => format!("bitcast<i32>({})", self.word(value as i32 as u32)),
                        DType::U32 => self.word(value as u32),
                        DType::Bool => format!("({} != 0u)", self.word(u32::from(value != 0.0))),
                    };
                    format!("{class}({word})")
                }
                Some(Scalar::Index(_)) => format!("index{k}(i)"),
                // invariant: only ops with a scalar are made into steps (`Map::infer` checks it).
                None => format!("not_elementwise_{}()", step.op.kernel().name()),
            };
            let _ = writeln!(out, "  let s{k} = {expr};");
        }
        let last = match (body.steps.len(), body.head) {
            (0, Some(_)) => "head".to_owned(),
            (0, None) => "v0".to_owned(),
            (n, _) => format!("s{}", n - 1),
        };
        let _ = writeln!(out, "  return {last};\n}}");
        out
    }

    fn source_type(&self, source: &Source) -> DType {
        match source {
            Source::Input(n) => self.body.inputs[*n].dtype,
            Source::Step(n) => self.body.steps[*n].dtype,
            Source::Head => self.body.head.unwrap_or(DType::F32),
        }
    }

    /// Bindings, then functions.
    fn finish(mut self, mut binding: u32, readers: &[Reader], functions: &str, main: &str) -> Emitted {
        let blocks = self.words.len().div_ceil(4);
        self.words.resize(blocks * 4, 0);
        if blocks > 0 {
            let _ = writeln!(self.code, "@group(0) @binding({binding}) var<uniform> body: array<vec4<u32>, {blocks}>;");
            binding += 1;
        }
        let bound: Vec<usize> = (0..readers.len()).filter(|&n| self.body.in_place != Some(n)).collect();
        for &n in &bound {
            let (reader, input) = (&readers[n], &self.body.inputs[n]);
            let element = input.dtype.wgsl();
            let element = if reader.vector { format!("vec4<{element}>") } else { element.to_owned() };
            let _ = writeln!(self.code, "@group(0) @binding({binding}) var<storage, read> in{n}: array<{element}>;");
            self.f16 |= input.dtype == DType::F16;
            binding += 1;
        }
        self.code.push_str(functions);
        self.code.push_str(main);
        Emitted { code: self.code, f16: self.f16, block: self.words, bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorType;
    use crate::ops::Iota;

    #[test]
    fn four_neighbours_of_a_count_lie_in_one_row() {
        let shape = Shape(vec![4, 11]);
        let count = |axis| [Step { op: Iota { shape: shape.clone(), axis, dtype: DType::I32 }.into(), args: vec![], dtype: DType::I32 }];
        let inputs = [Operand::contiguous(&TensorType::new(shape.clone(), DType::F32))];
        assert!(vectorizes(&shape, &[], &inputs));
        assert!(!vectorizes(&shape, &count(1), &inputs));
        assert!(!vectorizes(&shape, &count(0), &inputs));
    }
}
