//! Workloads of one op or a few.

use super::workload::uniform;
use super::{Rate, Subject, Workload};
use crate::{Adam, Error, OptimizerState};
use wgrad_tensor::kernels::ops::{Iota, Map, MatMul, Reduce, ReduceKind, Softmax};
use wgrad_tensor::kernels::{DType, Op, Shape, TensorType};
use wgrad_tensor::{Data, Device, Step, Tensor, Variable};

/// 16 Mi elements.
const BIG: usize = 16 << 20;

pub(super) fn workloads() -> Vec<Workload> {
    let mut all = vec![copy("16M", BIG)];
    for n in [256, 512, 1024, 2048] {
        all.push(matmul("matmul", 1, n, n, n));
    }
    for (m, k, n) in [(64, 784, 128), (32, 4096, 1024)] {
        all.push(matmul("matmul", 1, m, k, n));
    }
    all.push(matmul("matmul_batched", 16, 256, 256, 256));
    all.push(single("softmax", "4096x1024", Softmax { axis: -1 }, [4096, 1024], Rate::Bytes(8.0 * 4096.0 * 1024.0)));
    all.extend(super::norms::workloads());
    all.push(single("sum", "16M", Reduce::new(ReduceKind::Sum, None, false), [BIG], Rate::Bytes(4.0 * BIG as f64)));
    all.push(gelu());
    all.push(attention());
    all.push(adam());
    all
}

/// A copy of 4 Mi elements: nothing that one tunes changes it.
pub(super) fn control() -> Workload {
    copy("4M", BIG / 4)
}

/// A step that computes tensors and leaves them on the device.
pub(super) fn compute(device: &Device, results: &[&Tensor]) -> Result<Step, Error> {
    Ok(device.step(results, &[])?)
}

fn copy(shape: &str, n: usize) -> Workload {
    Workload::step("copy", shape, Rate::Bytes(8.0 * n as f64), move |device| {
        let x = uniform(device, &[n], -1.0, 1.0, 0)?;
        compute(device, &[&x.apply(Map::copy(x.shape()), &[])])
    })
}

pub(super) fn single(name: &'static str, shape: &str, op: impl Into<Op>, input: impl Into<Shape>, rate: Rate) -> Workload {
    let (op, input) = (op.into(), input.into());
    let subject = Subject { op: op.clone(), inputs: vec![TensorType::new(input.clone(), DType::F32)] };
    let made = Workload::step(name, shape, rate, move |device| {
        let x = uniform(device, &input, -1.0, 1.0, 0)?;
        compute(device, &[&x.apply(op.clone(), &[])])
    });
    Workload { subject: Some(subject), ..made }
}

fn matmul(name: &'static str, batch: usize, m: usize, k: usize, n: usize) -> Workload {
    let lead: &[usize] = if batch > 1 { &[batch] } else { &[] };
    let (a, b) = ([lead, &[m, k]].concat(), [lead, &[k, n]].concat());
    let shape = if batch > 1 { format!("{batch}x{m}x{k}x{n}") } else { format!("{m}x{k}x{n}") };
    let inputs = [&a, &b].map(|s| TensorType::new(s.clone(), DType::F32)).to_vec();
    let made = Workload::step(name, &shape, Rate::Flop(2.0 * (batch * m * k * n) as f64), move |device| {
        let (a, b) = (uniform(device, &a, -1.0, 1.0, 0)?, uniform(device, &b, -1.0, 1.0, 1)?);
        compute(device, &[&a.matmul(&b)])
    });
    Workload { subject: Some(Subject { op: MatMul::default().into(), inputs }), ..made }
}

fn gelu() -> Workload {
    Workload::step("gelu(a*b+c)", "16M", Rate::Bytes(16.0 * BIG as f64), |device| {
        let [a, b, c] = [0, 1, 2].map(|stream| uniform(device, &[BIG], -1.0, 1.0, stream));
        compute(device, &[&(&(&a? * &b?) + &c?).gelu()])
    })
}

/// softmax(mask(Q Kᵀ/√d)) V for Q, K, V [batch, heads, time, width], each row seeing itself and what lies before it.
pub(super) fn causal_attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor, Error> {
    let (time, width) = (q.shape()[2], q.shape()[3]);
    let index = |axis: usize| Tensor::try_op(q.device(), Iota { shape: [time, time].into(), axis, dtype: DType::I32 }, &[]).map(|mut t| t.swap_remove(0));
    let (row, column) = (index(0)?, index(1)?);
    let scores = &q.matmul(&k.transpose()) * (1.0 / (width as f64).sqrt());
    let masked = scores.select(&column.less_or_equal(&row), &scores.constant(-1e9));
    Ok(masked.apply(Softmax { axis: -1 }, &[]).matmul(v))
}

fn attention() -> Workload {
    let shape = [4, 8, 256, 64];
    // Two products forward, four backward; nothing is taken off for the mask.
    let flops = 12.0 * (4 * 8 * 256 * 256 * 64) as f64;
    Workload::step("attention_plain_fwdbwd", "B4H8T256D64", Rate::Flop(flops), move |device| {
        let leaf = |stream| uniform(device, &shape, -1.0, 1.0, stream);
        let (q, k, v, weight) = (leaf(0)?, leaf(1)?, leaf(2)?, leaf(3)?);
        let y = causal_attention(&q, &k, &v)?;
        // Weighted by numbers in memory: the gradient of a bare sum is a constant, which a compiler could make use of.
        let grads = (&y * &weight).sum().gradients(&[&q, &k, &v])?;
        compute(device, &grads.iter().collect::<Vec<_>>())
    })
}

fn adam() -> Workload {
    let n = 1 << 20;
    // Parameter, gradient and both moments are read; all but the gradient are written.
    Workload::step("adam", "1M", Rate::Bytes(28.0 * n as f64), move |device| {
        let parameters = [Variable::new(device, "p", &Data::f32([n], &vec![1.0; n])?)?];
        let optimizer = OptimizerState::new(Adam::default().into(), device, &parameters)?;
        let grad = uniform(device, &[n], -1.0, 1.0, 0)?;
        let updates = optimizer.updates(&parameters, &[grad]);
        Ok(device.step(&[], &updates.iter().map(|(v, t)| (v, t)).collect::<Vec<_>>())?)
    })
}
