//! Running sums on the device: read only when somebody looks.

use crate::{Error, Loss};
use wgrad_tensor::{DType, Data, Device, Tensor, Variable};

/// The sums since the last reset.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Reading {
    /// Σ loss·batch.
    pub(crate) loss: f64,
    /// Σ right answers; `None` where the loss has no such thing.
    pub(crate) correct: Option<f64>,
    /// Steps that went well since the reset; the first that did not is the next one.
    pub(crate) good: u64,
    /// Whether every loss was finite.
    pub(crate) finite: bool,
}

/// Loss, right answers and the health of the loss, summed on the device.
pub(crate) struct Meter {
    loss: Variable,
    correct: Variable,
    /// Good steps; −(good steps) − 1 once a loss was not finite.
    health: Variable,
}

impl Meter {
    pub(crate) fn new(device: &Device) -> Result<Self, Error> {
        let zero = Data::f32([], &[0.0])?;
        Ok(Self {
            loss: Variable::new(device, "meter.loss", &zero)?,
            correct: Variable::new(device, "meter.correct", &zero)?,
            health: Variable::new(device, "meter.health", &Data::i32([], &[0])?)?,
        })
    }

    /// The updates that add a batch of `n` samples.
    #[track_caller]
    pub(crate) fn updates(&self, kind: Loss, loss: &Tensor, output: &Tensor, target: &Tensor, n: usize) -> Vec<(Variable, Tensor)> {
        let mut updates = vec![(self.loss.clone(), &self.loss.value() + &(loss * n as f64))];
        if let Some(correct) = kind.correct(output, target) {
            updates.push((self.correct.clone(), &self.correct.value() + &correct));
        }
        // A comparison with NaN is false, unlike `x != x`, which drivers optimise away.
        let finite = loss.abs().less_or_equal(&loss.constant(3e38));
        let health = self.health.value();
        let zero = health.constant(0.0);
        let next = &health + 1.0;
        let turned = next.select(&finite, &(&zero - &next));
        updates.push((self.health.clone(), turned.select(&health.greater_or_equal(&zero), &health)));
        updates
    }

    /// What to fetch to read the sums: a step that updates them reads them in its own submit.
    pub(crate) fn fetch<'a>(&self, updates: &'a [(Variable, Tensor)]) -> Vec<&'a Tensor> {
        [&self.loss, &self.correct, &self.health].iter().filter_map(|v| updates.iter().find(|(u, _)| u.name() == v.name()).map(|(_, t)| t)).collect()
    }

    /// The sums and the loss of the batch itself, from what a training step fetched.
    pub(crate) fn step_reading(data: &[Data]) -> Result<(Reading, f64), Error> {
        let (loss, sums) = data.split_last().ok_or_else(|| Error::Mismatch("a training step fetched nothing".to_owned()))?;
        let loss = loss.f32s()?.first().copied().unwrap_or(f32::NAN);
        Ok((Self::reading(sums)?, f64::from(loss)))
    }

    /// Reads the sums apart from any step.
    pub(crate) async fn read(&self, device: &Device) -> Result<Reading, Error> {
        let values = [&self.loss, &self.correct, &self.health].map(Variable::value);
        Self::reading(&device.read(&values.iter().collect::<Vec<_>>()).await?)
    }

    /// The sums from what was fetched, in the order of [`Meter::fetch`].
    pub(crate) fn reading(data: &[Data]) -> Result<Reading, Error> {
        let mut reading = Reading::default();
        for (n, item) in data.iter().enumerate() {
            if item.ty.dtype == DType::F32 {
                let value = item.f32s()?.first().copied().map(f64::from);
                if n == 0 {
                    reading.loss = value.unwrap_or(f64::NAN);
                } else {
                    reading.correct = value;
                }
            } else {
                let health = item.i32s()?.first().copied().unwrap_or(0);
                reading.finite = health >= 0;
                reading.good = if health >= 0 { health as u64 } else { (-i64::from(health) - 1) as u64 };
            }
        }
        Ok(reading)
    }

    /// Sets the sums, for a new epoch or to go on in the middle of one.
    pub(crate) fn reset(&self, loss: f64, correct: f64) -> Result<(), Error> {
        self.loss.write(&Data::f32([], &[loss as f32])?)?;
        self.correct.write(&Data::f32([], &[correct as f32])?)?;
        self.health.write(&Data::i32([], &[0])?)?;
        Ok(())
    }
}
