//! Loss and accuracy without training, and all other metrics.

use super::feed::{self, Feed, evaluation_batch};
use super::meter::Meter;
use crate::data::dataset::{BatchTargets, Dataset};
use crate::data::loader::{Loader, LoaderOptions};
use crate::layers::Pass;
use crate::metrics::{Classification, Metrics, Predictions, Regression};
use crate::{Error, Loss, Trainer};
use serde::Serialize;
use std::sync::Arc;
use wgrad_tensor::runtime::Plan;
use wgrad_tensor::{Step, Tensor, Variable};

/// How a model does on a set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of right answers, 0 to 1; `None` for regression.
    pub accuracy: Option<f64>,
    /// Samples measured.
    pub samples: usize,
}

/// What a network said about every sample of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Loss and accuracy.
    pub evaluation: Evaluation,
    /// The answers.
    pub answers: Answers,
}

/// The answers of a network with what was right.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// Classes: one a sample, or yes and no from a single logit.
    Classes(Predictions),
    /// Values, row-major [samples, outputs].
    Values {
        /// What the network said.
        predicted: Vec<f32>,
        /// What was right.
        truth: Vec<f32>,
        /// Values a sample.
        outputs: usize,
    },
}

impl Answers {
    /// The metrics of these answers.
    pub fn metrics(&self) -> Metrics {
        match self {
            Answers::Classes(predictions) => Metrics::Classes(Classification::of(predictions)),
            Answers::Values { predicted, truth, outputs } => Metrics::Values(Regression::of(predicted, truth, *outputs)),
        }
    }
}

/// Outputs and targets of the samples so far, as they come.
#[derive(Default)]
struct Kept {
    outputs: Vec<f32>,
    labels: Vec<i32>,
    values: Vec<f32>,
}

impl Trainer {
    /// Loss and accuracy on a set. The sums stay on the device until the end: one read.
    ///
    /// # Errors
    /// Where model, loss and data do not fit, or the device fails.
    pub async fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation, Error> {
        self.measure(dataset, None).await
    }

    /// Loss, accuracy and what the network says about every sample of a set, for metrics. The outputs are read once a batch.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    pub async fn test(&self, dataset: &Dataset) -> Result<Test, Error> {
        let mut kept = Kept::default();
        let evaluation = self.measure(dataset, Some(&mut kept)).await?;
        let outputs = self.model.output_shape().iter().product::<usize>();
        Ok(Test { evaluation, answers: kept.answers(self.loss, outputs, dataset.classes())? })
    }

    /// Runs a set through the network; `keep` takes what it says.
    async fn measure(&self, dataset: &Dataset, mut keep: Option<&mut Kept>) -> Result<Evaluation, Error> {
        feed::check(self.model.input_shape(), self.model.output_shape(), self.loss, dataset)?;
        let n = dataset.len();
        let size = self.evaluation_batch(n);
        self.evaluation_meter.reset(0.0, 0.0)?;
        let (mut compiled, mut sums) = (None, None);
        let options = LoaderOptions { batch_size: size, shuffle: false, augment: false, workers: self.options.workers, ..LoaderOptions::default() };
        for samples in Loader::new(Arc::new(dataset.clone()), options).epoch(0) {
            let (start, batch) = (samples.number * size, samples.len());
            let (feed, step) = match compiled.take() {
                Some((made, pair)) if made == batch => pair,
                _ => self.evaluation_step(dataset, batch, keep.is_some())?,
            };
            feed.write(&samples.x, &samples.y)?;
            if start + batch == n || keep.is_some() {
                let mut data = step.run_and_read()?.wait().await?;
                if let Some(kept) = &mut keep {
                    // invariant: a step that keeps fetches the output behind the sums.
                    let output = data.pop().map_or_else(|| Ok(Vec::new()), |output| output.f32s())?;
                    kept.add(output, &samples.y);
                }
                sums = Some(data);
            } else {
                step.run()?;
                self.device.runtime().throttle(2).await?;
            }
            compiled = Some((batch, (feed, step)));
        }
        let reading = Meter::reading(&sums.unwrap_or_default())?;
        let share = |sum: f64| sum / n.max(1) as f64;
        Ok(Evaluation { loss: share(reading.loss), accuracy: reading.correct.map(share), samples: n })
    }

    fn evaluation_step(&self, dataset: &Dataset, batch: usize, keep: bool) -> Result<(Feed, Step), Error> {
        let feed = Feed::new(&self.device, dataset, batch, false)?;
        let output = self.model.forward(&feed.x, &Pass::evaluate());
        let loss = self.loss.apply_with(&output, &feed.y, &self.options.loss);
        let updates = self.evaluation_meter.updates(self.loss, &loss, &output, &feed.y, batch);
        let pairs: Vec<(&Variable, &Tensor)> = updates.iter().map(|(v, t)| (v, t)).collect();
        let mut fetch = self.evaluation_meter.fetch(&updates);
        fetch.extend(keep.then_some(&output));
        let step = self.device.step(&fetch, &pairs)?;
        Ok((feed, step))
    }

    /// The memory plan of an evaluation of `dataset`.
    ///
    /// # Errors
    /// Where model, loss and data do not fit, or the plan does not fit the device.
    pub fn evaluation_plan(&self, dataset: &Dataset) -> Result<Plan, Error> {
        feed::check(self.model.input_shape(), self.model.output_shape(), self.loss, dataset)?;
        Ok(self.evaluation_step(dataset, self.evaluation_batch(dataset.len()), false)?.1.plan().clone())
    }

    /// Samples of a batch where `n` are evaluated: up to 512, fewer where activations are large.
    pub fn evaluation_batch(&self, n: usize) -> usize {
        evaluation_batch(n, self.model.largest_activation())
    }

    /// [`Trainer::evaluate`], blocking the thread.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_blocking(&self, dataset: &Dataset) -> Result<Evaluation, Error> {
        pollster::block_on(self.evaluate(dataset))
    }

    /// [`Trainer::test`], blocking the thread.
    ///
    /// # Errors
    /// As [`Trainer::test`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn test_blocking(&self, dataset: &Dataset) -> Result<Test, Error> {
        pollster::block_on(self.test(dataset))
    }
}

impl Kept {
    fn add(&mut self, outputs: Vec<f32>, targets: &BatchTargets) {
        self.outputs.extend(outputs);
        match targets {
            BatchTargets::Classes(labels) => self.labels.extend(labels),
            BatchTargets::Values(values) => self.values.extend(values),
        }
    }

    fn answers(self, loss: Loss, outputs: usize, classes: &[String]) -> Result<Answers, Error> {
        let binary = loss == Loss::BceWithLogits && outputs == 1;
        if !binary && classes.is_empty() {
            let predicted = match loss {
                // The probabilities, as for people.
                Loss::BceWithLogits => self.outputs.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect(),
                _ => self.outputs,
            };
            return Ok(Answers::Values { predicted, truth: self.values, outputs });
        }
        let classes = if classes.is_empty() { ["0", "1"].map(str::to_owned).to_vec() } else { classes.to_vec() };
        let truth = self.labels.iter().map(|&label| label as usize).chain(self.values.iter().map(|&value| usize::from(value > 0.5))).collect();
        let predictions = if binary { Predictions::from_binary_logits } else { Predictions::from_logits };
        Ok(Answers::Classes(predictions(classes, &self.outputs, truth)?))
    }
}
