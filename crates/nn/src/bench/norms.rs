//! Normalisations and their gradients.

use super::ops::compute;
use super::workload::uniform;
use super::{Rate, Subject, Workload};
use wgrad_tensor::kernels::ops::{Norm, NormBackward, NormKind};
use wgrad_tensor::kernels::{DType, Op, TensorType};

const EPSILON: f64 = 1e-5;

pub(super) fn workloads() -> Vec<Workload> {
    let layer = NormKind::Layer { axis: -1 };
    let rows: [(&str, &str, NormKind, &[usize]); 5] = [
        ("layernorm", "4096x768", layer, &[4096, 768]),
        ("rmsnorm", "4096x768", NormKind::Rms { axis: -1 }, &[4096, 768]),
        ("batchnorm", "32x64x32x32", NormKind::Batch, &[32, 64, 32, 32]),
        ("batchnorm", "4096x256", NormKind::Batch, &[4096, 256]),
        ("groupnorm", "32x64x32x32 g8", NormKind::Group { num_groups: 8 }, &[32, 64, 32, 32]),
    ];
    let mut all: Vec<Workload> = rows.iter().map(|&(name, shape, kind, x)| forward(name, shape, kind, x)).collect();
    all.extend([rows[0], rows[2], rows[4]].map(|(name, shape, kind, x)| backward(name, shape, kind, x)));
    all
}

/// x in, y out: what a copy moves. Mean and variance are small beside them.
fn forward(name: &'static str, shape: &str, kind: NormKind, x: &[usize]) -> Workload {
    let params = if matches!(kind, NormKind::Batch | NormKind::Group { .. }) { x[1] } else { x[x.len() - 1] };
    let affine = if matches!(kind, NormKind::Rms { .. }) { 1 } else { 2 };
    let mut inputs = vec![x.to_vec()];
    inputs.extend(vec![vec![params]; affine]);
    op(name, shape, Norm { kind, epsilon: EPSILON }.into(), inputs, 2)
}

/// g and x in, dx out, and for batch norm the gradients of scale and shift.
fn backward(name: &'static str, shape: &str, kind: NormKind, x: &[usize]) -> Workload {
    let (params, stats) = match kind {
        NormKind::Batch => (x[1], vec![x[1]]),
        NormKind::Group { num_groups } => (x[1], vec![x[0], num_groups]),
        _ => (x[x.len() - 1], vec![x[0]]),
    };
    let name = match name {
        "batchnorm" => "batchnorm_backward",
        "groupnorm" => "groupnorm_backward",
        _ => "layernorm_backward",
    };
    let inputs = vec![x.to_vec(), x.to_vec(), stats.clone(), stats, vec![params]];
    op(name, shape, NormBackward(Norm { kind, epsilon: EPSILON }).into(), inputs, 3)
}

/// An op all of whose outputs are computed; `tensors` of the size of x are moved at least.
fn op(name: &'static str, shape: &str, op: Op, inputs: Vec<Vec<usize>>, tensors: usize) -> Workload {
    let bytes = 4 * tensors * inputs[0].iter().product::<usize>();
    let subject = Subject { op: op.clone(), inputs: inputs.iter().map(|s| TensorType::new(s.clone(), DType::F32)).collect() };
    let made = Workload::step(name, shape, Rate::Bytes(bytes as f64), move |device| {
        let tensors = inputs.iter().enumerate().map(|(n, s)| uniform(device, s, 0.5, 1.5, n as u64)).collect::<Result<Vec<_>, _>>()?;
        let outputs = tensors[0].apply_all(op.clone(), &tensors[1..].iter().collect::<Vec<_>>());
        compute(device, &outputs.iter().collect::<Vec<_>>())
    });
    Workload { subject: Some(subject), ..made }
}
