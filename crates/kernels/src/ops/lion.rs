//! `lion`: one step of Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms") in place, weight decay decoupled:
//!
//! p' = p - learning_rate·(sign(β₁·m + (1 - β₁)·grad) + weight_decay·p);  m' = β₂·m + (1 - β₂)·grad
//!
//! Inputs: param, grad, m (zeros at first) and rates f32\[1\] = (learning_rate). Outputs param', m', in the memory of param and m. No gradient
//! flows through a step.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::sgd::{check, update};
use crate::{Array, Builder, Case, Fill, Input, Layout, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// A step of Lion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lion {
    /// How much of the mean of the gradients is in the direction of the step.
    pub beta1: f64,
    /// How much of the mean of the gradients stays.
    pub beta2: f64,
    /// Pulls the parameters towards 0, beside the step.
    pub weight_decay: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

impl Kernel for Lion {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        if ![self.beta1, self.beta2].iter().all(|b| (0.0..1.0).contains(b)) {
            return Err(OpError::new("lion", format!("beta1 and beta2 must be in [0, 1), got {} and {}", self.beta1, self.beta2)));
        }
        check("lion", &["param", "grad", "m", "rates"], 1, inputs)?;
        Ok(vec![inputs[0].clone(), inputs[2].clone()])
    }

    fn accepts(&self, index: usize, layout: &Layout) -> bool {
        index == 1 || layout.is_contiguous()
    }

    fn aliases(&self) -> &'static [(usize, usize)] {
        &[(0, 0), (1, 2)]
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let words = [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2, self.weight_decay];
        let mut words: Vec<u32> = words.iter().map(|&v| (v as f32).to_bits()).collect();
        words.extend([0, 0]);
        Ok(update(Program::new("lion"), words, 2, 10.0, facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let learning_rate = inputs[3].data[0];
        let mut results = [Vec::new(), Vec::new()];
        for i in 0..inputs[0].data.len() {
            let [p, g, m] = [0, 1, 2].map(|n| inputs[n].data[i]);
            let c = self.beta1 * m + (1.0 - self.beta1) * g;
            let sign = if c == 0.0 { 0.0 } else { c.signum() };
            results[0].push(p - learning_rate * (sign + self.weight_decay * p));
            results[1].push(self.beta2 * m + (1.0 - self.beta2) * g);
        }
        outputs.iter().zip(results).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, _b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![None; node.inputs.len()]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, op: Lion, shape: &[usize], view| {
        // Gradients so far from 0 that no rounding decides the sign.
        let inputs = vec![
            Input::f32(shape),
            Input::f32(shape).fill(Fill::Away(0.5, 1.0)).view(view),
            Input::f32(shape).fill(Fill::Uniform(-0.04, 0.04)),
            Input::f32([1]).fill(Fill::Values(vec![0.01])),
        ];
        Case::new(format!("lion {name}"), op, inputs).tolerance(Tolerance::ulp(4.0)).no_grad()
    };
    let decay = || Lion { weight_decay: 0.5, ..Lion::default() };
    let still = |mut case: Case| {
        case.inputs[1].fill = Fill::Values(vec![0.0]);
        case.inputs[2].fill = Fill::Values(vec![0.0, 0.5, -0.5]);
        case
    };
    let cases = vec![
        case("1", Lion::default(), &[1], View::Plain),
        case("scalar", decay(), &[], View::Plain),
        case("64x5", Lion::default(), &[64, 5], View::Plain),
        case("64x4 with weight decay", decay(), &[64, 4], View::Plain),
        case("other betas", Lion { beta1: 0.5, beta2: 0.75, weight_decay: 0.1 }, &[31], View::Plain),
        still(case("zero gradient", Lion::default(), &[9], View::Plain)),
        case("12x8 from a transposed gradient", decay(), &[12, 8], View::Transposed),
        case("4x8 from a sliced gradient", decay(), &[4, 8], View::Sliced),
        case("empty", decay(), &[0, 3], View::Plain),
    ];
    vec![Entry::new("lion", "p' = p - learning_rate·(sign(β₁·m + (1 - β₁)·g) + weight_decay·p) (Chen et al. 2023), in place", &Lion::default(), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn steps_match_values_worked_out_by_hand() {
        let step = |op: &Lion, inputs: [f64; 3]| {
            let one = |v: f64| Array::new(TensorType::new([1], DType::F32), vec![v]);
            let arrays = [one(inputs[0]), one(inputs[1]), one(inputs[2]), one(0.1)];
            let outputs = op.infer(&arrays.each_ref().map(|a| a.ty.clone())).unwrap();
            let results = op.reference(&arrays.each_ref(), &outputs);
            [0, 1].map(|n| results[n].data[0])
        };
        let near = |found: [f64; 2], expected: [f64; 2]| assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
        let op = Lion { beta1: 0.5, beta2: 0.75, weight_decay: 0.0 };
        // 0.5·(-3) + 0.5·2 < 0: up by the rate; m' = 0.75·(-3) + 0.25·2.
        near(step(&op, [1.0, 2.0, -3.0]), [1.1, -1.75]);
        near(step(&op, [1.0, 3.0, -3.0]), [1.0, -1.5]);
        near(step(&Lion { weight_decay: 0.5, ..op }, [2.0, 2.0, 0.0]), [2.0 - 0.1 * (1.0 + 1.0), 0.5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let ty = |n: usize| TensorType::new([n], DType::F32);
        assert!(Lion { beta1: 1.0, ..Lion::default() }.infer(&[]).unwrap_err().message.contains("[0, 1)"));
        assert!(Lion::default().infer(&[ty(2), ty(2), ty(3), ty(1)]).unwrap_err().message.contains("m f32[3]"));
    }
}
