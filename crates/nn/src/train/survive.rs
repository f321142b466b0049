//! Training that outlives its device.

use crate::data::dataset::Dataset;
use crate::report::progress::Progress;
use crate::{Error, Trainer};
use std::sync::Arc;

/// Losses in a row without a step between them, after which the device is given up.
const GIVEN_UP: u32 = 3;

impl Trainer {
    /// As [`Trainer::fit`], and where the device is lost, training goes on by itself: `renew` opens another device and makes
    /// the same trainer on it, which takes over the state kept in memory
    /// ([`FitOptions::keep`](crate::FitOptions::keep)) or, where none was kept yet, begins anew.
    ///
    /// # Errors
    /// Those of [`Trainer::fit`] and of `renew`; the loss itself after three in a row.
    pub async fn fit_renewing(
        &mut self,
        train: &Arc<Dataset>,
        progress: &mut dyn Progress,
        mut renew: impl AsyncFnMut() -> Result<Self, Error>,
    ) -> Result<(), Error> {
        let (mut losses, mut furthest) = (0, None);
        loop {
            let error = match self.fit(train, progress).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let reached = self.position.step;
            losses = if furthest.is_some_and(|step| reached <= step) { losses + 1 } else { 1 };
            furthest = furthest.max(Some(reached));
            if !error.is_lost_device() || losses >= GIVEN_UP {
                return Err(error);
            }
            let mut next = renew().await?;
            next.take_over(self)?;
            progress.note(&format!("{}; going on from step {} on a new one", error.loss(), next.position.step));
            *self = next;
        }
    }

    /// Goes on where another trainer of the same recipe stood when its state was last kept.
    fn take_over(&mut self, lost: &mut Self) -> Result<(), Error> {
        self.options.clone_from(&lost.options);
        self.unsaved_best = lost.unsaved_best.take();
        if let Some(kept) = lost.kept.take() {
            self.restore("the state in memory", &kept.checkpoint)?;
            self.history.clone_from(&kept.history);
            self.kept = Some(kept);
        }
        Ok(())
    }
}

impl Error {
    /// Whether the device is gone, with all its memory.
    pub fn is_lost_device(&self) -> bool {
        matches!(self, Error::Tensor(wgrad_tensor::Error::Runtime(wgrad_tensor::runtime::Error::DeviceLost { .. })))
    }

    /// The loss of a device, without the advice to open another.
    fn loss(&self) -> String {
        match self {
            Error::Tensor(wgrad_tensor::Error::Runtime(wgrad_tensor::runtime::Error::DeviceLost { step, reason })) => {
                format!("the device was lost at step {step} ({reason})")
            }
            other => other.to_string(),
        }
    }
}
