//! The leaves that a batch is written to, and how batches are cut for evaluation.

use crate::data::dataset::{BatchTargets, Dataset};
use crate::{Error, Loss};
use wgrad_tensor::{Data, Device, Tensor, bytes};

/// Input and target leaves of one batch size. A compiled step reads them; each batch overwrites them.
pub(crate) struct Feed {
    pub(crate) x: Tensor,
    pub(crate) y: Tensor,
}

impl Feed {
    /// The leaves for `batch` samples. For training, `training`, targets may be shares of classes in the place of labels.
    pub(crate) fn new(device: &Device, dataset: &Dataset, batch: usize, training: bool) -> Result<Self, Error> {
        let with_batch = |shape: &[usize]| [&[batch], shape].concat();
        let (x, classes) = (with_batch(dataset.input_shape()), [dataset.classes().len()]);
        let zeros = vec![0.0; x.iter().product()];
        let x = Tensor::from_f32(device, x, &zeros)?;
        let shares = training && dataset.mixes_classes();
        let y = if dataset.classes().is_empty() || shares {
            let shape = with_batch(if shares { &classes } else { dataset.target_shape() });
            let zeros = vec![0.0; shape.iter().product()];
            Data::f32(shape, &zeros)?
        } else {
            Data::i32([batch], &vec![0; batch])?
        };
        Ok(Self { x, y: Tensor::from_data(device, &y)? })
    }

    pub(crate) fn write(&self, x: &[f32], y: &BatchTargets) -> Result<(), Error> {
        self.x.write_bytes(bytes(x))?;
        match y {
            BatchTargets::Classes(labels) => self.y.write_bytes(bytes(labels))?,
            BatchTargets::Values(values) => self.y.write_bytes(bytes(values))?,
        }
        Ok(())
    }
}

/// Whether a model's output, a loss and a set's targets fit together.
///
/// # Errors
/// [`Error::Mismatch`] names all three and says what to change.
pub(crate) fn check(input: &[usize], output: &[usize], loss: Loss, dataset: &Dataset) -> Result<(), Error> {
    let wrong = |message: String| Err(Error::Mismatch(message));
    if input != dataset.input_shape() {
        return wrong(format!("the model takes samples of shape {input:?}, the set {} has {:?}", dataset.name(), dataset.input_shape()));
    }
    let classes = dataset.classes().len();
    match loss {
        Loss::CrossEntropy if classes == 0 => {
            wrong(format!("cross_entropy needs class labels, and the set {} has values; use `mse` or `bce_with_logits`", dataset.name()))
        }
        Loss::CrossEntropy if output != [classes] => wrong(format!(
            "the model's last layer gives {output:?} a sample, and the set {} has {classes} classes; make the last layer {classes} units",
            dataset.name()
        )),
        Loss::BceWithLogits if classes == 2 && output == [1] => Ok(()),
        Loss::BceWithLogits if classes == 2 => {
            wrong(format!("the model's last layer gives {output:?} a sample; with bce_with_logits two classes want one unit, the second's logit"))
        }
        Loss::Mse | Loss::BceWithLogits if classes > 0 => {
            wrong(format!("this loss needs targets that are values, and the set {} has class labels; use `cross_entropy`", dataset.name()))
        }
        Loss::Mse | Loss::BceWithLogits if output != dataset.target_shape() => {
            wrong(format!("the model gives {output:?} a sample, and the set {} has targets of shape {:?}", dataset.name(), dataset.target_shape()))
        }
        _ => Ok(()),
    }
}

/// Bytes that the largest activation of a batch may have in evaluation: half of what the least adapters take in one binding.
const LARGEST: usize = 64 << 20;

/// The batch size for evaluating `n` samples by a network whose largest activation has `largest` values a sample: the largest
/// divisor up to 512 that memory allows, so that one plan serves all, unless none is of a useful size.
pub(crate) fn evaluation_batch(n: usize, largest: usize) -> usize {
    let most = (LARGEST / 4 / largest.max(1)).clamp(1, 512);
    let divisor = (1..=n.min(most)).rev().find(|d| n.is_multiple_of(*d)).unwrap_or(1);
    if 8 * divisor >= most || divisor == n { divisor } else { n.min(most.div_ceil(2)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluation_batches_divide_where_they_can() {
        assert_eq!(evaluation_batch(10_000, 784), 500);
        assert_eq!(evaluation_batch(7, 784), 7);
        assert_eq!(evaluation_batch(10_007, 784), 256);
        assert_eq!(evaluation_batch(1, 784), 1);
    }

    #[test]
    fn evaluation_batches_of_large_activations_are_small() {
        // 64 channels of 112 × 112: 3 MB a sample.
        assert_eq!(evaluation_batch(10_000, 64 * 112 * 112), 20);
        assert_eq!(evaluation_batch(10_007, 64 * 112 * 112), 10);
        assert_eq!(evaluation_batch(7, 1 << 24), 1);
        assert_eq!(evaluation_batch(7, usize::MAX), 1);
    }
}
