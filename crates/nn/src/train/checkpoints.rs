//! The trainer's state as a checkpoint, and back.

use super::trainer::Position;
use crate::files::checkpoint::{Checkpoint, NamedTensor, State};
use crate::schedule::PlateauState;
use crate::{Error, Schedule, Trainer};
use std::collections::BTreeMap;
use wgrad_tensor::{Data, Tensor, Variable};

impl Trainer {
    /// Every tensor that a checkpoint holds: the network's, then the optimiser's moments.
    fn variables(&self) -> Vec<&Variable> {
        self.network().chain(self.optimizer.variables()).collect()
    }

    /// Parameters and buffers.
    fn network(&self) -> impl Iterator<Item = &Variable> {
        self.parameters.iter().chain(&self.buffers)
    }

    /// The present state. One read of all tensors.
    ///
    /// # Errors
    /// Where the device fails.
    pub async fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let variables = self.variables();
        let values: Vec<Tensor> = variables.iter().map(|v| v.value()).collect();
        let data = self.device.read(&values.iter().collect::<Vec<_>>()).await?;
        let mut tensors = Vec::new();
        for (variable, data) in variables.iter().zip(data) {
            tensors.push(NamedTensor { name: variable.name().to_owned(), shape: data.ty.shape.to_vec(), data: data.f32s()? });
        }
        let mut extra: BTreeMap<String, serde_json::Value> = BTreeMap::new();
        extra.insert("stale_epochs".to_owned(), self.stale_epochs.into());
        extra.insert("best".to_owned(), self.best.into());
        if let Some(Schedule::Plateau(_)) = self.options.schedule {
            extra.insert("plateau".to_owned(), self.plateau.to_json());
        }
        if self.position.batch > 0 {
            extra.insert("epoch".to_owned(), serde_json::to_value(self.partial).unwrap_or_default());
        }
        let state = State {
            model: self.model.fingerprint(),
            optimizer: self.optimizer.optimizer().name().to_owned(),
            epoch: self.position.epoch,
            step: self.position.step,
            batch_in_epoch: self.position.batch,
            seed: self.options.seed,
            metrics: self.latest_metrics(),
            about: self.options.about.clone(),
            extra,
            ..State::default()
        };
        Ok(Checkpoint { tensors, state })
    }

    fn latest_metrics(&self) -> BTreeMap<String, f64> {
        let Some(row) = self.history.rows.last() else { return BTreeMap::new() };
        let values = [("loss", Some(row.loss)), ("accuracy", row.accuracy), ("val_loss", row.val_loss), ("val_accuracy", row.val_accuracy)];
        values.into_iter().filter_map(|(name, value)| value.map(|v| (name.to_owned(), v))).collect()
    }

    /// Takes over a checkpoint: weights, moments, and where the run stood. `file` is named in errors.
    ///
    /// # Errors
    /// Where the checkpoint is of another model or optimiser: the first tensor that differs is named, with both shapes.
    /// The present state is untouched then.
    pub fn restore(&mut self, file: &str, checkpoint: &Checkpoint) -> Result<(), Error> {
        let saved = &checkpoint.state.optimizer;
        if saved != self.optimizer.optimizer().name() {
            let message = format!(
                "{file} was written with the optimizer {saved}, this run uses {}; a run goes on with the optimizer it began with",
                self.optimizer.optimizer().name()
            );
            return Err(Error::Mismatch(message));
        }
        let names: Vec<(String, Vec<usize>)> = self.variables().iter().map(|v| (v.name().to_owned(), v.ty().shape.to_vec())).collect();
        checkpoint.check_model(file, names.iter().map(|(n, s)| (n.as_str(), s.as_slice())))?;
        self.load(checkpoint, &self.variables())?;
        let state = &checkpoint.state;
        self.position = Position { epoch: state.epoch, step: state.step, batch: state.batch_in_epoch };
        self.best = state.extra.get("best").and_then(serde_json::Value::as_f64);
        self.stale_epochs = state.extra.get("stale_epochs").and_then(serde_json::Value::as_u64).unwrap_or(0);
        self.partial = state.extra.get("epoch").and_then(|v| serde_json::from_value(v.clone()).ok()).unwrap_or_default();
        self.plateau = PlateauState::from_json(state.extra.get("plateau"));
        self.options.seed = state.seed;
        Ok(())
    }

    /// Takes over the weights alone, to evaluate or predict.
    ///
    /// # Errors
    /// Where the checkpoint is of another model: the first tensor that differs is named, with both shapes.
    pub fn restore_weights(&mut self, file: &str, checkpoint: &Checkpoint) -> Result<(), Error> {
        let own = |name: &str| !name.starts_with("optimizer.");
        let weights = Checkpoint { tensors: checkpoint.tensors.iter().filter(|t| own(&t.name)).cloned().collect(), state: checkpoint.state.clone() };
        let names: Vec<(String, Vec<usize>)> = self.network().map(|v| (v.name().to_owned(), v.ty().shape.to_vec())).collect();
        weights.check_model(file, names.iter().map(|(n, s)| (n.as_str(), s.as_slice())))?;
        self.load(&weights, &self.network().collect::<Vec<_>>())
    }

    fn load(&self, checkpoint: &Checkpoint, variables: &[&Variable]) -> Result<(), Error> {
        for variable in variables {
            if let Some(tensor) = checkpoint.tensor(variable.name()) {
                variable.write(&Data::f32(tensor.shape.clone(), &tensor.data)?)?;
            }
        }
        Ok(())
    }
}
