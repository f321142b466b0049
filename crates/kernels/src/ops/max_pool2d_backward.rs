//! `max_pool2d_backward`: the gradient of `max_pool2d`: dx\[i\] = Σ of g\[o\] over the windows o whose maximum was at i.
//!
//! g [N, C, OH, OW] in f32 or f16 and the indices (i32) that `max_pool2d` gave make dx [N, C, H, W]. A place looks for its windows
//! in order and adds in f32: no atomics, the same bytes each time. An index outside of its own window counts for nothing.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::max_pool2d::{self, names, words};
use crate::ops::{BinaryKind, Gather, Iota, MaxPool2d};
use crate::pooling::{Pool, Pooling};
use crate::window::images;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// Each window's gradient, put where its maximum was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool2dBackward {
    /// Height and width of the images that were pooled.
    pub input_size: [usize; 2],
    /// How they were pooled.
    pub pool: MaxPool2d,
}

impl Kernel for MaxPool2dBackward {
    fn name(&self) -> &'static str {
        "max_pool2d_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [grad, indices] = inputs else {
            return Err(OpError::new("max_pool2d_backward", format!("takes 2 inputs (gradient, indices), got {}", inputs.len())));
        };
        let (_, size) = images("max_pool2d_backward", grad)?;
        let [h, w] = self.pool.spans("max_pool2d_backward", self.input_size)?;
        if size != [h.output, w.output] {
            let message = format!("the gradient is {}, but pooling images of {:?} gives {:?}", grad.shape, self.input_size, [h.output, w.output]);
            return Err(OpError::new("max_pool2d_backward", message));
        }
        if indices.dtype != DType::I32 || indices.shape != grad.shape {
            return Err(OpError::new("max_pool2d_backward", format!("needs an i32 index for each value of the gradient {grad}, got {indices}")));
        }
        Ok(vec![TensorType::new([grad.shape[0], grad.shape[1], h.input, w.input], grad.dtype)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        if facts.outputs[0].shape.numel() == 0 { Vec::new() } else { names(self.block(facts).is_some()) }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let block = self.block(facts);
        let naive = facts.forced("max_pool2d_backward", &names(block.is_some()))? == Some("naive");
        match block.filter(|_| !naive) {
            Some(launch) => Ok(Lowered::one(launch)),
            None => Ok(Lowered::one(self.naive(facts)?)),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (g, indices) = (inputs[0], inputs[1]);
        let plane = self.input_size[0] * self.input_size[1];
        let mut dx = vec![0.0; outputs[0].shape.numel()];
        // invariant: `infer` accepted the windows.
        if let Ok([h, w]) = self.pool.spans("", self.input_size) {
            for (at, (&g, &index)) in g.data.iter().zip(&indices.data).enumerate() {
                let (oh, ow) = (at / w.output % h.output, at % w.output);
                let inside = h.taps(oh).any(|row| w.taps(ow).any(|col| (row * w.input + col) as f64 == index));
                if inside {
                    dx[at / (h.output * w.output) * plane + index as usize] += g;
                }
            }
        }
        vec![Array::new(outputs[0].clone(), dx)]
    }

    /// Each window takes the gradient at its place: indices must be those of a forward pass.
    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (indices, shape) = (node.inputs[1], b.shape(node.inputs[1]));
        let planes = Shape(vec![shape[0], shape[1], 1, 1]);
        let number = b.op(Iota { shape: Shape(vec![planes.numel()]), axis: 0, dtype: DType::I32 }, &[]);
        let number = b.reshape(number, planes);
        let first = b.scale(number, (self.input_size[0] * self.input_size[1]) as f64);
        let at = b.binary(BinaryKind::Add, first, indices);
        let all = b.shape(node.outputs[0]).numel();
        let flat = b.reshape(node.grad(), Shape(vec![all]));
        vec![Some(b.op(Gather::default(), &[flat, at])), None]
    }
}

impl MaxPool2dBackward {
    /// The launch by blocks.
    fn block(&self, facts: &Lowering<'_>) -> Option<Launch> {
        let shape = &facts.outputs[0].shape;
        let spans = self.pool.spans("max_pool2d_backward", self.input_size).ok()?;
        Pool { planes: shape[0] * shape[1], spans, pooling: Pooling::Max(true) }.backward(facts)
    }

    fn naive(&self, facts: &Lowering<'_>) -> Result<Launch, OpError> {
        let output = &facts.outputs[0];
        let spans = self.pool.spans("max_pool2d_backward", self.input_size)?;
        let mut program = Program::new("max_pool2d_backward").u32("WORKGROUP", WORKGROUP).alias("T", output.dtype.wgsl());
        program.f16 = output.dtype == DType::F16;
        let inputs = [0, 1].map(|n| (Arg::Input(n), Access::Read));
        let args = [&[(Arg::Block(0), Access::Read)], &inputs[..], &[(Arg::Output(0), Access::ReadWrite)]].concat();
        let count = output.shape.numel();
        let grid = facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP)));
        Ok(Launch { program, args, blocks: vec![words(count, &spans)], grid, work: Work { flops: 0.0, bytes: output.bytes() as f64 } })
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: [usize; 4], pool: MaxPool2d, dtype: DType| {
        // The places that a forward pass finds, of values that are often equal.
        let x = Input::f32(shape).fill(Fill::Values(vec![0.3, 0.1, 0.9, 0.4, 0.9, 0.2, 0.8, 0.3, 0.5, 0.9, 0.7]));
        let forward = Case::new("", pool.clone(), vec![x]);
        let types = forward.op.kernel().infer(&[forward.inputs[0].ty.clone()]).unwrap_or_default();
        let places = forward.op.kernel().reference(&[&forward.arrays()[0]], &types).pop().map(|a| a.data).unwrap_or_default();
        let pooled = types[0].shape.clone();
        let inputs = vec![Input::new(pooled.clone(), dtype, Fill::Uniform(-2.0, 2.0)), Input::new(pooled, DType::I32, Fill::Values(places))];
        let op = MaxPool2dBackward { input_size: [shape[2], shape[3]], pool };
        Case::new(format!("max_pool2d_backward {name}"), op, inputs).tolerance(Tolerance::ulp(8.0).stored_as(dtype))
    };
    let mut cases: Vec<Case> = max_pool2d::shapes().into_iter().map(|(name, shape, pool)| case(name, shape, pool, DType::F32)).collect();
    let two = MaxPool2d::new([2, 2]);
    let mut outside = case("places outside of their windows", [1, 2, 6, 8], two.clone(), DType::F32);
    outside.inputs[1].fill = Fill::Values(vec![-1.0, 2.0, 5.0, 48.0, 0.0, 2147483647.0, -2147483648.0, 14.0]);
    cases.push(outside.no_grad());
    let mut views = case("2x2 of 6x8 strided", [2, 2, 6, 8], two.clone(), DType::F32);
    (views.inputs[0].view, views.inputs[1].view) = (View::Transposed, View::Sliced);
    cases.push(views);
    let many = [65_537, 64, 1, 1];
    let inputs = vec![Input::f32(many), Input::new(many, DType::I32, Fill::Values(vec![0.0]))];
    let one = MaxPool2dBackward { input_size: [1, 1], pool: MaxPool2d::new([1, 1]) };
    cases.push(Case::new("max_pool2d_backward more than 65535 groups", one, inputs).tolerance(Tolerance::EXACT).no_grad());
    cases.push(case("f16 2x2 of 8x8", [1, 2, 8, 8], two, DType::F16));
    cases.push(case("f16 3x3 step 2 of 9x11", [1, 2, 9, 11], MaxPool2d { strides: [2, 2], ..MaxPool2d::new([3, 3]) }, DType::F16));
    let example = MaxPool2dBackward { input_size: [2, 2], pool: MaxPool2d::new([2, 2]) };
    let about = "dx[i] = Σ of g over the windows whose maximum was at i: the gradient of max_pool2d, from its indices";
    vec![Entry::new("max_pool2d_backward", about, &example, cases)]
}
