//! `softmax_backward`: the gradient of softmax from its result y and the gradient g of that: y·(g - Σ g y) along an axis.
//!
//! Shapes: y, g and the result are alike; f32 or f16, computed in f32. Its own gradient is in terms of the same op, so that gradients
//! of gradients work: with u the incoming gradient, ∂g = y·(u - Σ u y) and ∂y = u·(g - Σ g y) - g·Σ u y.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::softmax;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// The gradient of softmax.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxBackward {
    /// The axis, counted from the end where negative.
    pub axis: i64,
}

impl Kernel for SoftmaxBackward {
    fn name(&self) -> &'static str {
        "softmax_backward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        Ok(vec![softmax::infer("softmax_backward", self.axis, inputs, 2)?])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        softmax::variants(self.axis, facts)
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        softmax::Rows {
            op: "softmax_backward",
            stems: ["softmax_backward", "softmax_backward_workgroup", "softmax_backward_subgroup"],
            axis: self.axis,
            code: "",
        }
        .lower(facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (y, g) = (&inputs[0].data, &inputs[1].data);
        let mut data = vec![0.0; y.len()];
        for row in softmax::rows(&outputs[0].shape, self.axis) {
            let total: f64 = row.iter().map(|&i| y[i] * g[i]).sum();
            row.iter().for_each(|&i| data[i] = y[i] * (g[i] - total));
        }
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (y, g, u) = (node.inputs[0], node.inputs[1], node.grad());
        let dot = |b: &mut dyn Builder, a, c| {
            let product = b.mul(a, c);
            b.sum(product, Some(vec![self.axis]), true)
        };
        let (gy, uy) = (dot(b, g, y), dot(b, u, y));
        let centred = b.sub(g, gy);
        let left = b.mul(u, centred);
        let right = b.mul(g, uy);
        let dg = b.op(self.clone(), &[y, u]);
        vec![Some(b.sub(left, right)), Some(dg)]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |what: &str, shape: &[usize], dtype: DType, axis: i64, view: View| {
        let k = shape[axis.rem_euclid(shape.len() as i64) as usize];
        // y of a softmax adds up to 1; here only its size matters.
        let input = |low| Input::new(shape, dtype, Fill::Uniform(low, 1.0)).view(view);
        let tolerance = Tolerance::reduction(k).times(2.0);
        Case::new(format!("softmax_backward {what}"), SoftmaxBackward { axis }, vec![input(0.0), input(-1.0)]).tolerance(tolerance)
    };
    let plain = |what: &str, shape: &[usize], axis| case(what, shape, DType::F32, axis, View::Plain);
    let half = |case: Case| {
        let (forward, backward) = (case.forward.stored_as(DType::F16), case.backward.stored_as(DType::F16).times(32.0));
        case.tolerance(forward).backward(backward)
    };
    let cases = vec![
        plain("1", &[1], 0),
        plain("3x7", &[3, 7], -1),
        plain("32x10", &[32, 10], 1),
        plain("7x13 axis 0", &[7, 13], 0),
        plain("12x8 axis 0", &[12, 8], 0),
        plain("3x5x4 axis 1", &[3, 5, 4], 1),
        plain("5x64", &[5, 64], -1),
        plain("5x255", &[5, 255], -1),
        plain("3x1028", &[3, 1028], -1),
        plain("2x100000 long rows", &[2, 100_000], -1).no_grad(),
        plain("more than 65535 groups", &[65_537 * 64 + 3, 1], -1).no_grad(),
        plain("empty", &[0, 3], -1),
        case("6x10 transposed", &[6, 10], DType::F32, -1, View::Transposed),
        case("8x12 sliced axis 0", &[8, 12], DType::F32, 0, View::Sliced),
        half(case("f16 9x20", &[9, 20], DType::F16, -1, View::Plain)),
        half(case("f16 20x9 axis 0", &[20, 9], DType::F16, 0, View::Plain)),
    ];
    vec![Entry::new("softmax_backward", "y·(g - Σ g·y) along `axis`: the gradient of softmax from its result y", &SoftmaxBackward { axis: -1 }, cases)]
}
