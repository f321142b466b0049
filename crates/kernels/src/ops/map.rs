//! `map`: a fused chain of element-wise ops, y = f(x₀, x₁, …), computed in one pass over the output.
//!
//! Shapes: every input broadcasts to the output's shape. Values stay in registers between the steps, in f32 for floats:
//! a chain over f16 tensors rounds once, at the store. Single element-wise ops and copies are chains of one step and none.

use crate::body::{self, Body, Source, Step};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::op::{Entry, Kernel, Node};
use crate::{Array, Builder, DType, Layout, Op, OpError, Program, Shape, TensorType, Value};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// A chain of element-wise steps. No steps: a copy of input 0 in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// The shape of the output.
    pub shape: Shape,
    /// The steps, the last one giving the output.
    pub steps: Vec<Step>,
}

impl Map {
    /// A chain of one op.
    pub fn single(op: Op, inputs: usize, output: &TensorType) -> Self {
        let args = (0..inputs).map(Source::Input).collect();
        Self { shape: output.shape.clone(), steps: vec![Step { op, args, dtype: output.dtype }] }
    }

    /// A copy in row-major order.
    pub fn copy(shape: &Shape) -> Self {
        Self { shape: shape.clone(), steps: Vec::new() }
    }
}

/// The function that converts a computed value to the stored type.
pub fn stored(dtype: DType, vector: bool) -> String {
    let (out, class) = (if vector { format!("vec4<{}>", dtype.wgsl()) } else { dtype.wgsl().to_owned() }, dtype.class());
    let value = if dtype == DType::Bool { "select(U(0u), U(1u), v)".to_owned() } else { format!("{out}(v)") };
    format!("alias OUT = {out};\nfn stored(v: {class}) -> OUT {{ return {value}; }}\n")
}

impl Kernel for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        for input in inputs {
            if Shape::broadcast("map", &input.shape, &self.shape)? != self.shape {
                return Err(OpError::new("map", format!("an input of shape {} does not broadcast to {}", input.shape, self.shape)));
            }
        }
        let dtype = match (self.steps.last(), inputs.first()) {
            (Some(step), _) => step.dtype,
            (None, Some(input)) => input.dtype,
            (None, None) => return Err(OpError::new("map", "a copy needs an input")),
        };
        Ok(vec![TensorType::new(self.shape.clone(), dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let output = &facts.outputs[0];
        let count = self.shape.numel();
        if count == 0 {
            return Ok(Lowered::default());
        }
        let inputs: Vec<Operand> = facts.inputs.iter().map(|o| Operand { layout: o.layout.broadcast(&self.shape), dtype: o.dtype }).collect();
        let vector = body::vectorizes(&self.shape, &inputs);
        let count = count / if vector { 4 } else { 1 };
        let mut program = Program::new("map").u32("WORKGROUP", WORKGROUP);
        program.aliases.extend(body::aliases(vector));
        program.code = stored(output.dtype, vector);
        program.f16 = output.dtype == DType::F16;
        let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Block(0), Access::Read)];
        let mut blocks = vec![vec![count as u32, 0, 0, 0]];
        let body = Body { shape: &self.shape, steps: &self.steps, inputs: &inputs, head: None };
        body.emit(2, vector).attach(&mut program, &mut args, &mut blocks, 0);
        let read: f64 = facts.inputs.iter().map(|o| (o.layout.shape.numel() * o.dtype.bytes()) as f64).sum();
        let work = Work { flops: (self.steps.len() * self.shape.numel()) as f64, bytes: read + output.bytes() as f64 };
        let grid = facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP)));
        Ok(Lowered::one(Launch { program, args, blocks, grid, work }))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let inputs: Vec<Array> = inputs.iter().map(|a| a.broadcast(&self.shape)).collect();
        let mut results: Vec<Array> = Vec::new();
        for step in &self.steps {
            let args: Vec<&Array> = step
                .args
                .iter()
                .map(|s| match s {
                    Source::Input(n) => &inputs[*n],
                    Source::Step(n) => &results[*n],
                    // invariant: heads exist in epilogues alone, whose kernels evaluate them.
                    Source::Head => &inputs[0],
                })
                .collect();
            let ty = TensorType::new(self.shape.clone(), step.dtype);
            let result = step.op.kernel().reference(&args, &[ty]).swap_remove(0);
            results.push(result);
        }
        let last = results.pop().unwrap_or_else(|| inputs[0].clone());
        vec![Array::new(outputs[0].clone(), last.data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        // Chains are made by fusion, after differentiation; this rule replays the steps and differentiates each.
        let mut values: Vec<Value> = Vec::new();
        let source = |values: &[Value], s: &Source| match s {
            Source::Input(n) => node.inputs[*n],
            Source::Step(n) => values[*n],
            Source::Head => node.inputs[0],
        };
        for step in &self.steps {
            let args: Vec<Value> = step.args.iter().map(|s| source(&values, s)).collect();
            values.push(b.emit(step.op.clone(), &args)[0]);
        }
        let mut grads: Vec<Option<Value>> = vec![None; node.inputs.len()];
        let mut step_grads: Vec<Option<Value>> = vec![None; self.steps.len()];
        match step_grads.last_mut() {
            Some(last) => *last = Some(node.grad()),
            None => grads[0] = Some(node.grad()),
        }
        for (k, step) in self.steps.iter().enumerate().rev() {
            let Some(grad) = step_grads[k] else { continue };
            let args: Vec<Value> = step.args.iter().map(|s| source(&values, s)).collect();
            let found = step.op.kernel().vjp(b, Node { inputs: &args, outputs: &[values[k]], grads: &[Some(grad)] });
            for (s, g) in step.args.iter().zip(found) {
                let slot = match s {
                    Source::Input(n) => &mut grads[*n],
                    Source::Step(n) => &mut step_grads[*n],
                    Source::Head => &mut grads[0],
                };
                *slot = match (*slot, g) {
                    (Some(a), Some(g)) => Some(b.add(a, g)),
                    (a, g) => a.or(g),
                };
            }
        }
        grads
    }
}

/// Nothing in the catalogue: chains are made by fusion. The tests of fusion hold them to the single ops.
pub fn entries() -> Vec<Entry> {
    Vec::new()
}
