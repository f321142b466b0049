//! `batch_norm_backward`, `layer_norm_backward`, `rms_norm_backward`, `group_norm_backward`: the gradient of `norm`. With
//! r = 1/√(variance + epsilon), z = (x - mean)·r and v = g·scale:
//!
//! dx = r·(v - mean of v - z·mean of v·z), the means over the values that share a statistic; for RMS norm without the mean of v.
//!
//! Inputs: g and x, alike, in f32 or f16; mean (not for RMS) and variance, outputs of the forward pass; scale, if that had one. Outputs: dx;
//! for `batch_norm_backward` with scale also dscale = Σ g·z and dshift = Σ g \[C\], which dx is made of. The other norms' are ordinary
//! reductions in the rule of `norm`. The rule here treats mean and variance as inputs like any other, in terms of ops.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::norm::{Norm, NormKind, View, backward_entries};
use crate::ops::{norm_choose, norm_launch};
use crate::{Array, Builder, DType, OpError, TensorType, Value};

/// The gradient of a normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormBackward(pub Norm);

impl NormBackward {
    /// The number of statistics among the inputs: they stand behind g and x.
    pub(crate) fn stats(&self) -> usize {
        if self.0.kind.centred() { 2 } else { 1 }
    }
}

impl Kernel for NormBackward {
    fn name(&self) -> &'static str {
        match self.0.kind {
            NormKind::Batch => "batch_norm_backward",
            NormKind::Layer { .. } => "layer_norm_backward",
            NormKind::Rms { .. } => "rms_norm_backward",
            NormKind::Group { .. } => "group_norm_backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let least = 2 + self.stats();
        if inputs.len() != least && inputs.len() != least + 1 {
            return Err(OpError::new(self.name(), format!("takes {least} or {} inputs (g, x, statistics, scale), got {}", least + 1, inputs.len())));
        }
        let (g, x) = (&inputs[0], &inputs[1]);
        if g != x {
            return Err(OpError::new(self.name(), format!("g and x must be alike, got {g} and {x}")));
        }
        let (_, stats) = self.0.check(self.name(), x, &inputs[least..])?;
        let stats = TensorType::new(stats, DType::F32);
        if let Some(other) = inputs[2..least].iter().find(|t| **t != stats) {
            return Err(OpError::new(self.name(), format!("the statistics must be {stats} for x {x}, got {other}")));
        }
        let mut outputs = vec![x.clone()];
        if self.0.kind == NormKind::Batch {
            outputs.extend(inputs.get(least).into_iter().flat_map(|scale| [scale.clone(), scale.clone()]));
        }
        Ok(outputs)
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        norm_choose::variants(&self.0, facts)
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        norm_launch::backward(self, facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (g, x) = (&inputs[0].data, &inputs[1].data);
        // invariant: `infer` accepted the shape.
        let Ok(frame) = self.0.frame(&outputs[0].shape) else { return Vec::new() };
        let centred = self.0.kind.centred();
        let least = 2 + self.stats();
        let r = |row: usize| 1.0 / (inputs[least - 1].data[row] + self.0.epsilon).sqrt();
        let z = |i: usize| {
            let row = frame.place(i).0;
            (x[i] - if centred { inputs[2].data[row] } else { 0.0 }) * r(row)
        };
        let v = |i: usize| g[i] * inputs.get(least).map_or(1.0, |scale| scale.data[frame.place(i).1]);
        let (mut a, mut c) = (vec![0.0; frame.rows()], vec![0.0; frame.rows()]);
        let mut affine = [vec![0.0; frame.g * frame.p], vec![0.0; frame.g * frame.p]];
        for (i, &gradient) in g.iter().enumerate() {
            let (row, channel) = frame.place(i);
            a[row] += if centred { v(i) / frame.count() as f64 } else { 0.0 };
            c[row] += v(i) * z(i) / frame.count() as f64;
            affine[0][channel] += gradient * z(i);
            affine[1][channel] += gradient;
        }
        let dx = (0..x.len()).map(|i| {
            let row = frame.place(i).0;
            r(row) * (v(i) - a[row] - z(i) * c[row])
        });
        let all = std::iter::once(dx.collect()).chain(affine);
        outputs.iter().zip(all).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (norm, least) = (&self.0, 2 + self.stats());
        let view = View::of(norm, b, node.inputs[1]);
        let stats = &node.inputs[2..least];
        let (g, x) = (view.whole(b, node.inputs[0]), view.whole(b, node.inputs[1]));
        let scale = node.inputs.get(least).map(|&s| view.param(b, s));
        let offset = norm.centre(b, &view, x, stats);
        let r = norm.factor(b, &view, stats);
        let z = b.mul(offset, r);
        let v = scale.map_or(g, |s| b.mul(g, s));
        let mean = |b: &mut dyn Builder, value: Value| {
            let sum = view.row_sum(b, value);
            b.scale(sum, 1.0 / view.frame.count() as f64)
        };
        // Of dx with the incoming gradient u: what arrives at v, z and, by its own factor, r. Both sums are symmetric in u and v.
        let (mut at_v, mut at_z, mut along_r) = (None, None, None);
        if let Some(u) = node.grads[0] {
            let u = view.whole(b, u);
            let dx = view.whole(b, node.outputs[0]);
            let (uz, vz) = (b.mul(u, z), b.mul(v, z));
            let (mean_uz, mean_vz) = (mean(b, uz), mean(b, vz));
            let turned = b.mul(z, mean_uz);
            let mut inner = b.sub(u, turned);
            if norm.kind.centred() {
                let mean_u = mean(b, u);
                inner = b.sub(inner, mean_u);
            }
            at_v = Some(b.mul(inner, r));
            let (left, right) = (b.mul(v, mean_uz), b.mul(u, mean_vz));
            let both = b.add(left, right);
            let both = b.mul(both, r);
            at_z = Some(b.neg(both));
            along_r = Some(b.mul(u, dx));
        }
        let mut at_g = at_v.map(|t| scale.map_or(t, |s| b.mul(t, s)));
        let add = |b: &mut dyn Builder, sum: Option<Value>, term: Value| Some(sum.map_or(term, |sum| b.add(sum, term)));
        // dscale = Σ g z and dshift = Σ g, where they are outputs.
        for (k, grad) in node.grads.iter().enumerate().skip(1) {
            let Some(grad) = *grad else { continue };
            let grad = view.param(b, grad);
            if k == 1 {
                let (to_g, to_z) = (b.mul(z, grad), b.mul(g, grad));
                at_g = add(b, at_g, to_g);
                at_z = add(b, at_z, to_z);
            } else {
                let to_g = b.broadcast(grad, view.shape());
                at_g = add(b, at_g, to_g);
            }
        }
        let mut grads = vec![None; node.inputs.len()];
        grads[0] = at_g.map(|t| view.back(b, t, node.inputs[0]));
        if let Some(at_z) = at_z {
            let at_x = b.mul(at_z, r);
            grads[1] = Some(view.back(b, at_x, node.inputs[1]));
            if norm.kind.centred() {
                let sum = view.row_sum(b, at_x);
                let sum = b.neg(sum);
                grads[2] = Some(view.stat(b, sum));
            }
            let mut product = b.mul(at_z, z);
            if let Some(along) = along_r {
                product = b.add(product, along);
            }
            let sum = view.row_sum(b, product);
            let square = b.mul(r, r);
            let square = b.scale(square, -0.5);
            let at_variance = b.mul(sum, square);
            grads[least - 1] = Some(view.stat(b, at_variance));
        } else if node.grads.iter().any(Option::is_some) {
            // Only dshift was asked for, which depends on g alone.
            for (slot, &input) in grads.iter_mut().zip(node.inputs).take(least).skip(1) {
                *slot = Some(b.zeros_like(input));
            }
        }
        if let Some(&scale) = node.inputs.get(least) {
            grads[least] = Some(match at_v {
                Some(at_v) => {
                    let product = b.mul(at_v, g);
                    view.param_sum(b, product)
                }
                None => b.zeros_like(scale),
            });
        }
        grads
    }
}

/// The catalogue's entries.
pub fn entries() -> Vec<Entry> {
    backward_entries()
}
