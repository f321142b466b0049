//! Workloads that train.

use super::workload::{Training, classes, uniform};
use super::{Rate, Work, Workload};
use crate::{Adam, Error, Loss, Model, Optimizer, OptimizerState, Pass, Sequential};
use wgrad_tensor::{Device, Tensor, Variable};

pub(super) fn workloads() -> Vec<Workload> {
    [32, 128].map(mlp).into()
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

/// The step that lowers `loss`, which it fetches.
pub(super) fn training(device: &Device, loss: &Tensor, parameters: &[Variable], optimizer: Optimizer) -> Result<Work, Error> {
    let grads = loss.gradients_of(parameters)?;
    let optimizer = OptimizerState::new(optimizer, device, parameters)?;
    let updates = optimizer.updates(parameters, &grads);
    let step = device.step(&[loss], &updates.iter().map(|(v, t)| (v, t)).collect::<Vec<_>>())?;
    Ok(Work::Training(Training { step, optimizer, done: 0 }))
}
