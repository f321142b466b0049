//! Losses and the metric that goes with each.

use crate::recipe::names;
use wgrad_tensor::kernels::ops::{self, LossReduction};
use wgrad_tensor::{DType, Tensor};

/// What is minimised: a scalar, the mean over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loss {
    /// −log softmax(logits)\[label\]: logits [batch, classes], labels i32 \[batch\].
    #[default]
    CrossEntropy,
    /// The mean of (prediction − target)², over all values.
    Mse,
    /// Binary cross-entropy of logits against targets in [0, 1] of the same shape: max(z, 0) − z·t + log(1 + e^−|z|), its mean.
    /// Where there are two classes, the targets are their labels i32 \[batch\], and the one logit is the second's.
    BceWithLogits,
}

names!(Loss { "cross_entropy" => CrossEntropy, "mse" => Mse, "bce_with_logits" => BceWithLogits });

impl Loss {
    /// The loss of a batch: a scalar.
    ///
    /// # Panics
    /// Where the shapes do not fit; [`Trainer`](crate::Trainer) checks them first.
    #[track_caller]
    pub fn apply(self, output: &Tensor, target: &Tensor) -> Tensor {
        match self {
            Loss::CrossEntropy => output.apply_all(ops::CrossEntropy { reduction: LossReduction::Mean }, &[target]).swap_remove(0),
            Loss::Mse => output.apply(ops::Mse { reduction: LossReduction::Mean }, &[target]),
            Loss::BceWithLogits => {
                let zero = output.constant(0.0);
                let hinge = &output.maximum(&zero) - &(output * &values(output, target));
                let soft = (&output.abs().neg().exp() + 1.0).log();
                (&hinge + &soft).mean()
            }
        }
    }

    /// The number of samples that the output gets right, as a scalar f32; `None` where that means nothing (regression).
    #[track_caller]
    pub fn correct(self, output: &Tensor, target: &Tensor) -> Option<Tensor> {
        match self {
            Loss::CrossEntropy => {
                let best = output.apply(ops::ArgReduce { kind: ops::ArgKind::Max, axis: Some(-1), keepdims: false }, &[]);
                Some(best.equal(target).cast(DType::F32).sum())
            }
            Loss::BceWithLogits => {
                let yes = output.greater(&output.constant(0.0));
                let target = values(output, target);
                let truth = target.greater(&target.constant(0.5));
                Some(yes.equal(&truth).cast(DType::F32).sum())
            }
            Loss::Mse => None,
        }
    }

    /// Whether targets are always class labels, one logit a class.
    pub fn takes_classes(self) -> bool {
        self == Loss::CrossEntropy
    }

    /// What turns the output into a prediction for people: probabilities for classifiers.
    #[track_caller]
    pub fn activate(self, output: &Tensor) -> Tensor {
        match self {
            Loss::CrossEntropy => output.apply(ops::Softmax { axis: -1 }, &[]),
            Loss::BceWithLogits => output.sigmoid(),
            Loss::Mse => output.clone(),
        }
    }
}

/// Targets of the output's shape: labels of two classes as 0 and 1, of shares [batch, 2] the second class's.
fn values(output: &Tensor, target: &Tensor) -> Tensor {
    if !target.dtype().is_float() {
        return target.cast(output.dtype()).reshape(&[-1, 1]);
    }
    match (&output.shape()[..], &target.shape()[..]) {
        ([_, 1], [_, 2]) => target.narrow(1, 1, 2),
        _ => target.clone(),
    }
}
