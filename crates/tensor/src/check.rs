//! A graph on the device and in the reference, side by side.

use crate::compile::Request;
use crate::interpret::interpret;
use crate::lower::{Options, lower};
use crate::trace::Trace;
use crate::{Data, Device, Error, Tensor};
use wgrad_kernels::{Array, Builder, DType, Value};
use wgrad_runtime::Buffer;

/// How far each step of a graph was from the reference.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One row a step of the fused graph, in order: what it is, and its normalised mean squared error.
    pub steps: Vec<(String, f64)>,
}

/// Normalised mean squared error allowed between f32 and f64 over a whole graph; f16 is stored with 2⁻¹¹ relative error.
fn allowed(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => 1e-9,
        DType::F16 => 1e-6,
        _ => 0.0,
    }
}

/// Σ(a − b)² / Σ b², over all elements; NaN and infinite differences count as infinite.
pub(crate) fn normalised_error(device: &[f64], reference: &[f64]) -> f64 {
    let error: f64 = device.iter().zip(reference).map(|(a, b)| (a - b) * (a - b)).sum();
    let scale: f64 = reference.iter().map(|b| b * b).sum();
    if error == 0.0 {
        0.0
    } else if error.is_finite() {
        error / scale.max(1e-30)
    } else {
        f64::INFINITY
    }
}

impl Device {
    /// Runs what the tensors wait for on the device, fused as always, and in f64 on the CPU, and compares every step that
    /// leaves a value in memory.
    ///
    /// # Errors
    /// Names the first step that differs, with the error and the worst element; or says how the device failed.
    pub async fn check_against_reference(&self, tensors: &[&Tensor]) -> Result<Report, Error> {
        let trace = Trace::new(tensors)?;
        let fetch: Vec<Value> = tensors.iter().filter_map(|t| trace.value(t)).collect();
        let (graph, _, _) = Request { graph: &trace.graph, fetch, updates: vec![], options: Options::default() }.fused();
        let buffers: Vec<&Buffer> = trace.leaves.iter().map(|l| l.buffer()).collect();
        let leaf_values: Vec<Value> = graph.leaves().collect();
        let ranges: Vec<(&Buffer, u64, u64)> = buffers.iter().zip(&leaf_values).map(|(&b, &v)| (b, 0, graph.ty(v).bytes())).collect();
        let bytes = self.runtime().read(&ranges).await?;
        let leaves: Vec<Array> = leaf_values.iter().zip(bytes).map(|(&v, bytes)| Data { ty: graph.ty(v).clone(), bytes }.array()).collect();
        let expected = interpret(&graph, &leaves)?;

        let made: Vec<Value> = graph.nodes().iter().filter(|n| n.op.is_some()).flat_map(|n| n.outputs.iter().copied()).collect();
        let lowered = lower(&graph, &made, &[], self.caps(), &Options::default())?;
        let executable = self.runtime().compile(lowered.recording)?;
        let mut externals: Vec<Buffer> = buffers.into_iter().cloned().collect();
        for &v in &made {
            externals.push(self.runtime().alloc(graph.ty(v).bytes(), "check")?);
        }
        let read: Vec<(usize, u64, u64)> = made.iter().enumerate().map(|(k, &v)| (lowered.leaves + k, 0, graph.ty(v).bytes())).collect();
        let results = match executable.run(&externals, &read)? {
            Some(readback) => readback.wait().await?,
            None => Vec::new(),
        };
        let mut report = Report::default();
        for (&v, bytes) in made.iter().zip(results) {
            let got = Data { ty: graph.ty(v).clone(), bytes }.array();
            let want = &expected[v.0 as usize];
            let name = graph.op_of(v).map_or("leaf", |op| op.kernel().name());
            let label = format!("%{} {name} {}", v.0, graph.ty(v));
            let error = normalised_error(&got.data, &want.data);
            if error > allowed(got.ty.dtype) {
                return Err(Error::Differs(differs(&label, error, &got, want)));
            }
            report.steps.push((label, error));
        }
        Ok(report)
    }
}

fn differs(label: &str, error: f64, got: &Array, want: &Array) -> String {
    let distance = |i: &usize| (got.data[*i] - want.data[*i]).abs();
    let worst = (0..got.data.len()).max_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0);
    let at = |a: &Array| a.data.get(worst).copied().unwrap_or(f64::NAN);
    format!(
        "the device and the reference differ first at step {label}: normalised mean squared error {error:.3e}, worst at element {worst}: device {}, reference {}",
        at(got),
        at(want)
    )
}
