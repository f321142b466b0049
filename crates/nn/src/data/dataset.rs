//! A set of samples in memory, and cheap views of it.
//!
//! The values are shared, never copied: a subset or a validation split is a list of rows over the same
//! storage, so images stay one byte a pixel until a batch is filled.

use super::augment::{Augment, Draw, Pipeline};
use super::error::DataError;
use super::framing::{Fit, Framing, Image};
use super::rng::Rng;
use crate::recipe::record;
use std::sync::Arc;

/// Streams of [`Rng`] that decide splits and subsets, apart from the loader's.
const SPLIT_STREAM: u64 = 0x5350_4C49_5400_0000;
const SUBSET_STREAM: u64 = 0x5355_4253_4554_0000;

/// The inputs of all samples, one after another, row-major.
#[derive(Debug, Clone)]
pub enum Inputs {
    /// Bytes, read as value / 255: pixels.
    U8(Arc<[u8]>),
    /// Values as they are.
    F32(Arc<[f32]>),
    /// Values that are made whenever they are wanted: pictures that are kept as files.
    Made(Arc<dyn Samples>),
}

/// Samples that are made whenever they are wanted, by any thread.
pub trait Samples: std::fmt::Debug + Send + Sync {
    /// Values of all samples.
    fn values(&self) -> usize;
    /// Appends the values of sample `row` to `out`.
    fn make(&self, row: usize, out: &mut Vec<f32>);
}

impl Inputs {
    /// Values in all.
    pub fn len(&self) -> usize {
        match self {
            Inputs::U8(values) => values.len(),
            Inputs::F32(values) => values.len(),
            Inputs::Made(samples) => samples.values(),
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
    /// Shape of a sample as it is stored.
    stored_shape: Vec<usize>,
    /// The same behind the transforms.
    input_shape: Vec<usize>,
    targets: Targets,
    classes: Arc<[String]>,
    normalize: Option<Normalize>,
    pipeline: Option<Arc<Pipeline>>,
    /// How pictures were brought to the stored shape, where they were.
    fit: Option<Fit>,
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
        let stored_shape = input_shape.clone();
        Ok(Self { name, inputs, stored_shape, input_shape, targets, classes: classes.into(), normalize: None, pipeline: None, fit: None, rows: None, stored })
    }

    /// The same set, its samples transformed on their way into a batch: all of `augment` where a network trains
    /// ([`Dataset::fill_training`]), and what is not random elsewhere. It comes before normalization.
    ///
    /// # Errors
    /// [`DataError::Setting`] where samples are not [channels, height, width], or a transform does not fit them.
    pub fn transformed(mut self, augment: Vec<Augment>) -> Result<Self, DataError> {
        if augment.is_empty() {
            return Ok(self);
        }
        let pipeline = Pipeline::new(augment, &self.stored_shape).map_err(|what| DataError::Setting { set: self.name.clone(), what })?;
        self.input_shape = pipeline.shape.to_vec();
        self.pipeline = Some(Arc::new(pipeline));
        Ok(self)
    }

    /// The same set, of pictures that were brought to their size in this way.
    pub fn framed(mut self, fit: Fit) -> Self {
        self.fit = Some(fit);
        self
    }

    /// How a picture becomes a sample of this set, where it is one of pictures.
    pub fn framing(&self) -> Option<Framing> {
        let &[_, height, width] = self.stored_shape.as_slice() else { return None };
        let steps = self.pipeline.as_ref().map_or(Vec::new(), |pipeline| pipeline.steps.clone());
        let known = self.fit.is_some() || !steps.is_empty();
        known.then(|| Framing { size: [height, width], fit: self.fit.unwrap_or_default(), steps })
    }

    /// Whether batches for training are drawn at random ([`Dataset::fill_training`]).
    pub fn is_random(&self) -> bool {
        self.pipeline.as_ref().is_some_and(|pipeline| pipeline.is_random())
    }

    /// Whether a sample takes more work than copying: whether threads are worth their while.
    pub fn takes_work(&self, training: bool) -> bool {
        let transformed = self.pipeline.as_ref().is_some_and(|pipeline| !pipeline.steps.is_empty() || training && pipeline.is_random());
        transformed || matches!(self.inputs, Inputs::Made(_))
    }

    /// Whether batches for training have shares of classes for targets, f32 [batch, classes], in the place of labels.
    pub fn mixes_classes(&self) -> bool {
        !self.classes.is_empty() && self.pipeline.as_ref().is_some_and(|pipeline| pipeline.mixup().is_some())
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

    /// A view of `n` samples, or of all where there are fewer: as many of each class as can be, drawn by the seed, in the order of the
    /// set. Where targets are values the first ones.
    pub fn balanced(&self, n: usize, seed: u64) -> Self {
        let labels: Option<Vec<u32>> = (0..self.len()).map(|i| self.label(i)).collect();
        match labels {
            Some(labels) => self.subset(&balanced(&labels, self.classes.len(), n, seed)),
            None => self.take(n),
        }
    }

    /// Samples of each class, in the order of [`Dataset::classes`].
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        (0..self.len()).filter_map(|i| self.label(i)).for_each(|label| counts[label as usize] += 1);
        counts
    }

    /// Splits off `fraction` of the samples for tests: `(rest, tests)`, as [`Dataset::split_validation`] does, and other samples than it
    /// takes.
    ///
    /// # Errors
    /// As [`Dataset::split_validation`].
    pub fn split_test(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        self.split("test", fraction, Rng::new(seed, SPLIT_STREAM + 1))
    }

    /// Splits off `fraction` of the samples for validation: `(training, validation)`.
    ///
    /// Which ones is a pure function of `(len, fraction, seed)`; both parts keep the order of the set.
    ///
    /// # Errors
    /// [`DataError::Setting`] where `fraction` is not between 0 and 1, or a part would be empty.
    pub fn split_validation(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        self.split("validation", fraction, Rng::new(seed, SPLIT_STREAM))
    }

    fn split(&self, part: &str, fraction: f64, mut rng: Rng) -> Result<(Self, Self), DataError> {
        let held = (self.len() as f64 * fraction).round();
        // Written so that NaN fails too.
        if !(fraction > 0.0 && fraction < 1.0 && held >= 1.0 && held < self.len() as f64) {
            let what = format!("a {part} split of {fraction} of {} samples leaves a part empty; give a fraction between 0 and 1", self.len());
            return Err(DataError::Setting { set: self.name.clone(), what });
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        rng.shuffle(&mut order);
        let (split_off, rest) = order.split_at_mut(held as usize);
        rest.sort_unstable();
        split_off.sort_unstable();
        Ok((self.subset(rest), self.subset(split_off)))
    }

    /// Writes the samples `indices` into `x`, shape [indices, input shape…], and their targets into `y`.
    ///
    /// Bytes become value / 255; then come the transforms that are not random, and inputs are normalized. The buffers are
    /// cleared first and keep their capacity, so a loader that hands them round allocates nothing.
    ///
    /// # Panics
    /// Where an index is not below [`Dataset::len`], as indexing a slice does.
    pub fn fill_batch(&self, indices: &[usize], x: &mut Vec<f32>, y: &mut BatchTargets) {
        self.fill(indices, None, x, y);
    }

    /// The same for training, with random transforms: a pure function of the samples and what they are drawn for.
    ///
    /// # Panics
    /// As [`Dataset::fill_batch`].
    pub fn fill_training(&self, indices: &[usize], draw: Draw, x: &mut Vec<f32>, y: &mut BatchTargets) {
        self.fill(indices, Some(draw), x, y);
        let mixup = self.pipeline.as_ref().and_then(|pipeline| pipeline.mixup());
        if let Some(mixup) = mixup {
            mixup.apply(indices.len(), self.classes.len(), x, y, draw.batch());
        }
    }

    fn fill(&self, indices: &[usize], draw: Option<Draw>, x: &mut Vec<f32>, y: &mut BatchTargets) {
        match self.takes_work(draw.is_some()) {
            true => self.fill_worked(indices, draw, x),
            false => self.fill_inputs(indices, x),
        }
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

    fn fill_worked(&self, indices: &[usize], draw: Option<Draw>, x: &mut Vec<f32>) {
        let each: usize = self.stored_shape.iter().product();
        x.clear();
        x.reserve(indices.len() * self.input_len());
        let mut image = Image::default();
        for &i in indices {
            let span = self.row(i) * each..(self.row(i) + 1) * each;
            // Without transforms nobody asks for the shape, and it need not have three axes.
            image.shape = self.stored_shape.as_slice().try_into().unwrap_or([1, 1, each]);
            image.values.clear();
            match &self.inputs {
                Inputs::U8(values) => image.values.extend(values[span].iter().map(|&v| f32::from(v) / 255.0)),
                Inputs::F32(values) => image.values.extend_from_slice(&values[span]),
                Inputs::Made(samples) => samples.make(self.row(i), &mut image.values),
            }
            if let Some(pipeline) = &self.pipeline {
                pipeline.apply(&mut image, i, draw);
            }
            if let Some(normalize) = &self.normalize {
                normalize.apply(&mut image.values);
            }
            x.extend_from_slice(&image.values);
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
                    // invariant: `fill` takes these the other way.
                    Inputs::Made(_) => {}
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

/// Which of the samples with these labels make a subset of `n`: as many of each class as can be, drawn by the seed; sorted.
pub(crate) fn balanced(labels: &[u32], classes: usize, n: usize, seed: u64) -> Vec<usize> {
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(i, &label)| of_class[label as usize].push(i));
    for (class, samples) in of_class.iter_mut().enumerate() {
        Rng::new(seed, SUBSET_STREAM + class as u64).shuffle(samples);
    }
    // One of each class in turn, until there are enough.
    let longest = of_class.iter().map(Vec::len).max().unwrap_or(0);
    let mut chosen: Vec<usize> = (0..longest).flat_map(|turn| of_class.iter().filter_map(move |samples| samples.get(turn).copied())).take(n).collect();
    chosen.sort_unstable();
    chosen
}

/// How many samples of `shape` `len` values make.
fn samples(set: &str, what: &'static str, len: usize, shape: &[usize]) -> Result<usize, DataError> {
    let each = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(0);
    if each == 0 || !len.is_multiple_of(each) {
        return Err(DataError::Shape { set: set.to_owned(), what, len, shape: shape.to_vec(), each });
    }
    Ok(len / each)
}
