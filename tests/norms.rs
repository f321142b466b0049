//! Layers that normalise: what they compute, what they keep, what does not fit.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::layers::{BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RmsNorm};
use wgrad::prelude::*;

fn build(device: &Device, input: &[usize], layer: Layer) -> Sequential {
    Sequential::new(input).layer(layer).build(device, 1).unwrap()
}

fn near(found: &[f32], expected: &[f32]) {
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
}

fn read(variable: &Variable) -> Vec<f32> {
    pollster::block_on(variable.read()).unwrap().f32s().unwrap()
}

#[test]
fn layers_compute_what_was_worked_out_by_hand() {
    let device = device();
    let forward = |input: &[usize], layer: Layer, x: &[f32]| {
        let shape = [&[1], input].concat();
        build(&device, input, layer).forward(&Tensor::from_f32(&device, shape, x).unwrap(), &Pass::evaluate()).to_vec().unwrap()
    };
    let x = [1.0, 3.0, 5.0, 11.0];
    let eps = 0.0;
    near(&forward(&[2, 2], Layer::LayerNorm(LayerNorm { eps, ..Default::default() }), &x), &[-1.0, 1.0, -1.0, 1.0]);
    let whole = LayerNorm { normalized_shape: Some(vec![2, 2]), eps, affine: false };
    // Mean 5, variance 14.
    let deviation = 14f32.sqrt();
    let all = [-4.0 / deviation, -2.0 / deviation, 0.0, 6.0 / deviation];
    near(&forward(&[2, 2], Layer::LayerNorm(whole), &x), &all);
    near(&forward(&[2, 2], Layer::GroupNorm(GroupNorm { groups: 1, eps, affine: true }), &x), &all);
    near(&forward(&[2, 2], Layer::GroupNorm(GroupNorm { groups: 2, eps, affine: true }), &x), &[-1.0, 1.0, -1.0, 1.0]);
    near(&forward(&[2, 2], Layer::InstanceNorm(InstanceNorm { eps, affine: false }), &x), &[-1.0, 1.0, -1.0, 1.0]);
    let root = 5f32.sqrt();
    near(&forward(&[2], Layer::RmsNorm(RmsNorm { eps, ..Default::default() }), &x[..2]), &[1.0 / root, 3.0 / root]);
    // Untrained running statistics are mean 0 and variance 1.
    near(&forward(&[2, 2], Layer::BatchNorm(BatchNorm { eps, ..Default::default() }), &x), &x);
}

#[test]
fn running_statistics_follow_the_batches_by_pytorchs_rule() {
    let device = device();
    let layer = BatchNorm { momentum: 0.25, eps: 0.0, affine: true };
    let model = build(&device, &[2], Layer::BatchNorm(layer));
    let names = |all: Vec<Variable>| all.iter().map(|v| v.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(model.parameters()), ["layers.0.weight", "layers.0.bias"]);
    assert_eq!(names(model.buffers()), ["layers.0.running_mean", "layers.0.running_var"]);
    let key = Tensor::from_data(&device, &Data::u32([3], &[0, 0, 0]).unwrap()).unwrap();
    let pass = Pass::train(key);
    let y = model.forward(&Tensor::from_f32(&device, [2, 2], &[1.0, 3.0, 5.0, 11.0]).unwrap(), &pass);
    let updates = pass.updates();
    device.run(&[&y], &updates.iter().map(|(v, t)| (v, t)).collect::<Vec<_>>()).unwrap();
    near(&y.to_vec().unwrap(), &[-1.0, -1.0, 1.0, 1.0]);
    // Means 3 and 7, variances with n - 1 in the divisor 8 and 32.
    let buffers = model.buffers();
    near(&read(&buffers[0]), &[0.75, 1.75]);
    near(&read(&buffers[1]), &[2.75, 8.75]);
    // Evaluation uses them.
    let x = Tensor::from_f32(&device, [1, 2], &[0.75, 1.75 + 8.75f32.sqrt()]).unwrap();
    let evaluated = Pass::evaluate();
    near(&model.forward(&x, &evaluated).to_vec().unwrap(), &[0.0, 1.0]);
    assert!(evaluated.updates().is_empty() && !evaluated.trains());
}

/// 2 classes of points around (0, 0) and (40, 60), which only a normalised network tells apart quickly.
fn points(n: usize) -> Arc<Dataset> {
    let x: Vec<f32> = (0..n).flat_map(|i| [40.0 * (i % 2) as f32 + (i % 7) as f32, 60.0 * (i % 2) as f32 + (i % 5) as f32]).collect();
    let targets = Targets::Classes((0..n).map(|i| (i % 2) as u32).collect::<Vec<_>>().into());
    Arc::new(Dataset::new("points", Inputs::F32(x.into()), &[2], targets, vec!["a".into(), "b".into()]).unwrap())
}

fn trainer(device: &Device, batch_size: usize) -> Trainer {
    let model = Sequential::new([2]).linear(8).batch_norm().relu().linear(2).build(device, 1).unwrap();
    let options = FitOptions { epochs: 8, batch_size, ..FitOptions::default() };
    Trainer::new(device, model, Loss::CrossEntropy, Sgd { learning_rate: 0.1, ..Default::default() }, options).unwrap()
}

#[test]
fn training_moves_the_running_statistics_and_checkpoints_hold_them() {
    let device = device();
    let mut trained = trainer(&device, 16);
    trained.fit_blocking(&points(128), &mut Quiet).unwrap();
    let accuracy = trained.evaluate_blocking(&points(64)).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.95, "{accuracy}");
    let checkpoint = pollster::block_on(trained.checkpoint()).unwrap();
    let variance = &checkpoint.tensor("layers.1.running_var").unwrap().data;
    assert!(variance.iter().any(|v| *v > 10.0), "{variance:?}");
    // Weights alone, as evaluation and prediction take them over, include the statistics.
    let mut fresh = trainer(&common::device(), 16);
    fresh.restore_weights("checkpoint", &checkpoint).unwrap();
    assert_eq!(fresh.evaluate_blocking(&points(64)).unwrap(), trained.evaluate_blocking(&points(64)).unwrap());
    let mut without = checkpoint.clone();
    without.tensors.retain(|t| !t.name.ends_with("running_mean"));
    let error = fresh.restore("checkpoint", &without).unwrap_err().to_string();
    assert!(error.contains("layers.1.running_mean"), "{error}");
}

#[test]
fn a_batch_of_one_is_refused_before_the_first_step() {
    let device = device();
    for (batch_size, n) in [(16, 33), (1, 8), (16, 1)] {
        let mut trainer = trainer(&device, batch_size);
        let error = trainer.fit_blocking(&points(n), &mut Quiet).unwrap_err().to_string();
        assert!(error.contains("a batch of 1 cannot train") && error.contains(&format!("batch_size = {batch_size}")), "{error}");
        assert_eq!(trainer.position().step, 0);
    }
    // An image has many values a channel, so that one sample is enough.
    let image = Sequential::new([1, 2, 2]).batch_norm().flatten().linear(2).build(&device, 1).unwrap();
    assert_eq!(image.least_batch(), 1);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let device = device();
    let refused = |input: &[usize], layer: Layer| match Sequential::new(input).layer(layer).build(&device, 1) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted"),
    };
    assert!(refused(&[2], Layer::BatchNorm(BatchNorm { momentum: 1.5, ..Default::default() })).contains("`momentum` is 1.5"));
    assert!(refused(&[2], Layer::BatchNorm(BatchNorm { eps: -1.0, ..Default::default() })).contains("`eps` is -1"));
    assert!(refused(&[6, 2], Layer::GroupNorm(GroupNorm { groups: 4, eps: 0.0, affine: true })).contains("divide the 6 channels"));
    assert!(refused(&[6], Layer::InstanceNorm(InstanceNorm { eps: 0.0, affine: true })).contains("but one value"));
    let shape = |n: Vec<usize>| Layer::LayerNorm(LayerNorm { normalized_shape: Some(n), ..Default::default() });
    assert!(refused(&[6, 2], shape(vec![3])).contains("must be the last extents of the samples, which are [6, 2]"));
    assert!(refused(&[6, 2], shape(vec![])).contains("normalized_shape"));
}
