//! Losses and the metric that goes with each.

use crate::Error;
use crate::recipe::names;
use wgrad_tensor::kernels::ops::{self, LossReduction};
use wgrad_tensor::{DType, Tensor};

/// What is minimised: a scalar, the mean over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loss {
    /// −log softmax(logits)\[label\]: logits [batch, classes], labels i32 \[batch\]. See also [`LossOptions`].
    #[default]
    CrossEntropy,
    /// The mean of (prediction − target)², over all values.
    Mse,
    /// Binary cross-entropy of logits against targets in [0, 1] of the same shape: max(z, 0) − z·t + log(1 + e^−|z|), its mean.
    /// Where there are two classes, the targets are their labels i32 \[batch\], and the one logit is the second's.
    BceWithLogits,
}

names!(Loss { "cross_entropy" => CrossEntropy, "mse" => Mse, "bce_with_logits" => BceWithLogits });

/// Settings of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossOptions {
    /// For `cross_entropy`: the share of each target that is spread over all classes (Szegedy et al. 2016), from 0 to 1.
    pub label_smoothing: f64,
    /// For `cross_entropy`: a label whose samples do not count, neither for the loss nor in the divisor of its mean. The accuracy counts
    /// them as any others, and it means nothing where targets are shares of classes.
    pub ignore_index: Option<i32>,
}

impl LossOptions {
    /// What is wrong with the settings for this loss, if anything.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn check(&self, loss: Loss) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            return Err(Error::Setting(format!("label_smoothing is {}; it must be from 0 to 1", self.label_smoothing)));
        }
        if loss != Loss::CrossEntropy && *self != Self::default() {
            return Err(Error::Setting(format!("label_smoothing and ignore_index are settings of the loss cross_entropy, and this one is {}", loss.name())));
        }
        Ok(())
    }
}

impl Loss {
    /// The loss of a batch with the usual settings: a scalar. For `cross_entropy` targets may also be shares of the classes, f32
    /// [batch, classes]: −Σ share·log softmax(logits), its mean over the batch.
    ///
    /// # Panics
    /// Where the shapes do not fit; [`Trainer`](crate::Trainer) checks them first.
    #[track_caller]
    pub fn apply(self, output: &Tensor, target: &Tensor) -> Tensor {
        self.apply_with(output, target, &LossOptions::default())
    }

    /// As [`Loss::apply`], with settings.
    ///
    /// # Panics
    /// As [`Loss::apply`].
    #[track_caller]
    pub fn apply_with(self, output: &Tensor, target: &Tensor, options: &LossOptions) -> Tensor {
        let &LossOptions { label_smoothing, ignore_index } = options;
        match self {
            Loss::CrossEntropy if target.dtype().is_float() => {
                let [batch, classes] = [0, 1].map(|axis| output.shape()[axis].max(1) as f64);
                let shares = if label_smoothing == 0.0 { target.clone() } else { &(target * (1.0 - label_smoothing)) + label_smoothing / classes };
                &(&output.log_softmax(-1) * &shares).sum() * (-1.0 / batch)
            }
            Loss::CrossEntropy => {
                let op = ops::CrossEntropy { reduction: LossReduction::Mean, label_smoothing, ignore_index };
                output.apply_all(op, &[target]).swap_remove(0)
            }
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
                let best = output.argmax(-1, false);
                let label = if target.dtype().is_float() { target.argmax(-1, false) } else { target.clone() };
                Some(best.equal(&label).cast(DType::F32).sum())
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
