//! Loss and accuracy without training.

use super::feed::{self, Feed, evaluation_batch};
use super::meter::Meter;
use crate::data::dataset::{BatchTargets, Dataset};
use crate::layers::Pass;
use crate::{Error, Trainer};
use serde::Serialize;
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

impl Trainer {
    /// Loss and accuracy on a set. The sums stay on the device until the end: one read.
    ///
    /// # Errors
    /// Where model, loss and data do not fit, or the device fails.
    pub async fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation, Error> {
        feed::check(self.model.input_shape(), self.model.output_shape(), self.loss, dataset)?;
        let n = dataset.len();
        let size = evaluation_batch(n);
        self.evaluation_meter.reset(0.0, 0.0)?;
        let (mut x, mut y) = (Vec::new(), BatchTargets::default());
        let (mut compiled, mut sums) = (None, None);
        for start in (0..n).step_by(size) {
            let batch = size.min(n - start);
            let (feed, step) = match compiled.take() {
                Some((made, pair)) if made == batch => pair,
                _ => self.evaluation_step(dataset, batch)?,
            };
            dataset.fill_batch(&(start..start + batch).collect::<Vec<_>>(), &mut x, &mut y);
            feed.write(&x, &y)?;
            if start + batch == n {
                sums = Some(step.run_and_read()?.wait().await?);
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

    fn evaluation_step(&self, dataset: &Dataset, batch: usize) -> Result<(Feed, Step), Error> {
        let feed = Feed::new(&self.device, dataset, batch)?;
        let output = self.model.forward(&feed.x, &Pass::evaluate());
        let loss = self.loss.apply(&output, &feed.y);
        let updates = self.evaluation_meter.updates(self.loss, &loss, &output, &feed.y, batch);
        let pairs: Vec<(&Variable, &Tensor)> = updates.iter().map(|(v, t)| (v, t)).collect();
        let step = self.device.step(&self.evaluation_meter.fetch(&updates), &pairs)?;
        Ok((feed, step))
    }

    /// [`Trainer::evaluate`], blocking the thread.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_blocking(&self, dataset: &Dataset) -> Result<Evaluation, Error> {
        pollster::block_on(self.evaluate(dataset))
    }
}
