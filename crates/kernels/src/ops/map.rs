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
        if let Some(step) = self.steps.iter().find(|s| s.op.kernel().scalar(&[]).is_none()) {
            return Err(OpError::new("map", format!("{} is not element-wise and cannot be a step of a chain", step.op.kernel().name())));
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
        let vector = body::vectorizes(&self.shape, &self.steps, &inputs);
        let count = count / if vector { 4 } else { 1 };
        let mut program = Program::new("map").u32("WORKGROUP", WORKGROUP);
        program.aliases.extend(body::aliases(vector));
        program.code = stored(output.dtype, vector);
        program.f16 = output.dtype == DType::F16;
        let mut args = vec![(Arg::Output(0), Access::ReadWrite), (Arg::Block(0), Access::Read)];
        let mut blocks = vec![vec![count as u32, 0, 0, 0]];
        // An input that lies where the output goes is read through the output's binding: each invocation reads its own
        // element before it writes it.
        let in_place = facts.in_place.filter(|&n| facts.inputs[n].layout == Layout::contiguous(&self.shape) && facts.inputs[n].dtype == output.dtype);
        if facts.in_place != in_place {
            return Err(OpError::new("map", "an input can be updated in place only where it has the output's type and lies row-major"));
        }
        let body = Body { shape: &self.shape, steps: &self.steps, inputs: &inputs, head: None, in_place };
        body.emit(2, vector).attach(&mut program, &mut args, &mut blocks, 0);
        let read: f64 = facts.inputs.iter().map(|o| (o.layout.shape.numel() * o.dtype.bytes()) as f64).sum();
        let work = Work { flops: (self.steps.len() * self.shape.numel()) as f64, bytes: read + output.bytes() as f64 };
        let grid = facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP)));
        Ok(Lowered::one(Launch { program, args, blocks, grid, work }))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        vec![Array::new(outputs[0].clone(), self.eval(None, inputs).data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        self.backward(b, None, node.inputs, node.grad()).1
    }
}

impl Map {
    /// The chain's value in f64. `head` is the value passed in, for an epilogue.
    pub fn eval(&self, head: Option<&Array>, inputs: &[&Array]) -> Array {
        let inputs: Vec<Array> = inputs.iter().map(|a| a.broadcast(&self.shape)).collect();
        let mut results: Vec<Array> = Vec::new();
        let first = head.or(inputs.first());
        for step in &self.steps {
            let args: Vec<&Array> = step
                .args
                .iter()
                .filter_map(|s| match s {
                    Source::Input(n) => inputs.get(*n),
                    Source::Step(n) => results.get(*n),
                    Source::Head => head,
                })
                .collect();
            let ty = TensorType::new(self.shape.clone(), step.dtype);
            results.extend(step.op.kernel().reference(&args, &[ty]));
        }
        // invariant: `infer` rejects a chain with neither steps nor inputs.
        results.pop().or_else(|| first.cloned()).unwrap_or_else(|| Array::scalar(0.0))
    }

    /// The gradients of the head and of the inputs: the steps are replayed as single ops and each is differentiated.
    /// Fusion happens after differentiation, so this serves graphs that were fused and are differentiated again.
    pub fn backward(&self, b: &mut dyn Builder, head: Option<Value>, inputs: &[Value], grad: Value) -> (Option<Value>, Vec<Option<Value>>) {
        let mut values: Vec<Value> = Vec::new();
        let source = |values: &[Value], s: &Source| match s {
            Source::Input(n) => inputs[*n],
            Source::Step(n) => values[*n],
            Source::Head => head.unwrap_or(grad),
        };
        for step in &self.steps {
            let args: Vec<Value> = step.args.iter().map(|s| source(&values, s)).collect();
            values.push(b.emit(step.op.clone(), &args)[0]);
        }
        let mut head_grad = None;
        let mut grads: Vec<Option<Value>> = vec![None; inputs.len()];
        let mut step_grads: Vec<Option<Value>> = vec![None; self.steps.len()];
        match (step_grads.last_mut(), head) {
            (Some(last), _) => *last = Some(grad),
            (None, Some(_)) => head_grad = Some(grad),
            (None, None) => grads[0] = Some(grad),
        }
        for (k, step) in self.steps.iter().enumerate().rev() {
            let Some(grad) = step_grads[k] else { continue };
            let args: Vec<Value> = step.args.iter().map(|s| source(&values, s)).collect();
            let found = step.op.kernel().vjp(b, Node { inputs: &args, outputs: &[values[k]], grads: &[Some(grad)] });
            for ((s, g), &arg) in step.args.iter().zip(found).zip(&args) {
                let Some(g) = g else { continue };
                let shape = b.shape(arg);
                let g = b.sum_to(g, &shape);
                let slot = match s {
                    Source::Input(n) => &mut grads[*n],
                    Source::Step(n) => &mut step_grads[*n],
                    Source::Head => &mut head_grad,
                };
                *slot = Some(match *slot {
                    Some(sum) => b.add(sum, g),
                    None => g,
                });
            }
        }
        (head_grad, grads)
    }
}

/// Nothing in the catalogue: chains are made by fusion. The tests of fusion hold them to the single ops.
pub fn entries() -> Vec<Entry> {
    Vec::new()
}
