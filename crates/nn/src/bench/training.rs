//! Workloads that train.

use super::workload::{Training, classes, uniform};
use super::{Rate, Work, Workload};
use crate::{Adam, Conv2d, Error, Layer, Loss, MaxPool2d, Model, Optimizer, OptimizerState, Pass, Sequential};
use wgrad_tensor::{Device, Tensor, Variable};

pub(super) fn workloads() -> Vec<Workload> {
    let mut all: Vec<Workload> = [32, 128].map(mlp).into();
    all.push(cnn());
    all
}

fn mlp(batch: usize) -> Workload {
    let build = move |device: &Device| {
        let model = Sequential::new([784]).linear(128).relu().linear(10).build(device, 42)?;
        let x = uniform(device, &[batch, 784], 0.0, 1.0, 0)?;
        let y = classes(device, &[batch], 10, 1)?;
        let loss = Loss::CrossEntropy.apply(&model.forward(&x, &Pass::evaluate()), &y);
        training(device, &loss, &model.parameters(), Adam::default().into())
    };
    Workload { name: "train_mlp_adam", shape: format!("784-128-10 b{batch}"), rate: Rate::Samples(batch as f64), subject: None, build: Box::new(build) }
}

fn cnn() -> Workload {
    let batch = 64;
    let build = move |device: &Device| {
        let conv = |channels| Layer::Conv2d(Conv2d::new(channels, 3).padding(1));
        let pool = || Layer::MaxPool2d(MaxPool2d::new(2));
        let features = Sequential::new([1, 28, 28]).layer(conv(32)).relu().layer(pool()).layer(conv(64)).relu().layer(pool());
        let model = features.flatten().linear(128).relu().linear(10).build(device, 42)?;
        let x = uniform(device, &[batch, 1, 28, 28], 0.0, 1.0, 0)?;
        let y = classes(device, &[batch], 10, 1)?;
        let loss = Loss::CrossEntropy.apply(&model.forward(&x, &Pass::evaluate()), &y);
        training(device, &loss, &model.parameters(), Adam::default().into())
    };
    Workload { name: "train_cnn_adam", shape: format!("28x28x1 b{batch}"), rate: Rate::Samples(batch as f64), subject: None, build: Box::new(build) }
}

/// The step that lowers `loss`, which it fetches.
pub(super) fn training(device: &Device, loss: &Tensor, parameters: &[Variable], optimizer: Optimizer) -> Result<Work, Error> {
    let grads = loss.gradients_of(parameters)?;
    let optimizer = OptimizerState::new(optimizer, device, parameters)?;
    let updates = optimizer.updates(parameters, &grads);
    let step = device.step(&[loss], &updates.iter().map(|(v, t)| (v, t)).collect::<Vec<_>>())?;
    Ok(Work::Training(Training { step, optimizer, done: 0 }))
}
