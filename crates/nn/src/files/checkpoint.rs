//! Checkpoints: the weights and all that a run needs to go on, in one file.
//!
//! `last.safetensors` holds the tensors and, in the metadata that the format has for such things, the
//! [`State`] as JSON under the key `wgrad`. One file is replaced in one step, so weights and state can never
//! come from two different moments. `last.json` beside it is a copy of the state for people and scripts:
//! it is written second and never read back. `best.safetensors` and `best.json` are a second, independent
//! pair.
//!
//! The bytes are a pure function of the contents: no times, no paths, names sorted.

use super::about::About;
use super::error::FileError;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The version of the format that is written and read here.
pub const FORMAT_VERSION: u32 = 1;

/// Key of the state in the metadata of the safetensors file.
const STATE_KEY: &str = "wgrad";

/// Which of a run's two checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The latest: where a run goes on.
    Last,
    /// The one with the best validation metric so far.
    Best,
}

impl Kind {
    /// Name of its safetensors file.
    pub fn file_name(self) -> &'static str {
        match self {
            Kind::Last => "last.safetensors",
            Kind::Best => "best.safetensors",
        }
    }

    /// Name of the copy of its state.
    pub fn state_file_name(self) -> &'static str {
        match self {
            Kind::Last => "last.json",
            Kind::Best => "best.json",
        }
    }
}

/// All of a run's state but the tensors. Holds nothing that differs between two equal runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Version of wgrad that wrote it.
    pub wgrad_version: String,
    /// Fingerprint of the model or recipe, the caller's own.
    pub model: String,
    /// Name of the optimiser.
    pub optimizer: String,
    /// Epochs finished.
    pub epoch: u64,
    /// Training steps finished, over all epochs.
    pub step: u64,
    /// Batches finished in the epoch under way: 0 between two epochs.
    pub batch_in_epoch: u64,
    /// Seed of the run.
    pub seed: u64,
    /// Metrics at this point. One that is not finite is written as null and read as NaN.
    #[serde(default, deserialize_with = "null_as_nan")]
    pub metrics: BTreeMap<String, f64>,
    /// The recipe and the samples, so that the file is of use by itself; absent where no recipe made the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// What else the trainer must know to go on: patience spent, a schedule's place…
    #[serde(default)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            format_version: FORMAT_VERSION,
            wgrad_version: env!("CARGO_PKG_VERSION").to_owned(),
            model: String::new(),
            optimizer: String::new(),
            epoch: 0,
            step: 0,
            batch_in_epoch: 0,
            seed: 0,
            metrics: BTreeMap::new(),
            about: None,
            extra: BTreeMap::new(),
        }
    }
}

/// A tensor of f32 with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Name, unlike all others of the checkpoint.
    pub name: String,
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub data: Vec<f32>,
}

/// Tensors and state of a run at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// Weights and the optimiser's own tensors; sorted by name where they were read from a file.
    pub tensors: Vec<NamedTensor>,
    /// Everything else.
    pub state: State,
}

impl Checkpoint {
    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&NamedTensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The contents of a safetensors file; equal checkpoints give equal bytes.
    ///
    /// # Errors
    /// [`FileError::Contents`] where two tensors share a name, a name is reserved, or a shape and the
    /// number of values disagree.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        let wrong = |what| Err(FileError::Contents { what });
        let mut tensors: Vec<&NamedTensor> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return wrong(format!("two tensors are named {:?}", pair[0].name));
        }
        for NamedTensor { name, shape, data } in &tensors {
            if name == "__metadata__" {
                return wrong(format!("the name {name:?} is taken by the format"));
            }
            if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(data.len()) {
                return wrong(format!("{name:?} of shape {shape:?} has {} values", data.len()));
            }
        }
        let state = serde_json::to_string(&self.state).map_err(|e| FileError::Contents { what: e.to_string() })?;
        // A single key: the order of a hash map's keys is random, and the bytes must not be.
        let metadata = [(STATE_KEY.to_owned(), state)].into_iter().collect();
        let views = tensors.iter().map(|&tensor| (tensor.name.as_str(), tensor));
        safetensors::serialize(views, Some(metadata)).map_err(|e| FileError::Contents { what: e.to_string() })
    }

    /// Reads the contents of a safetensors file. `file` names them in messages.
    ///
    /// # Errors
    /// [`FileError`] where the bytes break off, are no safetensors, or none that wgrad wrote.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self, FileError> {
        let format = |what: String| FileError::Format { file: file.to_owned(), what };
        let broken = |error| unreadable(file, bytes, error);
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let state = metadata.metadata().as_ref().and_then(|entries| entries.get(STATE_KEY));
        let state = state.ok_or_else(|| format("a safetensors file, but no checkpoint of wgrad: its metadata has no key \"wgrad\"".to_owned()))?;
        let state = parse_state(file, state)?;
        let stored = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut tensors = Vec::with_capacity(stored.len());
        for (name, view) in stored.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(format(format!("tensor {name:?} is of type {:?}; a checkpoint holds F32 only", view.dtype())));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            tensors.push(NamedTensor { name: name.to_owned(), shape: view.shape().to_vec(), data: values.collect() });
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { tensors, state })
    }

    /// Checks that the checkpoint has the tensors of `model`, (name, shape) each, and no others.
    /// `file` names the checkpoint in messages.
    ///
    /// # Errors
    /// [`FileError::OtherModel`], which names the first tensor of `model` that differs, with both shapes.
    pub fn check_model<'m>(&self, file: &str, model: impl IntoIterator<Item = (&'m str, &'m [usize])>) -> Result<(), FileError> {
        let other = |what| Err(FileError::OtherModel { file: file.to_owned(), what });
        let mut extra: BTreeMap<&str, &[usize]> = self.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
        for (name, shape) in model {
            match extra.remove(name) {
                Some(found) if found == shape => {}
                Some(found) => return other(format!("{name:?} has the shape {found:?}, the model wants {shape:?}")),
                None => return other(format!("it has no {name:?}, which the model has, of shape {shape:?}")),
            }
        }
        match extra.first_key_value() {
            Some((name, shape)) => other(format!("it has {name:?} of shape {shape:?}, which the model has not")),
            None => Ok(()),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Checkpoint {
    /// Writes the checkpoint into the folder `dir`, made if need be, in place of the one of that kind.
    ///
    /// # Errors
    /// [`FileError`]; the checkpoint that was there is then still there.
    pub fn save(&self, dir: &std::path::Path, kind: Kind) -> Result<(), FileError> {
        let bytes = self.to_bytes()?;
        let mut copy = serde_json::to_vec_pretty(&self.state).map_err(|e| FileError::Contents { what: e.to_string() })?;
        copy.push(b'\n');
        super::atomic_write(&dir.join(kind.file_name()), &bytes)?;
        super::atomic_write(&dir.join(kind.state_file_name()), &copy)
    }

    /// Reads the checkpoint of that kind from the folder `dir`.
    ///
    /// # Errors
    /// [`FileError::Missing`] where there is none, else as [`Checkpoint::from_bytes`].
    pub fn load(dir: &std::path::Path, kind: Kind) -> Result<Self, FileError> {
        let path = dir.join(kind.file_name());
        let file = path.display().to_string();
        match std::fs::read(&path) {
            Ok(bytes) => Self::from_bytes(&file, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(FileError::Missing { file, what: "checkpoint" }),
            Err(source) => Err(FileError::Read { file, source }),
        }
    }
}

impl View for &NamedTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.data.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.data.len() * 4
    }
}

fn parse_state(file: &str, json: &str) -> Result<State, FileError> {
    let format = |what: String| FileError::Format { file: file.to_owned(), what };
    // The version first, alone: a later format may have other fields.
    #[derive(Deserialize)]
    struct Versions {
        format_version: u32,
        #[serde(default)]
        wgrad_version: String,
    }
    let damaged = |error: serde_json::Error| format(format!("its state is damaged: {error}; use another checkpoint"));
    let Versions { format_version: found, wgrad_version } = serde_json::from_str(json).map_err(damaged)?;
    if found != FORMAT_VERSION {
        return Err(FileError::Version { file: file.to_owned(), found, supported: FORMAT_VERSION, wgrad_version });
    }
    serde_json::from_str(json).map_err(damaged)
}

/// What the library's error means to a user.
fn unreadable(file: &str, bytes: &[u8], error: SafeTensorError) -> FileError {
    let (file, len) = (file.to_owned(), bytes.len());
    let header = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
    // A header opens with a brace; where the ninth byte is another, its length means nothing.
    let plausible = bytes.get(8).is_none_or(|&byte| byte == b'{');
    match (error, header) {
        (SafeTensorError::HeaderTooSmall, _) => FileError::Truncated { file, len, what: "and a safetensors file starts with 8 that hold a length".to_owned() },
        (SafeTensorError::InvalidHeaderLength, Some(header)) if plausible => {
            FileError::Truncated { file, len, what: format!("but its header alone has {header}") }
        }
        (SafeTensorError::MetadataIncompleteBuffer, _) => FileError::Truncated { file, len, what: "which is not the length that its header says".to_owned() },
        (error, _) => FileError::Format { file, what: format!("not a safetensors file, or a damaged one: {error}") },
    }
}

fn null_as_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}
