//! What a run writes to its folder, and how it goes on from there.

#[cfg(target_arch = "wasm32")]
impl crate::Trainer {
    pub(crate) async fn save(&mut self) -> Result<(), crate::Error> {
        Ok(())
    }

    pub(crate) async fn save_last(&mut self) -> Result<(), crate::Error> {
        Ok(())
    }

    pub(crate) fn take_back(&self, _: u64) {}
}

#[cfg(not(target_arch = "wasm32"))]
mod folder {
    use crate::files::checkpoint::{Checkpoint, Kind};
    use crate::report::{History, curve::save_curves};
    use crate::{Error, Trainer};
    use std::path::Path;

    /// The last checkpoint but one, under a second name: it takes no time and, until the last one is replaced, no room.
    const PREVIOUS: &str = ".previous.safetensors";

    impl Trainer {
        /// History and curves first, the checkpoint last: whatever a kill leaves, the checkpoint is never ahead of the
        /// history.
        pub(crate) async fn save(&mut self) -> Result<(), Error> {
            let Some(run) = self.options.run.clone() else { return Ok(()) };
            self.history.save(&run)?;
            let name = run.file_name().map_or_else(|| "training".into(), |n| n.to_string_lossy().into_owned());
            save_curves(&self.history, &name, &run.join("curve.png"))?;
            if let Some(best) = self.unsaved_best.take() {
                best.save(&run, Kind::Best)?;
            }
            self.write_last(&run).await?;
            self.unsaved_epochs = false;
            Ok(())
        }

        /// The checkpoint alone, within an epoch.
        pub(crate) async fn save_last(&mut self) -> Result<(), Error> {
            // A checkpoint that knew of epochs whose history or best weights are not on disk would lose them.
            if self.unsaved_epochs {
                return self.save().await;
            }
            let Some(run) = self.options.run.clone() else { return Ok(()) };
            self.write_last(&run).await
        }

        async fn write_last(&self, run: &Path) -> Result<(), Error> {
            let checkpoint = self.checkpoint().await?;
            let (last, previous) = (run.join(Kind::Last.file_name()), run.join(PREVIOUS));
            if last.is_file() {
                // Neither may be possible: then there is but one checkpoint, as there is at first.
                let _ = std::fs::remove_file(&previous);
                if let Err(error) = std::fs::hard_link(&last, &previous) {
                    log::debug!("{}: {error}; the last checkpoint but one is not kept", previous.display());
                }
            }
            Ok(checkpoint.save(run, Kind::Last)?)
        }

        /// Puts the checkpoint before the last in its place, where the last one's weights are those that gave the loss of
        /// step `bad`, which was not finite: whether an update was good shows only in the step after it.
        pub(crate) fn take_back(&self, bad: u64) {
            let Some(run) = &self.options.run else { return };
            let previous = run.join(PREVIOUS);
            let taken = || -> Result<(), Error> {
                if Checkpoint::load(run, Kind::Last)?.state.step + 1 < bad {
                    return Ok(());
                }
                let file = previous.display().to_string();
                let bytes = std::fs::read(&previous).map_err(|source| crate::files::FileError::Read { file: file.clone(), source })?;
                Ok(Checkpoint::from_bytes(&file, &bytes)?.save(run, Kind::Last)?)
            };
            // The loss is the error to report.
            if let Err(error) = taken() {
                log::warn!("the last checkpoint may hold weights whose loss is not finite: {error}");
            }
        }

        /// Goes on with a run from its folder: its last checkpoint and its history.
        ///
        /// # Errors
        /// Where there is no checkpoint, it is damaged, or it is of another model.
        pub fn resume(&mut self, run: &Path) -> Result<(), Error> {
            let checkpoint = Checkpoint::load(run, Kind::Last)?;
            self.restore(&run.join(Kind::Last.file_name()).display().to_string(), &checkpoint)?;
            self.history = History::load(run)?;
            self.history.truncate_after(self.position.epoch);
            Ok(())
        }
    }
}
