//! `log_softmax`: y = x - max x - ln Σ exp(x - max x) along an axis (ONNX LogSoftmax since version 13: one axis, default -1).
//!
//! Shape in = shape out; f32 or f16, computed in f32. Unlike the logarithm of a softmax it stays finite where a probability is
//! too small for the type. The kernel is softmax's with another last line. Gradient: g - exp(y) Σ g.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{UnaryKind, softmax};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// The logarithm of softmax along an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSoftmax {
    /// The axis, counted from the end where negative.
    pub axis: i64,
}

impl Kernel for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        Ok(vec![softmax::infer("log_softmax", self.axis, inputs, 1)?])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        softmax::variants(self.axis, facts)
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let result = "fn normalizer(total: F) -> F { return log(total); }\nfn result(x: F, norm: F) -> F { return x - norm; }\n";
        softmax::Rows { op: "log_softmax", stems: ["softmax", "softmax_workgroup", "softmax_subgroup"], axis: self.axis, code: result }.lower(facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let mut data = vec![0.0; inputs[0].data.len()];
        for row in softmax::rows(&outputs[0].shape, self.axis) {
            let top = row.iter().map(|&i| inputs[0].data[i]).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|&i| (inputs[0].data[i] - top).exp()).sum();
            row.iter().for_each(|&i| data[i] = inputs[0].data[i] - top - total.ln());
        }
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let g = node.grad();
        let total = b.sum(g, Some(vec![self.axis]), true);
        let probabilities = b.unary(UnaryKind::Exp, node.outputs[0]);
        let share = b.mul(probabilities, total);
        vec![Some(b.sub(g, share))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let op = |axis| LogSoftmax { axis }.into();
    // g - exp(y) Σ g in f16: terms of order 1 may cancel, each rounded once, and y's rounding is that of exp(y).
    let eps = DType::F16.epsilon();
    let halves = |c: Case| if c.inputs[0].ty.dtype == DType::F16 { c.backward(Tolerance { rtol: 8.0 * eps, atol: eps }) } else { c };
    let mut all: Vec<Case> = softmax::cases("log_softmax", op, 18.0).into_iter().map(halves).collect();
    let values = |shape: &[usize], v: &[f64]| Input::f32(shape).fill(Fill::Values(v.to_vec()));
    // The differences are as large as the operands: nothing cancels.
    let large = [1e4, -1e4, 9.999e3, 0.0, 1e4, -3e4];
    all.push(Case::new("log_softmax 2x6 of order 1e4", op(-1), vec![values(&[2, 6], &large)]).tolerance(Tolerance::ulp(4.0)).no_grad());
    all.push(
        Case::new("log_softmax 3x8 axis 0 of order 1e30", op(0), vec![values(&[3, 8], &[1e30, -1e30, 2e30, 0.0])]).tolerance(Tolerance::ulp(4.0)).no_grad(),
    );
    vec![Entry::new("log_softmax", "y = x - ln Σ exp(x) along `axis` (ONNX LogSoftmax)", &LogSoftmax { axis: -1 }, all)]
}
