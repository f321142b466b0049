//! `adam`: one step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019) in place, in PyTorch's form:
//!
//! g = grad + weight_decay·p (Adam), or p = p - learning_rate·weight_decay·p (AdamW, `decoupled`);
//! m' = β₁·m + (1 - β₁)·g;  v' = β₂·v + (1 - β₂)·g²;  p' = p - learning_rate·(m'·c₁)/(√(v'·c₂) + ε)
//!
//! Inputs: param, grad, m, v (both zeros at first) and rates f32\[3\] = (learning_rate, c₁ = 1/(1 - β₁ᵗ), c₂ = 1/(1 - β₂ᵗ)) for step t = 1, 2, …,
//! which the host computes in f64: β₂ᵗ in f32 would cost half of the digits of c₂ in the first steps. Outputs param', m', v', in the memory of
//! param, m, v. No gradient flows through a step.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::sgd::{check, update};
use crate::{Array, Builder, Case, Fill, Input, Layout, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// A step of Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// How much of the mean of the gradients stays.
    pub beta1: f64,
    /// How much of the mean of their squares stays.
    pub beta2: f64,
    /// Keeps the quotient finite.
    pub epsilon: f64,
    /// Pulls the parameters towards 0.
    pub weight_decay: f64,
    /// Whether the pull bypasses the means (AdamW).
    pub decoupled: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false }
    }
}

impl Adam {
    /// The rates of step `t`, counted from 1: (learning_rate, 1/(1 - β₁ᵗ), 1/(1 - β₂ᵗ)).
    pub fn rates(&self, learning_rate: f64, t: u64) -> [f32; 3] {
        // Beyond 2³¹ steps both powers are 0 in f64 for any β that trains.
        let t = i32::try_from(t.max(1)).unwrap_or(i32::MAX);
        let correction = |beta: f64| (1.0 / (1.0 - beta.powi(t))) as f32;
        [learning_rate as f32, correction(self.beta1), correction(self.beta2)]
    }
}

impl Kernel for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        if ![self.beta1, self.beta2].iter().all(|b| (0.0..1.0).contains(b)) {
            return Err(OpError::new("adam", format!("beta1 and beta2 must be in [0, 1), got {} and {}", self.beta1, self.beta2)));
        }
        check("adam", &["param", "grad", "m", "v", "rates"], 3, inputs)?;
        Ok(vec![inputs[0].clone(), inputs[2].clone(), inputs[3].clone()])
    }

    fn accepts(&self, index: usize, layout: &Layout) -> bool {
        index == 1 || layout.is_contiguous()
    }

    fn aliases(&self) -> &'static [(usize, usize)] {
        &[(0, 0), (1, 2), (2, 3)]
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let program = Program::new("adam").bool("DECOUPLED", self.decoupled);
        // 1 - β is rounded once: from the rounded β it would lose digits.
        let words = [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2, self.epsilon, self.weight_decay];
        let mut words: Vec<u32> = words.iter().map(|&v| (v as f32).to_bits()).collect();
        words.push(0);
        Ok(update(program, words, 3, 14.0, facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let [learning_rate, c1, c2] = [0, 1, 2].map(|n| inputs[4].data[n]);
        let mut results = [Vec::new(), Vec::new(), Vec::new()];
        for i in 0..inputs[0].data.len() {
            let [mut p, mut g, m, v] = [0, 1, 2, 3].map(|n| inputs[n].data[i]);
            if self.decoupled {
                p -= learning_rate * self.weight_decay * p;
            } else {
                g += self.weight_decay * p;
            }
            let m = self.beta1 * m + (1.0 - self.beta1) * g;
            let v = self.beta2 * v + (1.0 - self.beta2) * g * g;
            results[0].push(p - learning_rate * (m * c1) / ((v * c2).sqrt() + self.epsilon));
            results[1].push(m);
            results[2].push(v);
        }
        outputs.iter().zip(results).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, _b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![None; node.inputs.len()]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, op: Adam, shape: &[usize], t: u64, view| {
        // Before the first step both means are 0.
        let means = |low, high| Input::f32(shape).fill(if t == 1 { Fill::Values(vec![0.0]) } else { Fill::Uniform(low, high) });
        let rates = op.rates(0.01, t).map(f64::from).to_vec();
        let inputs = vec![Input::f32(shape), Input::f32(shape).view(view), means(-1.0, 1.0), means(1e-3, 1.0), Input::f32([3]).fill(Fill::Values(rates))];
        Case::new(format!("adam {name}"), op, inputs).tolerance(Tolerance::ulp(8.0)).no_grad()
    };
    let plain = Adam::default;
    let decay = |decoupled| Adam { weight_decay: 0.05, decoupled, ..Adam::default() };
    let cases = vec![
        case("1", plain(), &[1], 1, View::Plain),
        case("scalar", plain(), &[], 3, View::Plain),
        case("7 first step", plain(), &[7], 1, View::Plain),
        case("64x4 first step", plain(), &[64, 4], 1, View::Plain),
        case("64x5 step 100", plain(), &[64, 5], 100, View::Plain),
        case("13x12 with weight decay", decay(false), &[13, 12], 10, View::Plain),
        case("13x12 decoupled", decay(true), &[13, 12], 10, View::Plain),
        case("7 decoupled", decay(true), &[7], 1_000_000, View::Plain),
        case("other betas", Adam { beta1: 0.5, beta2: 0.9, epsilon: 1e-3, ..plain() }, &[31], 2, View::Plain),
        case("zero gradient", plain(), &[8], 1, View::Plain),
        case("12x8 from a transposed gradient", plain(), &[12, 8], 5, View::Transposed),
        case("4x8 from a sliced gradient", plain(), &[4, 8], 5, View::Sliced),
        case("empty", plain(), &[0, 3], 1, View::Plain),
        case("more than 65535 groups", plain(), &[65_537 * 64 + 3], 5, View::Plain),
    ];
    let still = |mut c: Case| {
        if c.name.ends_with("zero gradient") {
            c.inputs[1].fill = Fill::Values(vec![0.0]);
        }
        c
    };
    let cases = cases.into_iter().map(still).collect();
    vec![Entry::new("adam", "p' = p - learning_rate·m̂/(√v̂ + ε), AdamW where `decoupled` (torch.optim.Adam), in place", &Adam::default(), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn step(op: &Adam, state: [f64; 3], grad: f64, rates: [f64; 3]) -> [f64; 3] {
        let one = |v: f64| Array::new(TensorType::new([1], DType::F32), vec![v]);
        let rates = Array::new(TensorType::new([3], DType::F32), rates.to_vec());
        let arrays = [one(state[0]), one(grad), one(state[1]), one(state[2]), rates];
        let outputs = op.infer(&arrays.each_ref().map(|a| a.ty.clone())).unwrap();
        let results = op.reference(&arrays.each_ref(), &outputs);
        [0, 1, 2].map(|n| results[n].data[0])
    }

    fn near(found: [f64; 3], expected: [f64; 3]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    }

    #[test]
    fn steps_match_values_worked_out_by_hand() {
        let op = Adam { beta1: 0.5, beta2: 0.75, epsilon: 0.5, ..Adam::default() };
        // m = 1, v = 1; both corrected to 2; p = 1 - 0.1·2/(2 + 0.5).
        near(step(&op, [1.0, 0.0, 0.0], 2.0, [0.1, 2.0, 4.0]), [0.92, 1.0, 1.0]);
        // g = 2 + 0.5·1 = 2.5: m = 1.25, v = 1.5625; p = 1 - 0.1·2.5/(2.5 + 0.5).
        let decayed = Adam { weight_decay: 0.5, ..op.clone() };
        near(step(&decayed, [1.0, 0.0, 0.0], 2.0, [0.1, 2.0, 4.0]), [1.0 - 0.25 / 3.0, 1.25, 1.5625]);
        // AdamW: p = 1 - 0.1·0.5 first, then as without decay.
        let decoupled = Adam { decoupled: true, ..decayed };
        near(step(&decoupled, [1.0, 0.0, 0.0], 2.0, [0.1, 2.0, 4.0]), [0.87, 1.0, 1.0]);
        // With both means: m = 0.5·1 + 0.5·2, v = 0.75·1 + 0.25·4.
        near(step(&op, [1.0, 1.0, 1.0], 2.0, [0.1, 1.0, 1.0]), [1.0 - 0.15 / (1.75f64.sqrt() + 0.5), 1.5, 1.75]);
    }

    #[test]
    fn rates_correct_the_bias_of_the_first_steps() {
        let op = Adam::default();
        assert_eq!(op.rates(0.5, 1), [0.5, 10.0, 1000.0]);
        let third = op.rates(0.5, 3);
        assert!((f64::from(third[1]) - 1.0 / (1.0 - 0.729)).abs() < 1e-6 && (f64::from(third[2]) - 1.0 / (1.0 - 0.997002999)).abs() < 1e-4);
        assert_eq!(op.rates(0.5, u64::MAX), [0.5, 1.0, 1.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let ty = |n: usize| TensorType::new([n], DType::F32);
        let refused = |op: Adam, inputs: &[TensorType]| op.infer(inputs).unwrap_err().message;
        assert!(refused(Adam::default(), &[ty(2), ty(2), ty(2), ty(4), ty(3)]).contains("v f32[4]"));
        assert!(refused(Adam::default(), &[ty(2), ty(2), ty(2), ty(2), ty(1)]).contains("rates must be f32[3]"));
        assert!(refused(Adam { beta2: 1.0, ..Adam::default() }, &[]).contains("[0, 1)"));
    }
}
