//! Predictions, apart from training: the weights are shared, so that a model can be asked while it learns.

use super::feed::evaluation_batch;
use crate::data::dataset::{BatchTargets, Dataset};
use crate::layers::Pass;
use crate::{Error, Loss, Model, Trainer};
use std::sync::{Arc, Mutex, PoisonError};
use wgrad_tensor::{Device, Step, Tensor, bytes};

/// A model that answers. Clones share the compiled step.
#[derive(Clone)]
pub struct Predictor {
    pub(crate) device: Device,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) loss: Loss,
    /// The step for the batch size that was asked for last.
    compiled: Arc<Mutex<Option<Compiled>>>,
}

#[derive(Clone)]
struct Compiled {
    batch: usize,
    input: Tensor,
    step: Arc<Step>,
}

impl Predictor {
    /// Predictions for samples that lie one after another in `x`: probabilities for classifiers, values for regression;
    /// row-major [samples, output shape…].
    ///
    /// # Errors
    /// Where `x` is not a whole number of samples, or the device fails.
    pub async fn predict(&self, x: &[f32]) -> Result<Vec<f32>, Error> {
        let each = self.each(x)?;
        let n = x.len() / each;
        let size = evaluation_batch(n, self.model.largest_activation());
        let mut out = Vec::new();
        for start in (0..n).step_by(size.max(1)) {
            let batch = size.min(n - start);
            let rows = &x[start * each..(start + batch) * each];
            let compiled = self.compiled(batch)?;
            compiled.input.write_bytes(bytes(rows))?;
            for data in compiled.step.run_and_read()?.wait().await? {
                out.extend(data.f32s()?);
            }
        }
        Ok(out)
    }

    /// The values of one sample, of which `x` holds a whole number.
    pub(crate) fn each(&self, x: &[f32]) -> Result<usize, Error> {
        let shape = self.model.input_shape();
        let each: usize = shape.iter().product();
        if each == 0 || !x.len().is_multiple_of(each) {
            return Err(Error::Mismatch(format!("{} values are no whole number of samples of shape {shape:?}, which have {each}", x.len())));
        }
        Ok(each)
    }

    /// How often each class was taken for each: row = the true class, column = the predicted one.
    ///
    /// # Errors
    /// Where the set has no classes or does not fit the model, or the device fails.
    pub async fn confusion(&self, dataset: &Dataset) -> Result<Vec<Vec<u64>>, Error> {
        let (n, classes) = (dataset.len(), dataset.classes().len());
        // Two classes from one probability: the second's.
        let binary = classes == 2 && self.loss == Loss::BceWithLogits && self.model.output_shape() == [1];
        if classes == 0 || !(binary || self.model.output_shape() == [classes]) {
            return Err(Error::Mismatch(format!("the set {} has {classes} classes, the model gives {:?} a sample", dataset.name(), self.model.output_shape())));
        }
        let mut counts = vec![vec![0; classes]; classes];
        let (mut x, mut y) = (Vec::new(), BatchTargets::default());
        let size = evaluation_batch(n, self.model.largest_activation());
        for start in (0..n).step_by(size) {
            let rows: Vec<usize> = (start..(start + size).min(n)).collect();
            dataset.fill_batch(&rows, &mut x, &mut y);
            let probabilities = self.predict(&x).await?;
            for (&row, given) in rows.iter().zip(probabilities.chunks(if binary { 1 } else { classes })) {
                let best = match binary {
                    true => usize::from(given[0] > 0.5),
                    false => (0..classes).fold(0, |best, k| if given[k] > given[best] { k } else { best }),
                };
                if let Some(label) = dataset.label(row) {
                    counts[label as usize][best] += 1;
                }
            }
        }
        Ok(counts)
    }

    fn compiled(&self, batch: usize) -> Result<Compiled, Error> {
        let mut slot = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = slot.as_ref().filter(|c| c.batch == batch) {
            return Ok(found.clone());
        }
        let shape = [&[batch], self.model.input_shape()].concat();
        let input = Tensor::from_f32(&self.device, shape.clone(), &vec![0.0; shape.iter().product()])?;
        let output = self.loss.activate(&self.model.forward(&input, &Pass::evaluate()));
        let step = Arc::new(self.device.step(&[&output], &[])?);
        let made = Compiled { batch, input, step };
        *slot = Some(made.clone());
        Ok(made)
    }
}

impl Trainer {
    /// The model as it answers at any time, between the steps of its training too.
    pub fn predictor(&self) -> Predictor {
        Predictor { device: self.device.clone(), model: self.model.clone(), loss: self.loss, compiled: Arc::default() }
    }

    /// Predictions for samples that lie one after another in `x`: [`Predictor::predict`].
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub async fn predict(&self, x: &[f32]) -> Result<Vec<f32>, Error> {
        self.predictor().predict(x).await
    }

    /// [`Trainer::predict`], blocking the thread.
    ///
    /// # Errors
    /// As [`Trainer::predict`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict_blocking(&self, x: &[f32]) -> Result<Vec<f32>, Error> {
        pollster::block_on(self.predict(x))
    }
}
