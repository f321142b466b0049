//! What was measured.

use serde::Serialize;

/// One measured workload. Written as one line of JSON, its fields are named as those of other projects' benches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The program: `wgrad`.
    pub peer: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The API: `vulkan`, `webgpu`.
    pub backend: String,
    /// The adapter and its driver.
    pub adapter: String,
    /// The kind of work.
    pub workload: &'static str,
    /// Its size.
    pub shape: String,
    /// The forced variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Milliseconds of a call: the median of the samples.
    pub median_ms: f64,
    /// The fastest sample.
    pub min_ms: f64,
    /// The slowest sample.
    pub max_ms: f64,
    /// Processor time of a call, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<f64>,
    /// What the median is worth, in `unit`.
    pub gflops_or_samples_per_s: f64,
    /// `GFLOP/s`, `GB/s` or `samples/s`.
    pub unit: &'static str,
    /// Training steps a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_per_s: Option<f64>,
    /// The first call, with compilation of the step and its pipelines.
    pub cold_ms: f64,
    /// From the first call to the first sample.
    pub warmup_ms: f64,
    /// Samples taken.
    pub samples: usize,
    /// Calls between two waits.
    pub calls_per_sample: usize,
    /// Processes that wanted to run over the last minute, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load1: Option<f64>,
    /// The loss of the last training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f32>,
}
