//! `rmsprop`: one step of RMSprop (Tieleman and Hinton 2012) in place, in PyTorch's form:
//!
//! g = grad + weight_decay·p;  v' = alpha·v + (1 - alpha)·g²;  d = g/(√v' + epsilon);  p' = p - learning_rate·d
//!
//! where `centered` (Graves 2013) √(v' - m'²) with m' = alpha·m + (1 - alpha)·g takes the place of √v', and with momentum b' = momentum·b + d
//! that of d. Inputs: param, grad, v, m (only where `centered`), b (only where momentum ≠ 0), all zeros at first but param and grad, and rates
//! f32\[1\] = (learning_rate). Outputs param', v', m', b', in the memory of the inputs. v' - m'² is never below 0 but for rounding, and
//! counts as 0 there. No gradient flows through a step.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::sgd::{check, update};
use crate::{Array, Builder, Case, Fill, Input, Layout, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// A step of RMSprop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsProp {
    /// How much of the mean of the squares stays.
    pub alpha: f64,
    /// Keeps the quotient finite.
    pub epsilon: f64,
    /// Pulls the parameters towards 0: adds weight_decay·param to the gradient.
    pub weight_decay: f64,
    /// How much of the last step's direction stays; 0: none is kept.
    pub momentum: f64,
    /// Whether the mean of the gradients is taken off the squares.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { alpha: 0.99, epsilon: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

impl RmsProp {
    /// The names of the inputs.
    fn names(&self) -> Vec<&'static str> {
        let mut names = vec!["param", "grad", "v"];
        names.extend(self.centered.then_some("m"));
        names.extend((self.momentum != 0.0).then_some("b"));
        names.push("rates");
        names
    }
}

impl Kernel for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        if ![self.alpha, self.momentum].iter().all(|v| (0.0..1.0).contains(v)) {
            return Err(OpError::new("rmsprop", format!("alpha and momentum must be in [0, 1), got {} and {}", self.alpha, self.momentum)));
        }
        let names = self.names();
        check("rmsprop", &names, 1, inputs)?;
        Ok(vec![inputs[0].clone(); names.len() - 2])
    }

    fn accepts(&self, index: usize, layout: &Layout) -> bool {
        index == 1 || layout.is_contiguous()
    }

    fn aliases(&self) -> &'static [(usize, usize)] {
        &[(0, 0), (1, 2), (2, 3), (3, 4)][..self.names().len() - 2]
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let mut program = Program::new("rmsprop");
        let mut next = 4;
        let mut bind = |name: &str| {
            next += 1;
            format!("@group(0) @binding({}) var<storage, read_write> {name}: array<F>;\n", next - 1)
        };
        program.code = if self.centered {
            bind("means")
                + "fn centred(i: u32, g: F, v: F) -> F {\n  let m = params.alpha * means[i] + params.fresh * g;\n  means[i] = m;\n  return max(v - m * m, F(0.0));\n}\n"
        } else {
            "fn centred(i: u32, g: F, v: F) -> F { return v; }\n".to_owned()
        };
        program.code += &if self.momentum != 0.0 {
            bind("directions") + "fn along(i: u32, d: F) -> F {\n  let b = params.momentum * directions[i] + d;\n  directions[i] = b;\n  return b;\n}\n"
        } else {
            "fn along(i: u32, d: F) -> F { return d; }\n".to_owned()
        };
        let words = [self.alpha, 1.0 - self.alpha, self.epsilon, self.weight_decay, self.momentum];
        let mut words: Vec<u32> = words.iter().map(|&v| (v as f32).to_bits()).collect();
        words.extend([0, 0]);
        Ok(update(program, words, facts.outputs.len(), 12.0, facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let learning_rate = inputs[inputs.len() - 1].data[0];
        let mut results = vec![Vec::new(); outputs.len()];
        for i in 0..inputs[0].data.len() {
            let [p, g, v] = [0, 1, 2].map(|n| inputs[n].data[i]);
            let g = g + self.weight_decay * p;
            let v = self.alpha * v + (1.0 - self.alpha) * g * g;
            let mut states = vec![v];
            let mut square = v;
            if self.centered {
                let m = self.alpha * inputs[3].data[i] + (1.0 - self.alpha) * g;
                states.push(m);
                square = (v - m * m).max(0.0);
            }
            let mut d = g / (square.sqrt() + self.epsilon);
            if self.momentum != 0.0 {
                d += self.momentum * inputs[inputs.len() - 2].data[i];
                states.push(d);
            }
            states.insert(0, p - learning_rate * d);
            results.iter_mut().zip(states).for_each(|(out, value)| out.push(value));
        }
        outputs.iter().zip(results).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, _b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![None; node.inputs.len()]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, op: RmsProp, shape: &[usize], first: bool, view| {
        // The mean square is at least the square of the mean; a clear distance keeps rounding small.
        let state = |low, high| Input::f32(shape).fill(if first { Fill::Values(vec![0.0]) } else { Fill::Uniform(low, high) });
        let mut inputs = vec![Input::f32(shape), Input::f32(shape).view(view), state(0.5, 1.0)];
        inputs.extend(op.centered.then(|| state(-0.5, 0.5)));
        inputs.extend((op.momentum != 0.0).then(|| state(-1.0, 1.0)));
        inputs.push(Input::f32([1]).fill(Fill::Values(vec![0.01])));
        Case::new(format!("rmsprop {name}"), op, inputs).tolerance(Tolerance::ulp(12.0)).no_grad()
    };
    let plain = RmsProp::default;
    let momentum = || RmsProp { momentum: 0.9, ..plain() };
    let centered = || RmsProp { centered: true, ..plain() };
    let all = || RmsProp { alpha: 0.9, epsilon: 1e-3, weight_decay: 0.05, momentum: 0.5, centered: true };
    let cases = vec![
        case("1", plain(), &[1], false, View::Plain),
        case("scalar with momentum", momentum(), &[], false, View::Plain),
        case("7 first step", plain(), &[7], true, View::Plain),
        case("64x5 with momentum", momentum(), &[64, 5], false, View::Plain),
        case("64x4 centered", centered(), &[64, 4], false, View::Plain),
        case("13x12 with all", all(), &[13, 12], false, View::Plain),
        case("31 with all", all(), &[31], false, View::Plain),
        case("12x8 from a transposed gradient", all(), &[12, 8], false, View::Transposed),
        case("4x8 from a sliced gradient", plain(), &[4, 8], false, View::Sliced),
        case("empty", all(), &[0, 3], false, View::Plain),
    ];
    vec![Entry::new("rmsprop", "p' = p - learning_rate·g/(√v + epsilon), with momentum and centered (torch.optim.RMSprop), in place", &plain(), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn step(op: &RmsProp, inputs: &[f64]) -> Vec<f64> {
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
        // param 1, gradient 2, v 0, rate 0.1: v' = 0.25·4 = 1, d = 2/(1 + 1).
        let op = RmsProp { alpha: 0.75, epsilon: 1.0, ..RmsProp::default() };
        near(&step(&op, &[1.0, 2.0, 0.0, 0.1]), &[0.9, 1.0]);
        // g = 2 + 2·1 = 4, v' = 4, d = 4/3.
        near(&step(&RmsProp { weight_decay: 2.0, ..op.clone() }, &[1.0, 2.0, 0.0, 0.1]), &[1.0 - 0.4 / 3.0, 4.0]);
        // b' = 0.5·3 + 1.
        near(&step(&RmsProp { momentum: 0.5, ..op.clone() }, &[1.0, 2.0, 0.0, 3.0, 0.1]), &[0.75, 1.0, 2.5]);
        // m' = 0.75·0 + 0.25·2 = 0.5: √(1 - 0.25).
        let d = 2.0 / (0.75f64.sqrt() + 1.0);
        near(&step(&RmsProp { centered: true, ..op }, &[1.0, 2.0, 0.0, 0.0, 0.1]), &[1.0 - 0.1 * d, 1.0, 0.5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let ty = |n: usize| TensorType::new([n], DType::F32);
        let refused = |op: RmsProp, inputs: &[TensorType]| op.infer(inputs).unwrap_err().message;
        assert!(refused(RmsProp { alpha: 1.0, ..RmsProp::default() }, &[]).contains("[0, 1)"));
        assert!(refused(RmsProp { centered: true, ..RmsProp::default() }, &[ty(2), ty(2), ty(2), ty(1)]).contains("takes 5 inputs (param, grad, v, m, rates)"));
        assert!(refused(RmsProp::default(), &[ty(2), ty(3), ty(2), ty(1)]).contains("grad f32[3]"));
    }
}
