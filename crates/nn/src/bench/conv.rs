//! Convolutions, of the shapes that other projects' benches have.

use super::workload::uniform;
use super::{Rate, Subject, Workload};
use wgrad_tensor::kernels::ops::{Conv2d, Conv2dWeightGrad, ConvTranspose2d, Window};
use wgrad_tensor::kernels::{DType, Op, TensorType};

/// Images, channels, height and width, output channels, window, padding; stride 1.
const SHAPES: [[usize; 6]; 4] = [[32, 3, 32, 32, 3, 1], [32, 32, 16, 64, 3, 1], [8, 64, 56, 64, 3, 1], [8, 256, 14, 512, 1, 0]];

pub(super) fn workloads() -> Vec<Workload> {
    let mut all = Vec::new();
    for [n, c, side, o, k, pad] in SHAPES {
        let name = format!("N{n}C{c}H{side}W{side}O{o}k{k}");
        let flops = 2.0 * (n * o * side * side * c * k * k) as f64;
        let window = Window::padded(pad, pad);
        let (x, w, y) = ([n, c, side, side], [o, c, k, k], [n, o, side, side]);
        let backward = ConvTranspose2d { window: window.clone(), ..ConvTranspose2d::default() };
        let weights = Conv2dWeightGrad { window: window.clone(), kernel_shape: [k, k] };
        all.push(single("conv2d_fwd", &name, Conv2d::new(window.clone()), [x, w], flops));
        all.push(single("conv2d_input_grad", &name, backward, [y, w], flops));
        all.push(single("conv2d_weight_grad", &name, weights, [x, y], flops));
        all.push(Workload::step("conv2d_fwdbwd", &name, Rate::Flop(3.0 * flops), move |device| {
            let (x, w) = (uniform(device, &x, -1.0, 1.0, 0)?, uniform(device, &w, -1.0, 1.0, 1)?);
            let weight = uniform(device, &y, -1.0, 1.0, 2)?;
            let y = x.conv2d(&w, &window);
            // Weighted by numbers in memory, so that the incoming gradient is no constant.
            let grads = (&y * &weight).sum().gradients(&[&x, &w])?;
            Ok(device.step(&[&y, &grads[0], &grads[1]], &[])?)
        }));
    }
    all
}

fn single(name: &'static str, shape: &str, op: impl Into<Op>, inputs: [[usize; 4]; 2], flops: f64) -> Workload {
    let op = op.into();
    let subject = Subject { op: op.clone(), inputs: inputs.map(|s| TensorType::new(s, DType::F32)).to_vec() };
    let made = Workload::step(name, shape, Rate::Flop(flops), move |device| {
        let [a, b] = [0, 1].map(|n| uniform(device, &inputs[n], -1.0, 1.0, n as u64));
        Ok(device.step(&[&a?.apply(op.clone(), &[&b?])], &[])?)
    });
    Workload { subject: Some(subject), ..made }
}
