//! The loop over epochs and batches.

use super::meter::{Meter, Reading};
use super::trainer::{Kept, Partial, Position};
use crate::data::dataset::Dataset;
use crate::data::loader::{Loader, LoaderOptions};
use crate::recipe::record;
use crate::report::history::{EpochRow, History};
use crate::report::progress::{Progress, Quiet};
use crate::{Error, FitOptions, Schedule, Trainer};
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;

/// Steps that may wait on the device while the host prepares the next: enough to hide the upload, few enough that an error
/// is seen soon.
const IN_FLIGHT: usize = 3;

/// Time between two looks at the running loss.
const LOOK: Duration = Duration::from_millis(500);

/// Least time between two visits to the disk.
const SAVE: Duration = Duration::from_secs(1);

/// Epochs of a long run that are shown.
const SHOWN: u64 = 20;

/// Whether epoch `number` is shown: all of a short run, about twenty of a long one, and the first and the last.
fn shows(number: u64, epochs: u64) -> bool {
    epochs <= 5 * SHOWN || number == 1 || number == epochs || number.is_multiple_of((epochs / SHOWN).max(1))
}

/// When to stop before the last epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlyStopping {
    /// Epochs without improvement after which training stops.
    pub patience: u64,
    /// What counts as improvement of the validation loss.
    pub min_delta: f64,
}

record!(EarlyStopping, "early_stopping" { patience: required, min_delta: or(0.0) });

/// What is known about an epoch under way.
struct Epoch {
    number: u64,
    began: Instant,
    seen: usize,
    /// Batches already done when the meter was last set to zero.
    first: u64,
    /// Time in which the device had nothing to do because no batch was ready.
    waited: Duration,
}

impl Trainer {
    /// Trains from where the run stands to the last epoch, and returns the history. Where [`Progress::stop`] asks for it,
    /// training ends after the step under way, and a further call goes on from there.
    ///
    /// After every epoch the set for validation is measured, and history, curves and checkpoints are written to the run
    /// folder, if there is one. Only checkpoints whose loss was finite are ever written.
    ///
    /// # Errors
    /// [`Error::NotFinite`] names the first step whose loss was NaN or infinite; device and file errors name what failed.
    pub async fn fit(&mut self, train: &Arc<Dataset>, progress: &mut dyn Progress) -> Result<&History, Error> {
        let FitOptions { batch_size, shuffle, seed, workers, .. } = self.options;
        let options = LoaderOptions { batch_size, shuffle, seed, workers, ..LoaderOptions::default() };
        // Before the first epoch, not at the end of it.
        let (whole, rest) = (train.len().min(self.options.batch_size), train.len() % self.options.batch_size);
        [whole, rest].into_iter().filter(|&n| n > 0).try_for_each(|n| self.check_batch(n))?;
        let loader = Loader::new(train.clone(), options);
        self.steps_per_epoch = loader.batches_per_epoch() as u64;
        // The first epoch is saved at once: from then on there is a good checkpoint.
        let mut saved: Option<Instant> = None;
        self.kept_at = Some(Instant::now());
        while self.position.epoch < self.options.epochs {
            let (shown, quiet) = (shows(self.position.epoch + 1, self.options.epochs), &mut Quiet);
            let row = match self.epoch(train, &loader, if shown { &mut *progress } else { quiet }).await {
                Ok(Some(row)) => row,
                Ok(None) => {
                    self.save_last().await?;
                    self.keep(progress).await?;
                    break;
                }
                Err(error) => {
                    if let Error::NotFinite { step, .. } = error {
                        self.take_back(step);
                    }
                    return Err(error);
                }
            };
            let better = self.judge(&row);
            if let Some(Schedule::Plateau(settings)) = &self.options.schedule {
                self.plateau.judge(settings, row.val_loss.unwrap_or(row.loss));
            }
            // First: the checkpoint holds the metrics of the last row.
            self.history.push(row);
            self.unsaved_epochs = true;
            if better && self.options.run.is_some() {
                self.unsaved_best = Some(self.checkpoint().await?);
            }
            let early = self.options.early_stopping.is_some_and(|e| self.stale_epochs >= e.patience);
            let last = self.options.stop_after == Some(self.position.epoch) || self.position.epoch == self.options.epochs;
            let stop = early || last || progress.stop();
            // Epochs of milliseconds do not each wait for the disk.
            if stop || saved.is_none_or(|at| at.elapsed() >= SAVE) {
                self.save().await?;
                saved = Some(Instant::now());
            }
            if stop || self.is_stale() {
                self.keep(progress).await?;
            }
            if early {
                progress.note(&format!("Stopped early: no improvement in {} epochs", self.stale_epochs));
            }
            if stop {
                break;
            }
        }
        Ok(&self.history)
    }

    /// One epoch, or what was left of it; `None` where it was stopped in its middle.
    async fn epoch(&mut self, train: &Arc<Dataset>, loader: &Loader, progress: &mut dyn Progress) -> Result<Option<EpochRow>, Error> {
        let total = loader.batches_per_epoch();
        let mut epoch =
            Epoch { number: self.position.epoch + 1, began: Instant::now(), seen: self.partial.seen, first: self.position.batch, waited: Duration::ZERO };
        progress.start_epoch(epoch.number as usize, self.options.epochs as usize, total);
        let partial = std::mem::take(&mut self.partial);
        self.meter.reset(partial.loss, partial.correct)?;
        let mut looked = Instant::now();
        let mut last = Reading::default();
        let mut batches = loader.epoch_from(self.position.epoch, self.position.batch as usize);
        loop {
            let asked = Instant::now();
            let Some(batch) = batches.next() else { break };
            epoch.waited += asked.elapsed();
            let made = self.train_step(train, batch.len())?;
            made.feed.write(&batch.x, &batch.y)?;
            self.prepare(self.position.step + 1)?;
            epoch.seen += batch.len();
            let done = batch.number + 1;
            // The first step is shown at once, so that people see that it runs; then twice a second.
            let look = self.options.look_every.map_or_else(|| looked.elapsed() >= LOOK, |every| (self.position.step + 1).is_multiple_of(every.max(1)));
            let looks = done == total || self.position.step == 0 || look;
            if looks {
                let data = made.step.run_and_read()?.wait().await?;
                let (sums, loss) = Meter::step_reading(&data)?;
                last = self.healthy(sums, &epoch)?;
                looked = Instant::now();
                progress.batch_loss(self.position.step + 1, loss);
                progress.step(done, &shares(&last, epoch.seen));
            } else {
                made.step.run()?;
                progress.step(done, &[]);
                self.device.runtime().throttle(IN_FLIGHT).await?;
            }
            self.position.step += 1;
            self.position.batch = done as u64;
            if let Some(every) = self.options.save_every
                && self.position.step.is_multiple_of(every)
                && done < total
            {
                self.sum_up(&epoch).await?;
                self.save_last().await?;
            }
            if done < total && looks && self.is_stale() {
                self.sum_up(&epoch).await?;
                self.keep(progress).await?;
            }
            if done < total && progress.stop() {
                self.sum_up(&epoch).await?;
                return Ok(None);
            }
        }
        self.partial = Partial::default();
        let learning_rate = self.learning_rate(self.position.step.saturating_sub(1));
        self.position = Position { epoch: epoch.number, batch: 0, ..self.position };
        let validation = match self.options.validation.clone() {
            Some(set) => Some(self.evaluate(&set).await?),
            None => None,
        };
        // The next step would see it: the weights are lost, though every loss before their last update was finite.
        if validation.is_some_and(|v| !v.loss.is_finite()) {
            return Err(self.not_finite(self.position.step + 1, epoch.number));
        }
        let mut metrics = shares(&last, epoch.seen);
        if let Some(v) = &validation {
            metrics.push(("val_loss", v.loss));
            metrics.extend(v.accuracy.map(|a| ("val_accuracy", a)));
        }
        if self.options.schedule.is_some() {
            metrics.push(("learning_rate", learning_rate));
        }
        progress.finish_epoch(&metrics);
        let share = |sum: f64| sum / epoch.seen.max(1) as f64;
        Ok(Some(EpochRow {
            epoch: epoch.number,
            step: self.position.step,
            loss: share(last.loss),
            accuracy: last.correct.map(share),
            val_loss: validation.map(|v| v.loss),
            val_accuracy: validation.and_then(|v| v.accuracy),
            learning_rate,
            seconds: epoch.began.elapsed().as_secs_f64(),
            data_wait: Some(epoch.waited.as_secs_f64()),
        }))
    }

    /// The reading, or the error that names the first step whose loss was not finite.
    fn healthy(&self, reading: Reading, epoch: &Epoch) -> Result<Reading, Error> {
        if reading.finite {
            return Ok(reading);
        }
        // The meter counts good steps since the epoch began (or since it was resumed in its middle).
        let before = self.position.step - (self.position.batch - epoch.first);
        Err(self.not_finite(before + reading.good + 1, epoch.number))
    }

    fn not_finite(&self, step: u64, epoch: u64) -> Error {
        let has_checkpoint = |run: &&std::path::PathBuf| run.join(crate::files::checkpoint::Kind::Last.file_name()).exists();
        let kept = self.options.run.as_ref().filter(has_checkpoint).map_or(String::new(), |r| format!("; the last good checkpoint is kept in {}", r.display()));
        Error::NotFinite { step, epoch, kept }
    }

    /// Whether the epoch is the best so far: by validation loss, or by training loss where there is no validation.
    fn judge(&mut self, row: &EpochRow) -> bool {
        let value = row.val_loss.unwrap_or(row.loss);
        let min_delta = self.options.early_stopping.map_or(0.0, |e| e.min_delta);
        let better = self.best.is_none_or(|best| value < best - min_delta);
        if better {
            self.best = Some(value);
            self.stale_epochs = 0;
        } else {
            self.stale_epochs += 1;
        }
        better
    }

    /// Takes over the sums of the epoch under way, which a checkpoint in its middle holds, if the loss is still finite.
    async fn sum_up(&mut self, epoch: &Epoch) -> Result<(), Error> {
        let health = self.meter.read(&self.device).await?;
        let health = self.healthy(health, epoch)?;
        self.partial = Partial { loss: health.loss, correct: health.correct.unwrap_or(0.0), seen: epoch.seen };
        Ok(())
    }

    /// Whether the state in memory is older than it may be.
    fn is_stale(&self) -> bool {
        self.options.keep.is_some_and(|age| self.kept_at.is_none_or(|at| at.elapsed() >= age))
    }

    /// Keeps the state in memory, where that is wanted.
    async fn keep(&mut self, progress: &mut dyn Progress) -> Result<(), Error> {
        if self.options.keep.is_some() {
            let checkpoint = self.checkpoint().await?;
            progress.checkpoint(&checkpoint);
            self.kept = Some(Kept { checkpoint, history: self.history.clone() });
            self.kept_at = Some(Instant::now());
        }
        Ok(())
    }

    /// [`Trainer::fit`], blocking the thread.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit_blocking(&mut self, train: &Arc<Dataset>, progress: &mut dyn Progress) -> Result<&History, Error> {
        pollster::block_on(self.fit(train, progress))
    }
}

/// The sums as means over the samples seen.
fn shares(reading: &Reading, seen: usize) -> Vec<(&'static str, f64)> {
    let share = |sum: f64| sum / seen.max(1) as f64;
    let mut all = vec![("loss", share(reading.loss))];
    all.extend(reading.correct.map(|c| ("accuracy", share(c))));
    all
}
