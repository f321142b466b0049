//! One row of numbers for each epoch, as CSV and JSON.

use crate::files::FileError;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt::Write;

/// The numbers of one epoch. What was not measured is `None`; what is not finite is null in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// Number of the epoch, from 1.
    pub epoch: u64,
    /// Training steps finished by its end, over all epochs.
    pub step: u64,
    /// Mean training loss over the epoch.
    #[serde(deserialize_with = "null_as_nan")]
    pub loss: f64,
    /// Training accuracy over the epoch, 0 to 1.
    pub accuracy: Option<f64>,
    /// Loss on the validation set at its end.
    pub val_loss: Option<f64>,
    /// Accuracy on the validation set at its end, 0 to 1.
    pub val_accuracy: Option<f64>,
    /// Learning rate of its last step.
    #[serde(deserialize_with = "null_as_nan")]
    pub learning_rate: f64,
    /// Wall-clock seconds, validation included.
    #[serde(deserialize_with = "null_as_nan")]
    pub seconds: f64,
    /// Of these the seconds in which training waited for a batch; `None` where nobody measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_wait: Option<f64>,
}

/// The rows of a run, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History {
    /// One row an epoch.
    pub rows: Vec<EpochRow>,
}

impl History {
    /// Appends a row.
    pub fn push(&mut self, row: EpochRow) {
        self.rows.push(row);
    }

    /// Forgets the epochs after number `epoch`: those that a run resumed from there does again.
    pub fn truncate_after(&mut self, epoch: u64) {
        self.rows.retain(|row| row.epoch <= epoch);
    }

    /// The rows as CSV with a line of headings; a number that was not measured is an empty field.
    pub fn to_csv(&self) -> String {
        let mut csv = "epoch,step,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n".to_owned();
        let field = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        for row in &self.rows {
            let EpochRow { epoch, step, loss, learning_rate, seconds, .. } = row;
            let (accuracy, val_loss, val_accuracy) = (field(row.accuracy), field(row.val_loss), field(row.val_accuracy));
            // invariant: writing to a String cannot fail.
            let _ = writeln!(csv, "{epoch},{step},{loss},{accuracy},{val_loss},{val_accuracy},{learning_rate},{seconds:.3}");
        }
        csv
    }

    /// The rows as a JSON array of objects.
    pub fn to_json(&self) -> String {
        // invariant: numbers and fixed names always serialise.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Reads what [`History::to_json`] wrote. `file` names it in messages.
    ///
    /// # Errors
    /// [`FileError::Format`] where it is not that.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self, FileError> {
        serde_json::from_slice(json).map_err(|error| FileError::Format {
            file: file.to_owned(),
            what: format!("not the history of a run, or damaged: {error}; move it away to start a new one"),
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl History {
    /// Writes `history.csv` and `history.json` into the folder `dir`.
    ///
    /// # Errors
    /// [`FileError`]; each file is then as it was, or whole.
    pub fn save(&self, dir: &std::path::Path) -> Result<(), FileError> {
        crate::files::atomic_write(&dir.join("history.json"), self.to_json().as_bytes())?;
        crate::files::atomic_write(&dir.join("history.csv"), self.to_csv().as_bytes())
    }

    /// Reads `history.json` from the folder `dir`; an empty history where there is none yet.
    ///
    /// # Errors
    /// [`FileError`] where it cannot be read or is damaged.
    pub fn load(dir: &std::path::Path) -> Result<Self, FileError> {
        let path = dir.join("history.json");
        let file = path.display().to_string();
        match std::fs::read(&path) {
            Ok(json) => Self::from_json(&file, &json),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(FileError::Read { file, source }),
        }
    }
}

fn null_as_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: u64) -> EpochRow {
        EpochRow {
            epoch,
            step: epoch * 100,
            loss: 0.1 + 0.2,
            accuracy: Some(0.9),
            val_loss: None,
            val_accuracy: None,
            learning_rate: 1e-3,
            seconds: 1.23456,
            data_wait: None,
        }
    }

    #[test]
    fn csv_has_a_heading_and_empty_fields() {
        let history = History { rows: vec![row(1)] };
        let expected = "epoch,step,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n\
                        1,100,0.30000000000000004,0.9,,,0.001,1.235\n";
        assert_eq!(history.to_csv(), expected);
    }

    #[test]
    fn json_comes_back_exactly() {
        let history = History { rows: vec![row(1), row(2)] };
        assert_eq!(History::from_json("h", history.to_json().as_bytes()).unwrap(), history);
    }

    #[test]
    fn loss_that_is_not_a_number_survives_json() {
        let history = History { rows: vec![EpochRow { loss: f64::NAN, ..row(1) }] };
        let back = History::from_json("h", history.to_json().as_bytes()).unwrap();
        assert!(back.rows[0].loss.is_nan());
    }

    #[test]
    fn damaged_json_is_an_error_that_names_the_file() {
        let error = History::from_json("run/history.json", b"[{\"epoch\":1").unwrap_err();
        assert!(error.to_string().starts_with("run/history.json: not the history"), "{error}");
    }

    #[test]
    fn folder_without_history_is_a_new_one_and_resume_forgets_later_epochs() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(History::load(folder.path()).unwrap(), History::default());
        let mut history = History { rows: vec![row(1), row(2), row(3)] };
        history.save(folder.path()).unwrap();
        assert_eq!(History::load(folder.path()).unwrap(), history);
        history.truncate_after(2);
        assert_eq!(history.rows.iter().map(|r| r.epoch).collect::<Vec<_>>(), [1, 2]);
    }
}
