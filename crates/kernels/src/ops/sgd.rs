//! `sgd`: one step of stochastic gradient descent in place, with momentum (Sutskever et al. 2013), in PyTorch's form:
//!
//! g = grad + weight_decay·p;  v' = momentum·v + (1 - dampening)·g;  d = nesterov ? g + momentum·v' : v';  p' = p - learning_rate·d
//!
//! Inputs: param, grad, velocity (only where momentum ≠ 0) and rates f32\[1\] = (learning_rate), a tensor so that a schedule changes data
//! alone; outputs param' and velocity', in the memory of param and velocity. Velocity starts as zeros: the first step differs
//! from PyTorch's only where dampening ≠ 0, which PyTorch leaves out of it. No gradient flows through a step.

use crate::body::{self, Body};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// A step of stochastic gradient descent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// How much of the velocity stays; 0: none is kept, and the op has three inputs and one output.
    pub momentum: f64,
    /// The share of a gradient that does not enter the velocity.
    pub dampening: f64,
    /// Adds weight_decay·param to the gradient.
    pub weight_decay: f64,
    /// Looks ahead along the new velocity.
    pub nesterov: bool,
}

/// The types of an update: all tensors f32 and of one shape, the last input f32 with `rates` elements.
pub(crate) fn check(op: &str, names: &[&str], rates: usize, inputs: &[TensorType]) -> Result<(), OpError> {
    let [param, others @ .., last] = inputs else {
        return Err(OpError::new(op, format!("takes {} inputs ({}), got {}", names.len(), names.join(", "), inputs.len())));
    };
    if inputs.len() != names.len() {
        return Err(OpError::new(op, format!("takes {} inputs ({}), got {}", names.len(), names.join(", "), inputs.len())));
    }
    if param.dtype != DType::F32 || others.iter().any(|o| o != param) {
        let all: Vec<String> = names.iter().zip(inputs).map(|(n, t)| format!("{n} {t}")).collect();
        return Err(OpError::new(op, format!("needs f32 tensors of the parameter's shape, got {}", all.join(", "))));
    }
    if *last != TensorType::new([rates], DType::F32) {
        return Err(OpError::new(op, format!("rates must be f32[{rates}], got {last}")));
    }
    Ok(())
}

/// The launch of an update: `words` follow the count in the params; `outputs` are bound in place from binding 2 on, the
/// gradient (input 1) is a body, so that it may lie in any layout. F is one element or four.
pub(crate) fn update(mut program: Program, words: Vec<u32>, outputs: usize, flops: f64, facts: &Lowering<'_>) -> Lowered {
    let shape = &facts.outputs[0].shape;
    let grad = &facts.inputs[1..2];
    let numel = shape.numel();
    if numel == 0 {
        return Lowered::default();
    }
    let vector = body::vectorizes(shape, &[], grad);
    let count = numel / if vector { 4 } else { 1 };
    // On lavapipe an invocation's beginning costs as much as a load: an update of 100,352 parameters by Adam takes 16 % less where
    // each does four (two cores, 2026-11-23). A GPU has use for every invocation.
    let repeat = if facts.caps.software { 4 } else { 1 };
    program = program.u32("WORKGROUP", WORKGROUP).u32("REPEAT", repeat);
    program.aliases.extend(body::aliases(vector));
    let rates = facts.inputs.len() - 1;
    let mut args = vec![(Arg::Block(0), Access::Read), (Arg::Input(rates), Access::Read)];
    args.extend((0..outputs).map(|n| (Arg::Output(n), Access::ReadWrite)));
    let mut blocks = vec![[vec![count as u32], words].concat()];
    let first = args.len() as u32;
    Body { shape, steps: &[], inputs: grad, head: None, in_place: None }.emit(first, vector).attach(&mut program, &mut args, &mut blocks, 1);
    // Every state is read and written, the gradient read.
    let work = Work { flops: flops * numel as f64, bytes: ((2 * outputs + 1) * 4 * numel) as f64 };
    let grid = facts.caps.fold((count as u64).div_ceil(u64::from(WORKGROUP * repeat)));
    Lowered::one(Launch { program, args, blocks, grid, work })
}

impl Sgd {
    fn has_velocity(&self) -> bool {
        self.momentum != 0.0
    }
}

impl Kernel for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        if self.nesterov && (self.momentum <= 0.0 || self.dampening != 0.0) {
            return Err(OpError::new("sgd", format!("nesterov needs a momentum above 0 and no dampening, got {} and {}", self.momentum, self.dampening)));
        }
        if !self.has_velocity() {
            if self.dampening != 0.0 {
                return Err(OpError::new("sgd", "dampening has no meaning without momentum; leave it 0"));
            }
            check("sgd", &["param", "grad", "rates"], 1, inputs)?;
            return Ok(vec![inputs[0].clone()]);
        }
        check("sgd", &["param", "grad", "velocity", "rates"], 1, inputs)?;
        Ok(vec![inputs[0].clone(), inputs[2].clone()])
    }

    fn accepts(&self, index: usize, layout: &Layout) -> bool {
        index == 1 || layout.is_contiguous()
    }

    fn aliases(&self) -> &'static [(usize, usize)] {
        if self.has_velocity() { &[(0, 0), (1, 2)] } else { &[(0, 0)] }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let mut program = Program::new("sgd").bool("NESTEROV", self.nesterov);
        program.code = if self.has_velocity() {
            "@group(0) @binding(3) var<storage, read_write> velocity: array<F>;\n\
             fn recall(i: u32) -> F { return velocity[i]; }\n\
             fn remember(i: u32, v: F) { velocity[i] = v; }\n"
        } else {
            "fn recall(i: u32) -> F { return F(0.0); }\nfn remember(i: u32, v: F) {}\n"
        }
        .to_owned();
        let words = [self.momentum, 1.0 - self.dampening, self.weight_decay].map(|v| (v as f32).to_bits()).to_vec();
        Ok(update(program, words, facts.outputs.len(), 8.0, facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (param, grad) = (&inputs[0].data, &inputs[1].data);
        let learning_rate = inputs[inputs.len() - 1].data[0];
        let mut results = [Vec::new(), Vec::new()];
        for i in 0..param.len() {
            let g = grad[i] + self.weight_decay * param[i];
            let mut d = g;
            if self.has_velocity() {
                let v = self.momentum * inputs[2].data[i] + (1.0 - self.dampening) * g;
                results[1].push(v);
                d = if self.nesterov { g + self.momentum * v } else { v };
            }
            results[0].push(param[i] - learning_rate * d);
        }
        outputs.iter().zip(results).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, _b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![None; node.inputs.len()]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, op: Sgd, shape: &[usize], view| {
        let mut inputs = vec![Input::f32(shape), Input::f32(shape).view(view)];
        if op.has_velocity() {
            inputs.push(Input::f32(shape));
        }
        inputs.push(Input::f32([1]).fill(Fill::Values(vec![0.05])));
        Case::new(format!("sgd {name}"), op, inputs).no_grad()
    };
    let plain = || Sgd::default();
    let momentum = || Sgd { momentum: 0.9, ..Sgd::default() };
    let all = |nesterov, dampening| Sgd { momentum: 0.8, dampening, weight_decay: 0.01, nesterov };
    let cases = vec![
        case("1", plain(), &[1], View::Plain),
        case("scalar with momentum", momentum(), &[], View::Plain),
        case("7", plain(), &[7], View::Plain),
        case("7 with momentum", momentum(), &[7], View::Plain),
        case("64x5 with weight decay", Sgd { weight_decay: 0.1, ..plain() }, &[64, 5], View::Plain),
        case("64x4 with momentum", momentum(), &[64, 4], View::Plain),
        case("13x12 with nesterov", all(true, 0.0), &[13, 12], View::Plain),
        case("13x12 with dampening", all(false, 0.3), &[13, 12], View::Plain),
        case("12x8 from a transposed gradient", momentum(), &[12, 8], View::Transposed),
        case("4x8 from a sliced gradient", plain(), &[4, 8], View::Sliced),
        case("empty", momentum(), &[0, 3], View::Plain),
        case("more than 65535 groups", momentum(), &[65_537 * 64 + 3], View::Plain),
    ];
    let cases = cases.into_iter().map(|c| c.tolerance(Tolerance::ulp(4.0))).collect();
    vec![Entry::new("sgd", "p' = p - learning_rate·d, d from gradient, momentum, weight decay (torch.optim.SGD), in place", &Sgd::default(), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(op: Sgd, inputs: &[f64]) -> Vec<f64> {
        let arrays: Vec<Array> = inputs.iter().map(|&v| Array::new(TensorType::new([1], DType::F32), vec![v])).collect();
        let types: Vec<TensorType> = arrays.iter().map(|a| a.ty.clone()).collect();
        let outputs = op.infer(&types).unwrap();
        op.reference(&arrays.iter().collect::<Vec<_>>(), &outputs).into_iter().map(|a| a.data[0]).collect()
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    }

    #[test]
    fn steps_match_values_worked_out_by_hand() {
        // param 1, grad 0.5, velocity 2, rate 0.1.
        near(&step(Sgd::default(), &[1.0, 0.5, 0.1]), &[0.95]);
        near(&step(Sgd { weight_decay: 0.1, ..Sgd::default() }, &[1.0, 0.5, 0.1]), &[0.94]);
        near(&step(Sgd { momentum: 0.9, ..Sgd::default() }, &[1.0, 0.5, 2.0, 0.1]), &[0.77, 2.3]);
        near(&step(Sgd { momentum: 0.9, weight_decay: 0.1, nesterov: true, ..Sgd::default() }, &[1.0, 0.5, 2.0, 0.1]), &[0.724, 2.4]);
        near(&step(Sgd { momentum: 0.9, dampening: 0.5, ..Sgd::default() }, &[1.0, 0.5, 2.0, 0.1]), &[0.795, 2.05]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let ty = |shape: &[usize]| TensorType::new(shape, DType::F32);
        let refused = |op: Sgd, inputs: &[TensorType]| op.infer(inputs).unwrap_err().message;
        assert!(refused(Sgd::default(), &[ty(&[2]), ty(&[2])]).contains("takes 3 inputs (param, grad, rates)"));
        assert!(refused(Sgd::default(), &[ty(&[2]), ty(&[3]), ty(&[1])]).contains("grad f32[3]"));
        assert!(refused(Sgd::default(), &[ty(&[2]), ty(&[2]), ty(&[2])]).contains("rates must be f32[1]"));
        assert!(refused(Sgd { nesterov: true, ..Sgd::default() }, &[]).contains("nesterov needs a momentum"));
        assert_eq!((Sgd { momentum: 0.9, ..Sgd::default() }.aliases(), Sgd::default().aliases()), (&[(0, 0), (1, 2)][..], &[(0, 0)][..]));
    }
}
