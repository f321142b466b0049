//! What goes wrong is named: the step, the layer, the tensor.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::files::{Checkpoint, Kind};
use wgrad::nn::optim::OptimizerState;
use wgrad::nn::report::progress::Metrics;
use wgrad::nn::{self, Error};
use wgrad::prelude::*;
use wgrad::runtime;

const SAMPLES: usize = 40;

const RATE: f64 = 0.8;

/// x and y = 2x, for x from 0.5 to 1.5: with a learning rate of 0.8 each step overshoots.
fn line() -> (Vec<f32>, Vec<f32>) {
    let x: Vec<f32> = (0..SAMPLES).map(|i| 0.5 + i as f32 / SAMPLES as f32).collect();
    (x.clone(), x.iter().map(|x| 2.0 * x).collect())
}

fn overshooting() -> Sgd {
    Sgd { learning_rate: RATE, ..Sgd::default() }
}

fn model(device: &Device) -> Sequential {
    Sequential::new([1]).linear(1).build(device, 3).unwrap()
}

/// The first step whose loss is not finite, found the slow way: every loss is read.
fn first_bad_step(device: &Device) -> usize {
    let (xs, ys) = line();
    let model = model(device);
    let parameters = model.parameters();
    let optimizer = OptimizerState::new(overshooting().into(), device, &parameters).unwrap();
    let x = Tensor::from_f32(device, [1, 1], &[0.0]).unwrap();
    let y = Tensor::from_f32(device, [1, 1], &[0.0]).unwrap();
    let loss = Loss::Mse.apply(&model.forward(&x, &Pass::evaluate()), &y);
    let grads = loss.gradients_of(&parameters).unwrap();
    let updates = optimizer.updates(&parameters, &grads);
    let pairs: Vec<(&Variable, &Tensor)> = updates.iter().map(|(v, t)| (v, t)).collect();
    let step = device.step(&[&loss], &pairs).unwrap();
    for number in 1.. {
        let sample = (number - 1) % SAMPLES;
        x.write(&Data::f32([1, 1], &[xs[sample]]).unwrap()).unwrap();
        y.write(&Data::f32([1, 1], &[ys[sample]]).unwrap()).unwrap();
        optimizer.prepare(RATE, number as u64).unwrap();
        let loss = step.run_and_read().unwrap().wait_blocking().unwrap()[0].f32s().unwrap()[0];
        if !loss.is_finite() {
            return number;
        }
    }
    unreachable!("the loss grows without bound")
}

#[test]
fn a_loss_that_is_not_finite_names_its_step_and_keeps_the_checkpoint() {
    let device = device();
    let expected = first_bad_step(&device);
    assert!(expected > SAMPLES, "the test wants it to happen after the first epoch, it was step {expected}");
    let (x, y) = line();
    let run = tempfile::tempdir().unwrap();
    let options = FitOptions { epochs: 100, batch_size: 1, shuffle: false, run: Some(run.path().to_path_buf()), ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model(&device), Loss::Mse, overshooting(), options).unwrap();
    let error = trainer.fit_blocking(&values(x, y), &mut Quiet).unwrap_err();
    assert!(error.to_string().contains(&run.path().display().to_string()), "{error}");
    let Error::NotFinite { step, epoch, .. } = error else { panic!("another error: {error}") };
    assert_eq!((step, epoch), (expected as u64, (expected as u64 - 1) / SAMPLES as u64 + 1));
    let kept = Checkpoint::load(run.path(), Kind::Last).unwrap();
    assert!(kept.state.step < step, "the checkpoint is of step {}", kept.state.step);
    assert!(kept.tensors.iter().flat_map(|t| &t.data).all(|v| v.is_finite()));
}

/// One number in, one out.
fn values(inputs: Vec<f32>, targets: Vec<f32>) -> Arc<Dataset> {
    let targets = Targets::Values { data: targets.into(), shape: vec![1] };
    Arc::new(Dataset::new("values", Inputs::F32(inputs.into()), &[1], targets, vec![]).unwrap())
}

/// Loses the device after step 5.
struct Loser {
    device: Device,
    steps: usize,
}

impl Progress for Loser {
    fn start_epoch(&mut self, _: usize, _: usize, _: usize) {}

    fn step(&mut self, _: usize, _: Metrics<'_>) {
        self.steps += 1;
        if self.steps == 5 {
            self.device.runtime().lose();
        }
    }

    fn finish_epoch(&mut self, _: Metrics<'_>) {}

    fn note(&mut self, _: &str) {}
}

#[test]
fn a_lost_device_is_an_error_that_names_the_step() {
    let device = device();
    let (x, y) = line();
    let options = FitOptions { epochs: 2, batch_size: 1, ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model(&device), Loss::Mse, Sgd::default(), options).unwrap();
    let mut loser = Loser { device: device.clone(), steps: 0 };
    let error = trainer.fit_blocking(&values(x, y), &mut loser).unwrap_err();
    assert_eq!(loser.steps, 5);
    let lost = matches!(&error, Error::Tensor(wgrad::tensor::Error::Runtime(runtime::Error::DeviceLost { step: 5, .. })));
    assert!(lost, "{error:?}");
    assert!(error.to_string().contains("step 5"), "{error}");
    // Another device goes on.
    let device = common::device();
    assert!(model(&device).parameters()[0].value().to_vec().is_ok());
}

#[test]
fn a_layer_that_does_not_fit_is_named_with_both_shapes() {
    let error = Sequential::new([1, 28, 28]).relu().linear(10).build(&device(), 1).err().unwrap().to_string();
    for part in ["layer 1", "linear 10", "[1, 28, 28]", "[n]", "flatten"] {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn a_last_layer_that_does_not_fit_the_data_is_named_with_both_sizes() {
    let device = device();
    let model = Sequential::new([1, 28, 28]).flatten().linear(7).build(&device, 1).unwrap();
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), FitOptions::default()).unwrap();
    let train = Arc::new(digits(Split::Train, 32, 1).unwrap());
    let error = trainer.fit_blocking(&train, &mut Quiet).unwrap_err().to_string();
    assert!(error.contains("[7]") && error.contains("10 classes"), "{error}");
}

#[test]
fn a_tensor_over_the_adapters_limits_is_named_before_anything_runs() {
    let device = device();
    let limit = device.caps().max_binding_bytes.min(device.caps().max_buffer_bytes);
    let side = (limit as f64 / 4.0).sqrt() as usize + 1024;
    let column = Tensor::from_f32(&device, [side, 1], &vec![1.0; side]).unwrap();
    let row = Tensor::from_f32(&device, [1, side], &vec![1.0; side]).unwrap();
    let submits = device.runtime().counters().submits;
    let error = column.matmul(&row).read_blocking().unwrap_err().to_string();
    assert!(error.contains(&format!("[{side}, {side}]")) || error.contains(&format!("[{side},{side}]")), "{error}");
    assert!(error.contains(&limit.to_string()), "{error}");
    assert_eq!(device.runtime().counters().submits, submits);
}

#[test]
fn a_variable_over_the_adapters_limits_is_named() {
    let device = device();
    let limit = device.caps().max_binding_bytes.min(device.caps().max_buffer_bytes);
    if limit > 1 << 30 {
        println!("left out: the adapter takes buffers of {limit} bytes, which the test does not want to fill");
        return;
    }
    let n = limit as usize / 4 + 4;
    let error = Variable::new(&device, "layers.3.weight", &Data::f32([n], &vec![0.0; n]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("layers.3.weight") && error.contains(&limit.to_string()), "{error}");
}

#[test]
fn a_checkpoint_of_another_model_is_refused_and_changes_nothing() {
    let device = device();
    let trainer = |units: usize| {
        let model = Sequential::new([4]).linear(units).build(&device, 1).unwrap();
        Trainer::new(&device, model, Loss::Mse, Adam::default(), FitOptions::default()).unwrap()
    };
    let other = pollster::block_on(trainer(3).checkpoint()).unwrap();
    let mut own = trainer(5);
    let before = pollster::block_on(own.checkpoint()).unwrap();
    let error = own.restore("other.safetensors", &other).unwrap_err();
    assert!(matches!(error, nn::Error::File(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("other.safetensors") && text.contains("layers.0.weight") && text.contains("[4, 3]") && text.contains("[4, 5]"), "{text}");
    assert_eq!(pollster::block_on(own.checkpoint()).unwrap().tensors, before.tensors);
}
