//! Pooling: the peers' row, and rates of bytes to hold against those of `copy`.

use super::ops::{compute, single};
use super::workload::uniform;
use super::{Rate, Workload};
use wgrad_tensor::kernels::Op;
use wgrad_tensor::kernels::ops::{AvgPool2d, MaxPool2d};

/// Values in 16 images of 64 channels, 112 x 112.
const IMAGES: usize = 16 * 64 * 112 * 112;

pub(super) fn workloads() -> Vec<Workload> {
    let stem = MaxPool2d { strides: [2; 2], pads: [1; 4], ..MaxPool2d::new([3, 3]) };
    // Each window makes a quarter as many values: y, and for the maximum where it was.
    let bytes = |parts: f64| Rate::Bytes(4.0 * IMAGES as f64 * parts);
    let large = |name: &'static str, what: &str, op: Op, parts| backward(name, &format!("16x64x112x112 {what}"), op, [16, 64, 112, 112], bytes(parts));
    vec![
        backward("maxpool2d_fwdbwd", "32x32x32x32 k2", MaxPool2d::new([2, 2]).into(), [32, 32, 32, 32], Rate::Samples(32.0)),
        single("maxpool2d", "16x64x112x112 k2", MaxPool2d::new([2, 2]), [16, 64, 112, 112], bytes(1.25)),
        single("maxpool2d", "16x64x112x112 k3s2p1", stem.clone(), [16, 64, 112, 112], bytes(1.25)),
        large("maxpool2d_fwdbwd", "k2", MaxPool2d::new([2, 2]).into(), 3.0),
        large("maxpool2d_fwdbwd", "k3s2p1", stem.into(), 3.0),
        large("avgpool2d_fwdbwd", "k2", AvgPool2d::new([2, 2]).into(), 2.5),
    ]
}

/// Forward and backward, weighted by numbers in memory.
fn backward(name: &'static str, shape: &str, op: Op, images: [usize; 4], rate: Rate) -> Workload {
    Workload::step(name, shape, rate, move |device| {
        let x = uniform(device, &images, -1.0, 1.0, 0)?;
        let y = x.apply(op.clone(), &[]);
        let weight = uniform(device, y.shape(), -1.0, 1.0, 1)?;
        let dx = (&y * &weight).sum().gradients(&[&x])?.remove(0);
        compute(device, &[&y, &dx])
    })
}
