//! A builder that computes each op at once on the CPU reference, and the numerical check of backward rules by it.

use crate::case::{self, Case};
use crate::op::Node;
use crate::{Array, Builder, Op, OpError, TensorType, Value};

/// Ops applied one after the other, each with its result.
#[derive(Debug, Default)]
pub struct Tape {
    values: Vec<Array>,
    nodes: Vec<(Op, Vec<Value>, Vec<Value>)>,
}

impl Tape {
    /// Puts an array on the tape.
    pub fn leaf(&mut self, array: Array) -> Value {
        self.values.push(array);
        Value(self.values.len() as u32 - 1)
    }

    /// The array of a value.
    pub fn array(&self, value: Value) -> &Array {
        &self.values[value.0 as usize]
    }

    /// Applies an op.
    ///
    /// # Errors
    /// Where the operands do not fit.
    pub fn apply(&mut self, op: Op, inputs: &[Value]) -> Result<Vec<Value>, OpError> {
        let types: Vec<TensorType> = inputs.iter().map(|&v| self.array(v).ty.clone()).collect();
        let outputs = op.infer(&types)?;
        let arrays: Vec<&Array> = inputs.iter().map(|&v| self.array(v)).collect();
        let results = op.kernel().reference(&arrays, &outputs);
        debug_assert_eq!(results.iter().map(|a| &a.ty).collect::<Vec<_>>(), outputs.iter().collect::<Vec<_>>(), "{op:?}");
        let values: Vec<Value> = results.into_iter().map(|a| self.leaf(a)).collect();
        self.nodes.push((op, inputs.to_vec(), values.clone()));
        Ok(values)
    }

    /// The gradients of the inputs of the last op, given the gradient of each of its outputs.
    pub fn backward(&mut self, grads: &[Option<Value>]) -> Vec<Option<Value>> {
        let Some((op, inputs, outputs)) = self.nodes.last().cloned() else {
            return Vec::new();
        };
        let found = op.kernel().vjp(self, Node { inputs: &inputs, outputs: &outputs, grads });
        let builder: &mut dyn Builder = self;
        found
            .into_iter()
            .zip(&inputs)
            .map(|(g, &input)| {
                g.map(|g| {
                    let shape = builder.shape(input);
                    builder.sum_to(g, &shape)
                })
            })
            .collect()
    }
}

impl Builder for Tape {
    fn emit(&mut self, op: Op, inputs: &[Value]) -> Vec<Value> {
        // invariant: a backward rule that builds an ill-typed node is a defect that the gradient check shows.
        self.apply(op, inputs).unwrap_or_else(|e| panic!("a backward rule built an ill-typed node: {e}"))
    }

    fn ty(&self, value: Value) -> &TensorType {
        &self.array(value).ty
    }
}

/// Compares the backward rule of a case with central differences of its reference, in f64. The outputs are weighed by
/// random numbers, so that a rule that ignores the incoming gradient is seen.
///
/// # Errors
/// Names the case, the input, the element and both values.
pub fn check_gradient(case: &Case) -> Result<(), String> {
    let inputs = case.arrays();
    let mut tape = Tape::default();
    let leaves: Vec<Value> = inputs.iter().map(|a| tape.leaf(a.clone())).collect();
    let outputs = tape.apply(case.op.clone(), &leaves).map_err(|e| format!("{}: {e}", case.name))?;
    let weights: Vec<Option<Array>> = outputs.iter().enumerate().map(|(n, &o)| case::weights(&tape.array(o).ty, n)).collect();
    let grads: Vec<Option<Value>> = weights.iter().map(|w| w.clone().map(|w| tape.leaf(w))).collect();
    let found = tape.backward(&grads);
    let loss = |inputs: &[Array]| -> f64 {
        let types: Vec<TensorType> = inputs.iter().map(|a| a.ty.clone()).collect();
        let Ok(types) = case.op.kernel().infer(&types) else {
            return f64::NAN;
        };
        let results = case.op.kernel().reference(&inputs.iter().collect::<Vec<_>>(), &types);
        results.iter().zip(&weights).filter_map(|(r, w)| w.as_ref().map(|w| r.data.iter().zip(&w.data).map(|(a, b)| a * b).sum::<f64>())).sum()
    };
    for (n, input) in inputs.iter().enumerate().filter(|(_, a)| a.ty.dtype.is_float()) {
        let Some(Some(grad)) = found.get(n).copied() else {
            if case.grad && case.differentiable(n) {
                return Err(format!("{}: no gradient for input {n}", case.name));
            }
            continue;
        };
        if tape.array(grad).ty.shape != input.ty.shape {
            return Err(format!("{}: gradient of input {n} has shape {}, the input {}", case.name, tape.array(grad).ty.shape, input.ty.shape));
        }
        // A few dozen elements spread over the tensor tell as much as all of them.
        let stride = (input.data.len() / 48).max(1);
        for i in (0..input.data.len()).step_by(stride) {
            let h = 1e-5 * input.data[i].abs().max(1.0);
            let mut shifted = inputs.clone();
            shifted[n].data[i] = input.data[i] + h;
            let above = loss(&shifted);
            shifted[n].data[i] = input.data[i] - h;
            let below = loss(&shifted);
            let expected = (above - below) / (2.0 * h);
            let got = tape.array(grad).data[i];
            let error = (got - expected).abs();
            if error.is_nan() || error > 1e-6 + 1e-5 * expected.abs().max(got.abs()) {
                return Err(format!("{}: gradient of input {n} at {i} is {got}, central difference {expected}", case.name));
            }
        }
    }
    Ok(())
}
