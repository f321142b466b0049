//! A set of samples in memory, and cheap views of it.
//!
//! The values are shared, never copied: a subset or a validation split is a list of rows over the same
//! storage, so images stay one byte a pixel until a batch is filled.

use super::error::DataError;
use super::rng::Rng;
use crate::recipe::record;
use std::sync::Arc;

/// Stream of [`Rng`] that decides the validation split, apart from the loader's.
const SPLIT_STREAM: u64 = 0x5350_4C49_5400_0000;

/// The inputs of all samples, one after another, row-major.
#[derive(Debug, Clone)]
pub enum Inputs {
    /// Bytes, read as value / 255: pixels.
    U8(Arc<[u8]>),
    /// Values as they are.
    F32(Arc<[f32]>),
}

impl Inputs {
    /// Values in all.
    pub fn len(&self) -> usize {
        match self {
            Inputs::U8(values) => values.len(),
            Inputs::F32(values) => values.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the network is to say about each sample.
#[derive(Debug, Clone)]
pub enum Targets {
    /// One class index a sample.
    Classes(Arc<[u32]>),
    /// Values a sample, row-major.
    Values {
        /// The targets of all samples, one after another.
        data: Arc<[f32]>,
        /// Shape of one sample's target.
        shape: Vec<usize>,
    },
}

/// Shifts and scales inputs: (x - mean) / std.
///
/// One entry for all values, or one for each index of the sample's first axis (channels of [C, H, W]).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Normalize {
    /// Subtracted, after bytes have been divided by 255.
    pub mean: Vec<f32>,
    /// Divided by; not zero.
    pub std: Vec<f32>,
}

record!(Normalize, "normalize" { mean: required, std: required });

impl Normalize {
    /// The same mean and deviation for every value.
    pub fn all(mean: f32, std: f32) -> Self {
        Self { mean: vec![mean], std: vec![std] }
    }

    /// Shifts and scales the values of one sample.
    pub(crate) fn apply(&self, sample: &mut [f32]) {
        let run = sample.len().div_ceil(self.mean.len().max(1)).max(1);
        for (values, (&mean, &std)) in sample.chunks_mut(run).zip(self.mean.iter().zip(&self.std)) {
            values.iter_mut().for_each(|v| *v = (*v - mean) / std);
        }
    }
}

/// The targets of one batch.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchTargets {
    /// Class indices, shape `[batch]`.
    Classes(Vec<i32>),
    /// Values, shape `[batch, target shape…]`.
    Values(Vec<f32>),
}

impl Default for BatchTargets {
    fn default() -> Self {
        BatchTargets::Classes(Vec::new())
    }
}

/// Samples with their targets. Cloning shares the storage.
#[derive(Debug, Clone)]
pub struct Dataset {
    name: String,
    inputs: Inputs,
    input_shape: Vec<usize>,
    targets: Targets,
    classes: Arc<[String]>,
    normalize: Option<Normalize>,
    /// Which stored samples this view holds, in order; `None`: all of them.
    rows: Option<Arc<[u32]>>,
    stored: usize,
}

impl Dataset {
    /// A set of `inputs`, each sample of shape `input_shape`, with `targets`.
    ///
    /// `classes` names the classes of [`Targets::Classes`] and is empty for values.
    ///
    /// # Errors
    /// [`DataError`] where there is no sample, the values cannot be cut into samples, inputs and targets
    /// differ in number, or a label is no class.
    pub fn new(name: impl Into<String>, inputs: Inputs, input_shape: &[usize], targets: Targets, classes: Vec<String>) -> Result<Self, DataError> {
        let name = name.into();
        let stored = samples(&name, "inputs", inputs.len(), input_shape)?;
        let labelled = match &targets {
            Targets::Classes(labels) => {
                if let Some(sample) = labels.iter().position(|&l| l as usize >= classes.len()) {
                    let label = labels[sample];
                    return Err(DataError::Label { file: name, label, offset: sample as u64, sample, classes: classes.len() });
                }
                labels.len()
            }
            Targets::Values { data, shape } => samples(&name, "targets", data.len(), shape)?,
        };
        if stored != labelled {
            return Err(DataError::CountMismatch {
                inputs_from: format!("{name} (inputs)"),
                inputs: stored,
                targets_from: format!("{name} (targets)"),
                targets: labelled,
            });
        }
        if stored == 0 || u32::try_from(stored).is_err() {
            let what = format!("{stored} samples; a set holds 1 to {}", u32::MAX);
            return Err(DataError::Setting { set: name, what });
        }
        let input_shape = input_shape.to_vec();
        Ok(Self { name, inputs, input_shape, targets, classes: classes.into(), normalize: None, rows: None, stored })
    }

    /// The same set with its inputs as they are stored: bytes as value / 255.
    pub fn unnormalized(mut self) -> Self {
        self.normalize = None;
        self
    }

    /// The same set, its inputs shifted and scaled when a batch is filled.
    ///
    /// # Errors
    /// [`DataError::Setting`] where the numbers of means and deviations do not fit the sample's first
    /// axis, or a deviation is zero or not finite.
    pub fn normalized(mut self, normalize: Normalize) -> Result<Self, DataError> {
        let fits = |n: usize| n == 1 || Some(&n) == self.input_shape.first();
        let Normalize { mean, std } = &normalize;
        if mean.len() != std.len() || !fits(mean.len()) {
            let what = format!(
                "{} means and {} deviations for samples of shape {:?}; give one of each, or one for each index of the first axis",
                mean.len(),
                std.len(),
                self.input_shape
            );
            return Err(DataError::Setting { set: self.name, what });
        }
        if mean.iter().any(|m| !m.is_finite()) || std.iter().any(|s| !s.is_finite() || *s == 0.0) {
            let what = format!("cannot normalize by mean {mean:?} and deviation {std:?}; they must be finite, the deviation not zero");
            return Err(DataError::Setting { set: self.name, what });
        }
        self.normalize = Some(normalize);
        Ok(self)
    }

    /// The set's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Samples in this view.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.stored, |rows| rows.len())
    }

    /// Whether the view holds no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of one sample.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// Values of one sample.
    pub fn input_len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Shape of one sample's target: empty for a class index.
    pub fn target_shape(&self) -> &[usize] {
        match &self.targets {
            Targets::Classes(_) => &[],
            Targets::Values { shape, .. } => shape,
        }
    }

    /// Names of the classes; empty where targets are values.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How inputs are shifted and scaled, if they are. New images for a trained network want the same.
    pub fn normalize(&self) -> Option<&Normalize> {
        self.normalize.as_ref()
    }

    /// The class of sample `index`, or `None` where the set has values for targets or no such sample.
    pub fn label(&self, index: usize) -> Option<u32> {
        match &self.targets {
            Targets::Classes(labels) if index < self.len() => labels.get(self.row(index)).copied(),
            _ => None,
        }
    }

    /// A view of the samples `indices` of this one, in that order. An index may come twice.
    ///
    /// # Panics
    /// Where an index is not below [`Dataset::len`], as indexing a slice does.
    pub fn subset(&self, indices: &[usize]) -> Self {
        // invariant: `new` admits at most u32::MAX samples, so a row fits in a u32.
        let rows = indices.iter().map(|&i| self.row(i) as u32).collect();
        Self { rows: Some(rows), ..self.clone() }
    }

    /// A view of the first `n` samples, or of all where there are fewer.
    pub fn take(&self, n: usize) -> Self {
        self.subset(&(0..n.min(self.len())).collect::<Vec<_>>())
    }

    /// Splits off `fraction` of the samples for validation: `(training, validation)`.
    ///
    /// Which ones is a pure function of `(len, fraction, seed)`; both parts keep the order of the set.
    ///
    /// # Errors
    /// [`DataError::Setting`] where `fraction` is not between 0 and 1, or a part would be empty.
    pub fn split_validation(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let held = (self.len() as f64 * fraction).round();
        // Written so that NaN fails too.
        if !(fraction > 0.0 && fraction < 1.0 && held >= 1.0 && held < self.len() as f64) {
            let what = format!("a validation split of {fraction} of {} samples leaves a part empty; give a fraction between 0 and 1", self.len());
            return Err(DataError::Setting { set: self.name.clone(), what });
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        Rng::new(seed, SPLIT_STREAM).shuffle(&mut order);
        let (validation, training) = order.split_at_mut(held as usize);
        training.sort_unstable();
        validation.sort_unstable();
        Ok((self.subset(training), self.subset(validation)))
    }

    /// Writes the samples `indices` into `x`, shape [indices, input shape…], and their targets into `y`.
    ///
    /// Bytes become value / 255; then inputs are normalized. The buffers are cleared first and keep their
    /// capacity, so a loader that hands them round allocates nothing.
    ///
    /// # Panics
    /// Where an index is not below [`Dataset::len`], as indexing a slice does.
    pub fn fill_batch(&self, indices: &[usize], x: &mut Vec<f32>, y: &mut BatchTargets) {
        self.fill_inputs(indices, x);
        match &self.targets {
            Targets::Classes(labels) => {
                let mut out = match std::mem::take(y) {
                    BatchTargets::Classes(out) => out,
                    BatchTargets::Values(_) => Vec::new(),
                };
                out.clear();
                // invariant: `new` checked every label against the number of classes in memory.
                out.extend(indices.iter().map(|&i| labels[self.row(i)] as i32));
                *y = BatchTargets::Classes(out);
            }
            Targets::Values { data, shape } => {
                let mut out = match std::mem::take(y) {
                    BatchTargets::Values(out) => out,
                    BatchTargets::Classes(_) => Vec::new(),
                };
                out.clear();
                let each: usize = shape.iter().product();
                for &i in indices {
                    out.extend_from_slice(&data[self.row(i) * each..][..each]);
                }
                *y = BatchTargets::Values(out);
            }
        }
    }

    fn fill_inputs(&self, indices: &[usize], x: &mut Vec<f32>) {
        let each = self.input_len();
        x.clear();
        x.reserve(indices.len() * each);
        let identity = Normalize::all(0.0, 1.0);
        let Normalize { mean, std } = self.normalize.as_ref().unwrap_or(&identity);
        let run = each / mean.len();
        for &i in indices {
            let start = self.row(i) * each;
            for (channel, (&mean, &std)) in mean.iter().zip(std).enumerate() {
                let span = start + channel * run..start + (channel + 1) * run;
                match &self.inputs {
                    Inputs::U8(values) => x.extend(values[span].iter().map(|&v| (f32::from(v) / 255.0 - mean) / std)),
                    Inputs::F32(values) => x.extend(values[span].iter().map(|&v| (v - mean) / std)),
                }
            }
        }
    }

    fn row(&self, index: usize) -> usize {
        match &self.rows {
            Some(rows) => rows[index] as usize,
            None => {
                assert!(index < self.stored, "sample {index} of a set of {}", self.stored);
                index
            }
        }
    }
}

/// How many samples of `shape` `len` values make.
fn samples(set: &str, what: &'static str, len: usize, shape: &[usize]) -> Result<usize, DataError> {
    let each = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(0);
    if each == 0 || !len.is_multiple_of(each) {
        return Err(DataError::Shape { set: set.to_owned(), what, len, shape: shape.to_vec(), each });
    }
    Ok(len / each)
}
