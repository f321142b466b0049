//! `batch_norm`, `layer_norm`, `rms_norm`, `group_norm`: y = (x - mean)/√(variance + epsilon)·scale + shift, where mean and variance are
//! those of the values that share a statistic, the variance divided by their number.
//!
//! - `batch_norm`, x [N, C, …]: of each channel over batch and space (Ioffe and Szegedy 2015; ONNX BatchNormalization while training).
//!   The running statistics are made of its outputs 1 and 2 by ordinary ops; normalising by them is element-wise and needs no op.
//! - `layer_norm`: of each sample over the axes from `axis` on (Ba, Kiros and Hinton 2016; ONNX LayerNormalization).
//! - `rms_norm`: likewise, but the mean counts as 0 (Zhang and Sennrich 2019; ONNX RMSNormalization): y = x/√(mean of x² + epsilon)·scale.
//! - `group_norm`, x [N, C, …]: of each sample and each of `num_groups` groups of channels (Wu and He 2018; ONNX GroupNormalization);
//!   instance norm has as many groups as channels (Ulyanov et al. 2016).
//!
//! Inputs: x in f32 or f16; scale and shift in f32, \[C\] for batch and group norm, of the shape of the normalised axes for layer and RMS
//! norm; one or both may be left out (1 and 0 then), and RMS norm has no shift. Outputs: y as x; mean (not for RMS) and variance (mean
//! square for RMS) in f32, \[C\], the shape before `axis`, or [N, num_groups].
//!
//! Mean and squared differences are gathered together in one sweep, from parts that are joined as Chan, Golub and LeVeque do (1983,
//! "Algorithms for computing the sample variance"): E\[x²\] - E\[x\]² would lose all digits where the mean is large. A subgroup that keeps
//! its row takes the mean first and then the squares.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{NormBackward, UnaryKind, norm_cases, norm_choose, norm_launch};
use crate::{Array, Builder, DType, Op, OpError, Shape, TensorType, Value};
use serde::{Deserialize, Serialize};

/// Which values share a mean and a variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NormKind {
    /// Those of a channel.
    Batch,
    /// Those of a sample along the last axes.
    Layer {
        /// The first of these axes, counted from the end where negative.
        axis: i64,
    },
    /// As `Layer`, with a mean that counts as 0.
    Rms {
        /// The first of these axes, counted from the end where negative.
        axis: i64,
    },
    /// Those of a group of channels of a sample.
    Group {
        /// The number of groups, a divisor of the number of channels.
        num_groups: usize,
    },
}

/// Normalisation by the statistics of x itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norm {
    /// Which values share a mean and a variance.
    pub kind: NormKind,
    /// Added to the variance.
    pub epsilon: f64,
}

/// x seen as [a, g, p, s]: `batch` statistics are of each g over a and s (p is 1), others of each (a, g) over p and s. Scale and shift
/// belong to (g, p).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) a: usize,
    pub(crate) g: usize,
    pub(crate) p: usize,
    pub(crate) s: usize,
    pub(crate) batch: bool,
}

impl Frame {
    /// The number of statistics.
    pub(crate) fn rows(&self) -> usize {
        if self.batch { self.g } else { self.a * self.g }
    }

    /// Values that share one.
    pub(crate) fn count(&self) -> usize {
        self.s * if self.batch { self.a } else { self.p }
    }

    /// The statistic and the channel of element `i`.
    pub(crate) fn place(&self, i: usize) -> (usize, usize) {
        let channel = i / self.s % (self.g * self.p);
        let g = channel / self.p;
        (if self.batch { g } else { i / (self.g * self.p * self.s) * self.g + g }, channel)
    }
}

impl NormKind {
    /// The op's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch_norm",
            Self::Layer { .. } => "layer_norm",
            Self::Rms { .. } => "rms_norm",
            Self::Group { .. } => "group_norm",
        }
    }

    /// Whether a mean is taken off.
    pub(crate) fn centred(self) -> bool {
        !matches!(self, Self::Rms { .. })
    }

    /// How x of this shape is seen, the shape of the statistics and that of scale and shift.
    pub(crate) fn frame(self, op: &str, shape: &Shape) -> Result<(Frame, Shape, Shape), OpError> {
        let channels = || match shape.rank() {
            0 | 1 => Err(OpError::new(op, format!("needs x as [batch, channels, …], got {shape}"))),
            _ => Ok((shape[0], shape[1], shape[2..].iter().product())),
        };
        let (frame, stats, params) = match self {
            Self::Batch => {
                let (a, g, s) = channels()?;
                (Frame { a, g, p: 1, s, batch: true }, Shape(vec![g]), Shape(vec![g]))
            }
            Self::Layer { axis } | Self::Rms { axis } => {
                let axis = shape.axis(op, axis)?;
                let (outer, inner) = shape.split_at(axis);
                (Frame { a: outer.iter().product(), g: 1, p: inner.iter().product(), s: 1, batch: false }, outer.into(), inner.into())
            }
            Self::Group { num_groups: g } => {
                let (a, c, s) = channels()?;
                if g == 0 || !c.is_multiple_of(g) {
                    return Err(OpError::new(op, format!("num_groups is {g}; it must divide the {c} channels of {shape}")));
                }
                (Frame { a, g, p: c / g, s, batch: false }, Shape(vec![a, g]), Shape(vec![c]))
            }
        };
        if frame.count() == 0 && frame.rows() > 0 {
            return Err(OpError::new(op, format!("normalises over no values: x {shape} is empty along the axes of a statistic")));
        }
        Ok((frame, stats, params))
    }
}

impl Norm {
    /// Checks x and, if given, scale and shift.
    pub(crate) fn check(&self, op: &str, x: &TensorType, affine: &[TensorType]) -> Result<(Frame, Shape), OpError> {
        if !x.dtype.is_float() {
            return Err(OpError::new(op, format!("is defined for floats, got {x}; cast it first")));
        }
        if !(self.epsilon >= 0.0 && self.epsilon.is_finite()) {
            return Err(OpError::new(op, format!("epsilon is {}; it must be 0 or more", self.epsilon)));
        }
        let (frame, stats, params) = self.kind.frame(op, &x.shape)?;
        let expected = TensorType::new(params, DType::F32);
        match affine.iter().find(|t| **t != expected) {
            Some(other) => Err(OpError::new(op, format!("scale and shift must be {expected} for x {x}, got {other}"))),
            None => Ok((frame, stats)),
        }
    }

    /// The frame of an x that `infer` accepted.
    pub(crate) fn frame(&self, x: &Shape) -> Result<Frame, OpError> {
        self.kind.frame(self.kind.name(), x).map(|f| f.0)
    }
}

impl Kernel for Norm {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let most = if self.kind.centred() { 3 } else { 2 };
        if inputs.is_empty() || inputs.len() > most {
            let names = ["x", "scale", "shift"][..most].join(", ");
            return Err(OpError::new(self.name(), format!("takes 1 to {most} inputs ({names}), got {}", inputs.len())));
        }
        let (_, stats) = self.check(self.name(), &inputs[0], &inputs[1..])?;
        let stats = TensorType::new(stats, DType::F32);
        Ok(if self.kind.centred() { vec![inputs[0].clone(), stats.clone(), stats] } else { vec![inputs[0].clone(), stats] })
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        norm_choose::variants(self, facts)
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        norm_launch::forward(self, facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let x = &inputs[0].data;
        // invariant: `infer` accepted the shape.
        let Ok(frame) = self.frame(&outputs[0].shape) else { return Vec::new() };
        let mean_of = |value: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; frame.rows()];
            (0..x.len()).for_each(|i| sums[frame.place(i).0] += value(i));
            sums.iter_mut().for_each(|v| *v /= frame.count() as f64);
            sums
        };
        let mean = if self.kind.centred() { mean_of(&|i| x[i]) } else { vec![0.0; frame.rows()] };
        let variance = mean_of(&|i| (x[i] - mean[frame.place(i).0]).powi(2));
        let affine = |n: usize, channel: usize, absent: f64| inputs.get(n).map_or(absent, |a| a.data[channel]);
        let y = (0..x.len()).map(|i| {
            let (row, channel) = frame.place(i);
            (x[i] - mean[row]) / (variance[row] + self.epsilon).sqrt() * affine(1, channel, 1.0) + affine(2, channel, 0.0)
        });
        let mut all = vec![y.collect(), mean, variance];
        if !self.kind.centred() {
            all.remove(1);
        }
        outputs.iter().zip(all).map(|(ty, data)| Array::new(ty.clone(), data)).collect()
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (x, stats) = (node.inputs[0], &node.outputs[1..]);
        let affine = &node.inputs[1..];
        let mut grads = vec![None; node.inputs.len()];
        if let Some(g) = node.grads[0] {
            let inputs: Vec<Value> = [g, x].iter().chain(stats).chain(affine.first()).copied().collect();
            let backward = b.emit(NormBackward(*self).into(), &inputs);
            grads[0] = Some(backward[0]);
            let of_affine: Vec<Value> = if self.kind == NormKind::Batch { backward[1..].to_vec() } else { self.affine_grads(b, g, x, stats) };
            grads.iter_mut().skip(1).zip(of_affine).for_each(|(slot, grad)| *slot = Some(grad));
        }
        // Mean and variance as results of their own: dm/dx = 1/n and dv/dx = 2 (x - m)/n.
        let view = View::of(self, b, x);
        let n = view.frame.count() as f64;
        let mut through = Vec::new();
        if let Some(g) = node.grads.last().copied().flatten() {
            let (xs, g) = (view.whole(b, x), view.row(b, g));
            let offset = self.centre(b, &view, xs, stats);
            let share = b.scale(g, 2.0 / n);
            through.push(b.mul(offset, share));
        }
        if let (true, Some(g)) = (self.kind.centred(), node.grads[1]) {
            let g = view.row(b, g);
            let share = b.scale(g, 1.0 / n);
            through.push(b.broadcast(share, view.shape()));
        }
        for grad in through {
            let grad = view.back(b, grad, x);
            grads[0] = Some(grads[0].map_or(grad, |sum| b.add(sum, grad)));
        }
        grads
    }
}

impl Norm {
    /// x less its mean, if that is taken off.
    pub(crate) fn centre(&self, b: &mut dyn Builder, view: &View, x: Value, stats: &[Value]) -> Value {
        if !self.kind.centred() {
            return x;
        }
        let mean = view.row(b, stats[0]);
        b.sub(x, mean)
    }

    /// 1/√(variance + epsilon), in the shape of the frame.
    pub(crate) fn factor(&self, b: &mut dyn Builder, view: &View, stats: &[Value]) -> Value {
        let shifted = b.offset(stats[stats.len() - 1], self.epsilon);
        let factor = b.unary(UnaryKind::Rsqrt, shifted);
        view.row(b, factor)
    }

    /// The gradients of scale and shift: Σ g z and Σ g, as ordered reductions.
    fn affine_grads(&self, b: &mut dyn Builder, g: Value, x: Value, stats: &[Value]) -> Vec<Value> {
        let view = View::of(self, b, x);
        let (g, x) = (view.whole(b, g), view.whole(b, x));
        let offset = self.centre(b, &view, x, stats);
        let factor = self.factor(b, &view, stats);
        let z = b.mul(offset, factor);
        let gz = b.mul(g, z);
        [gz, g].into_iter().map(|v| view.param_sum(b, v)).collect()
    }
}

/// Values seen through a frame, for rules in terms of ops: all in f32, shaped so that they broadcast.
pub(crate) struct View {
    pub(crate) frame: Frame,
    params: Shape,
    stats: Shape,
}

impl View {
    /// That of x.
    pub(crate) fn of(norm: &Norm, b: &mut dyn Builder, x: Value) -> Self {
        let shape = b.shape(x);
        // invariant: `infer` accepted the shape.
        let (frame, stats, params) =
            norm.kind.frame("", &shape).unwrap_or((Frame { a: 0, g: 0, p: 0, s: 0, batch: false }, Shape::default(), Shape::default()));
        Self { frame, params, stats }
    }

    pub(crate) fn shape(&self) -> Shape {
        let Frame { a, g, p, s, .. } = self.frame;
        Shape(vec![a, g, p, s])
    }

    /// A tensor like x.
    pub(crate) fn whole(&self, b: &mut dyn Builder, v: Value) -> Value {
        let v = b.cast(v, DType::F32);
        b.reshape(v, self.shape())
    }

    /// A tensor of statistics.
    pub(crate) fn row(&self, b: &mut dyn Builder, v: Value) -> Value {
        b.reshape(v, Shape(vec![if self.frame.batch { 1 } else { self.frame.a }, self.frame.g, 1, 1]))
    }

    /// Scale or shift.
    pub(crate) fn param(&self, b: &mut dyn Builder, v: Value) -> Value {
        b.reshape(v, Shape(vec![1, self.frame.g, self.frame.p, 1]))
    }

    /// The sum over the values of each statistic, to be broadcast.
    pub(crate) fn row_sum(&self, b: &mut dyn Builder, v: Value) -> Value {
        b.sum(v, Some(if self.frame.batch { vec![0, 3] } else { vec![2, 3] }), true)
    }

    /// The same in the shape of the statistics.
    pub(crate) fn stat(&self, b: &mut dyn Builder, v: Value) -> Value {
        b.reshape(v, self.stats.clone())
    }

    /// The sum over the values of each channel, in the shape of scale and shift.
    pub(crate) fn param_sum(&self, b: &mut dyn Builder, v: Value) -> Value {
        let sum = b.sum(v, Some(vec![0, 3]), false);
        b.reshape(sum, self.params.clone())
    }

    /// The shape and type of `like` again.
    pub(crate) fn back(&self, b: &mut dyn Builder, v: Value, like: Value) -> Value {
        let TensorType { shape, dtype } = b.ty(like).clone();
        let v = b.broadcast(v, self.shape());
        let v = b.reshape(v, shape);
        b.cast(v, dtype)
    }
}

/// The attributes of each kind, with ONNX's names and defaults.
macro_rules! attributes {
    ($($attrs:ident, $backward:ident { $($field:ident: $type:ty),* } => $kind:expr;)*) => {$(
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $attrs { $($field: $type,)* epsilon: f64 }

        impl From<$attrs> for Norm {
            fn from(a: $attrs) -> Self {
                let $attrs { $($field,)* epsilon } = a;
                Norm { kind: $kind, epsilon }
            }
        }

        impl From<$attrs> for Op {
            fn from(a: $attrs) -> Self {
                Norm::from(a).into()
            }
        }

        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct $backward($attrs);

        impl From<$backward> for Op {
            fn from(a: $backward) -> Self {
                NormBackward(a.0.into()).into()
            }
        }
    )*};
}

attributes! {
    BatchAttrs, BatchBackward {} => NormKind::Batch;
    LayerAttrs, LayerBackward { axis: i64 } => NormKind::Layer { axis };
    RmsAttrs, RmsBackward { axis: i64 } => NormKind::Rms { axis };
    GroupAttrs, GroupBackward { num_groups: usize } => NormKind::Group { num_groups };
}

const EPSILON: f64 = 1e-5;

/// The catalogue's entries.
pub fn entries() -> Vec<Entry> {
    let batch = BatchAttrs { epsilon: EPSILON };
    let layer = LayerAttrs { axis: -1, epsilon: EPSILON };
    let rms = RmsAttrs { axis: -1, epsilon: EPSILON };
    let group = GroupAttrs { num_groups: 1, epsilon: EPSILON };
    vec![
        Entry::new(
            "batch_norm",
            "y = (x - mean)/√(variance + epsilon)·scale + shift over each channel (ONNX BatchNormalization, training)",
            &batch,
            norm_cases::batch(),
        ),
        Entry::new("layer_norm", "likewise over the axes from `axis` on (ONNX LayerNormalization)", &layer, norm_cases::layer()),
        Entry::new("rms_norm", "y = x/√(mean of x² + epsilon)·scale over the axes from `axis` on (ONNX RMSNormalization)", &rms, norm_cases::rms()),
        Entry::new(
            "group_norm",
            "as batch_norm over each of `num_groups` groups of channels of a sample (ONNX GroupNormalization)",
            &group,
            norm_cases::group(),
        ),
    ]
}

/// Those of the gradients.
pub(crate) fn backward_entries() -> Vec<Entry> {
    let batch = BatchBackward(BatchAttrs { epsilon: EPSILON });
    let layer = LayerBackward(LayerAttrs { axis: -1, epsilon: EPSILON });
    let rms = RmsBackward(RmsAttrs { axis: -1, epsilon: EPSILON });
    let group = GroupBackward(GroupAttrs { num_groups: 1, epsilon: EPSILON });
    vec![
        Entry::new(
            "batch_norm_backward",
            "dx, Σ g·z and Σ g from g, x, mean, variance and scale, z = (x - mean)/√(variance + epsilon)",
            &batch,
            norm_cases::batch_backward(),
        ),
        Entry::new("layer_norm_backward", "dx from g, x, mean, variance and scale: the gradient of layer_norm", &layer, norm_cases::layer_backward()),
        Entry::new("rms_norm_backward", "dx from g, x, mean square and scale: the gradient of rms_norm", &rms, norm_cases::rms_backward()),
        Entry::new("group_norm_backward", "dx from g, x, mean, variance and scale: the gradient of group_norm", &group, norm_cases::group_backward()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |kind, inputs: &[TensorType]| Norm { kind, epsilon: 1e-5 }.infer(inputs).unwrap_err().message;
        let ty = |shape: &[usize]| TensorType::new(shape, DType::F32);
        let (batch, layer, group) = (NormKind::Batch, NormKind::Layer { axis: -1 }, |num_groups| NormKind::Group { num_groups });
        assert!(refused(batch, &[ty(&[4])]).contains("[batch, channels, …]"));
        assert!(refused(batch, &[ty(&[4, 3, 5]), ty(&[5])]).contains("must be f32[3]"));
        assert!(refused(batch, &[ty(&[0, 3])]).contains("no values"));
        assert!(refused(batch, &[TensorType::new([4, 3], DType::I32)]).contains("cast it first"));
        assert!(refused(layer, &[]).contains("1 to 3 inputs (x, scale, shift)"));
        assert!(refused(NormKind::Rms { axis: -1 }, &[ty(&[2, 3]), ty(&[3]), ty(&[3])]).contains("1 to 2 inputs"));
        assert!(refused(NormKind::Layer { axis: 2 }, &[ty(&[2, 3])]).contains("out of range"));
        assert!(refused(layer, &[ty(&[2, 0])]).contains("no values"));
        assert!(refused(group(0), &[ty(&[2, 6])]).contains("num_groups is 0"));
        assert!(refused(group(4), &[ty(&[2, 6])]).contains("divide the 6 channels"));
        assert!(Norm { kind: batch, epsilon: -1.0 }.infer(&[ty(&[4, 3])]).is_err());
    }

    #[test]
    fn shapes_of_the_outputs() {
        let shapes = |kind, x: &[usize]| -> Vec<Vec<usize>> {
            let outputs = Norm { kind, epsilon: 1e-5 }.infer(&[TensorType::new(x, DType::F16)]).unwrap();
            assert!(outputs[1..].iter().all(|t| t.dtype == DType::F32));
            outputs.into_iter().map(|t| t.shape.0).collect()
        };
        assert_eq!(shapes(NormKind::Batch, &[2, 3, 4, 5]), [vec![2, 3, 4, 5], vec![3], vec![3]]);
        assert_eq!(shapes(NormKind::Layer { axis: -2 }, &[2, 3, 4, 5]), [vec![2, 3, 4, 5], vec![2, 3], vec![2, 3]]);
        assert_eq!(shapes(NormKind::Rms { axis: 0 }, &[4]), [vec![4], vec![]]);
        assert_eq!(shapes(NormKind::Group { num_groups: 2 }, &[2, 6, 4]), [vec![2, 6, 4], vec![2, 2], vec![2, 2]]);
    }

    #[test]
    fn values_worked_out_by_hand() {
        let x = Array::new(TensorType::new([2, 2], DType::F32), vec![1.0, 3.0, 5.0, 11.0]);
        let run = |kind| {
            let norm = Norm { kind, epsilon: 0.0 };
            let outputs = norm.infer(std::slice::from_ref(&x.ty)).unwrap();
            norm.reference(&[&x], &outputs).into_iter().map(|a| a.data).collect::<Vec<_>>()
        };
        assert_eq!(run(NormKind::Batch), [vec![-1.0, -1.0, 1.0, 1.0], vec![3.0, 7.0], vec![4.0, 16.0]]);
        assert_eq!(run(NormKind::Layer { axis: -1 }), [vec![-1.0, 1.0, -1.0, 1.0], vec![2.0, 8.0], vec![1.0, 9.0]]);
        assert_eq!(run(NormKind::Rms { axis: -1 })[1], [5.0, 73.0]);
    }
}
