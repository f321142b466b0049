//! Settings of the loss, penalties, optimisers and schedules: what they do to a training.

mod common;

use common::device;
use std::path::Path;
use std::sync::Arc;
use wgrad::nn::files::Kind;
use wgrad::nn::optim::penalty;
use wgrad::nn::schedule::{Cosine, Exponential, OneCycle, Plateau, Schedule, StepDecay};
use wgrad::nn::{Lion, LossOptions, RmsProp};
use wgrad::prelude::*;

fn near(found: &[f32], expected: &[f64]) {
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5), "{found:?} {expected:?}");
}

/// Logits of three samples and three classes.
const LOGITS: [f32; 9] = [0.5, -1.0, 2.0, 0.1, 0.7, -0.3, 1.1, 0.0, -2.0];

/// −log softmax of a sample's class.
fn cost(sample: usize, class: usize) -> f64 {
    let row: Vec<f64> = LOGITS[3 * sample..][..3].iter().map(|&x| f64::from(x)).collect();
    row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[class]
}

#[test]
fn smoothing_ignoring_and_shares_are_pytorchs() {
    let device = device();
    let logits = Tensor::from_f32(&device, [3, 3], &LOGITS).unwrap();
    let labels = Tensor::from_i32(&device, [3], &[2, -100, 0]).unwrap();
    let loss = |options: LossOptions| Loss::CrossEntropy.apply_with(&logits, &labels, &options).to_vec().unwrap();
    near(&loss(LossOptions { ignore_index: Some(-100), ..Default::default() }), &[(cost(0, 2) + cost(2, 0)) / 2.0]);
    let smooth = |sample, class| 0.7 * cost(sample, class) + 0.1 * (0..3).map(|c| cost(sample, c)).sum::<f64>();
    near(&loss(LossOptions { ignore_index: Some(-100), label_smoothing: 0.3 }), &[(smooth(0, 2) + smooth(2, 0)) / 2.0]);
    // Shares of classes: 0.25 of the first and 0.75 of the last; then labels written as shares.
    let shares = Tensor::from_f32(&device, [3, 3], &[0.25, 0.0, 0.75, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
    let mixed = (0.25 * cost(0, 0) + 0.75 * cost(0, 2) + cost(1, 1) + cost(2, 0)) / 3.0;
    near(&Loss::CrossEntropy.apply(&logits, &shares).to_vec().unwrap(), &[mixed]);
    let labels = Tensor::from_i32(&device, [3], &[2, 1, 0]).unwrap();
    let ones = labels.one_hot(3, DType::F32);
    let options = LossOptions { label_smoothing: 0.2, ..Default::default() };
    let [a, b] = [&labels, &ones].map(|target| Loss::CrossEntropy.apply_with(&logits, target, &options));
    near(&a.to_vec().unwrap(), &[f64::from(b.to_vec().unwrap()[0])]);
    let [ga, gb] = [a, b].map(|loss| loss.gradients(&[&logits]).unwrap()[0].to_vec().unwrap());
    near(&ga, &gb.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    assert_eq!(Loss::CrossEntropy.correct(&logits, &ones).unwrap().to_vec().unwrap(), [3.0]);
    // Shares of two classes for one logit: that of the second.
    let one = Tensor::from_f32(&device, [2, 1], &[0.5, -1.0]).unwrap();
    let two = Tensor::from_f32(&device, [2, 2], &[0.25, 0.75, 1.0, 0.0]).unwrap();
    let second = Tensor::from_f32(&device, [2, 1], &[0.75, 0.0]).unwrap();
    assert_eq!(Loss::BceWithLogits.apply(&one, &two).to_vec().unwrap(), Loss::BceWithLogits.apply(&one, &second).to_vec().unwrap());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let device = device();
    let refused = |loss: Loss, options: FitOptions| {
        let model = Sequential::new([2]).linear(2).build(&device, 1).unwrap();
        Trainer::new(&device, model, loss, Sgd::default(), options).err().unwrap().to_string()
    };
    let smoothing = |label_smoothing| FitOptions { loss: LossOptions { label_smoothing, ignore_index: None }, ..Default::default() };
    assert!(refused(Loss::CrossEntropy, smoothing(1.5)).contains("label_smoothing is 1.5"));
    assert!(refused(Loss::Mse, smoothing(0.1)).contains("this one is mse"));
    assert!(refused(Loss::Mse, FitOptions { l1: -1.0, ..Default::default() }).contains("l1 is -1"));
    assert!(refused(Loss::Mse, FitOptions { l2: f64::NAN, ..Default::default() }).contains("l2 is NaN"));
    let schedule = Some(Schedule::Exponential(Exponential { gamma: 0.0 }));
    assert!(refused(Loss::Mse, FitOptions { schedule, ..Default::default() }).contains("`gamma` is 0"));
}

#[test]
fn penalties_are_of_weights_alone() {
    let device = device();
    let model = Sequential::new([2]).linear(1).batch_norm().build(&device, 1).unwrap();
    let parameters = model.parameters();
    parameters[0].write(&Data::f32([2, 1], &[-2.0, 3.0]).unwrap()).unwrap();
    let found = penalty(&parameters, 0.5, 0.25).unwrap();
    near(&found.to_vec().unwrap(), &[0.5 * 5.0 + 0.25 * 13.0]);
    let grads = found.gradients_of(&parameters).unwrap();
    near(&grads[0].to_vec().unwrap(), &[-0.5 - 1.0, 0.5 + 1.5]);
    assert!(grads[1..].iter().all(|g| g.to_vec().unwrap().iter().all(|&v| v == 0.0)));
    assert!(penalty(&parameters, 0.0, 0.0).is_none());
}

const EPOCHS: u64 = 4;

fn trainer(optimizer: impl Into<Optimizer>, schedule: Option<Schedule>, run: Option<&Path>) -> (Trainer, Arc<Dataset>) {
    let device = device();
    let model = Sequential::new([1, 28, 28]).flatten().linear(16).relu().linear(10).build(&device, 1).unwrap();
    let options = FitOptions {
        epochs: EPOCHS,
        seed: 1,
        schedule,
        validation: Some(Arc::new(digits(Split::Test, 50, 1).unwrap())),
        l2: 1e-4,
        loss: LossOptions { label_smoothing: 0.1, ignore_index: None },
        run: run.map(Path::to_path_buf),
        ..FitOptions::default()
    };
    let trainer = Trainer::new(&device, model, Loss::CrossEntropy, optimizer, options).unwrap();
    (trainer, Arc::new(digits(Split::Train, 160, 1).unwrap()))
}

#[test]
fn every_optimizer_learns() {
    let optimizers: [Optimizer; 4] = [
        RmsProp { learning_rate: 0.003, ..Default::default() }.into(),
        RmsProp { learning_rate: 0.001, momentum: 0.9, centered: true, weight_decay: 1e-4, ..Default::default() }.into(),
        Lion { learning_rate: 0.001, weight_decay: 0.1, ..Default::default() }.into(),
        Sgd { learning_rate: 0.1, ..Default::default() }.into(),
    ];
    for optimizer in optimizers {
        let name = format!("{optimizer:?}");
        let (mut trainer, train) = trainer(optimizer, None, None);
        let rows = &trainer.fit_blocking(&train, &mut Quiet).unwrap().rows;
        assert!(rows[3].loss < 0.8 * rows[0].loss, "{name}: {rows:?}");
    }
}

#[test]
fn the_history_tells_the_rate_of_each_epochs_last_step() {
    // 160 samples in batches of 32 are 5 steps an epoch, 20 in all.
    let rates = |schedule: Option<Schedule>| -> Vec<f64> {
        let (mut trainer, train) = trainer(Sgd { learning_rate: 0.1, ..Default::default() }, schedule, None);
        trainer.fit_blocking(&train, &mut Quiet).unwrap().rows.iter().map(|row| row.learning_rate).collect()
    };
    let expect = |schedule: Option<Schedule>, expected: [f64; 4]| {
        let found = rates(schedule.clone());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{schedule:?}: {found:?} {expected:?}");
    };
    expect(None, [0.1; 4]);
    expect(Some(Schedule::Step(StepDecay { step_size: 2, gamma: 0.5 })), [0.1, 0.1, 0.05, 0.05]);
    expect(Some(Schedule::Exponential(Exponential { gamma: 0.5 })), [0.1, 0.05, 0.025, 0.0125]);
    let half = |t: f64, all: f64| 0.05 * (1.0 + (std::f64::consts::PI * t / all).cos());
    let cosine = Cosine { warmup_steps: 0, warmup_epochs: 1, min_learning_rate: 0.0 };
    expect(Some(Schedule::Cosine(cosine)), [0.1, half(4.0, 15.0), half(9.0, 15.0), half(14.0, 15.0)]);
    let cycle = rates(Some(Schedule::OneCycle(OneCycle { pct_start: 0.5, div_factor: 10.0, final_div_factor: 10.0 })));
    // Its peak is step 9, the last of the second epoch.
    assert!((cycle[1] - 0.1).abs() < 1e-12 && (cycle[3] - 0.001).abs() < 1e-12 && cycle[0] < 0.1 && cycle[2] < 0.1, "{cycle:?}");
    // No loss is better than the first by a factor of a thousand.
    let plateau = Plateau { factor: 0.5, patience: 0, threshold: 0.999, cooldown: 0, min_learning_rate: 0.03 };
    expect(Some(Schedule::Plateau(plateau)), [0.1, 0.1, 0.05, 0.03]);
}

#[test]
fn the_rate_reaches_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let schedule = Some(Schedule::Step(StepDecay { step_size: 1, gamma: 1e-30 }));
    let (mut trainer, train) = trainer(Sgd { learning_rate: 0.1, ..Default::default() }, schedule, Some(folder.path()));
    let weights = |trainer: &Trainer| pollster::block_on(trainer.checkpoint()).unwrap().tensors;
    let first = weights(&trainer);
    trainer.options_mut().stop_after = Some(1);
    trainer.fit_blocking(&train, &mut Quiet).unwrap();
    let moved = weights(&trainer);
    assert_ne!(first, moved);
    trainer.options_mut().stop_after = None;
    trainer.fit_blocking(&train, &mut Quiet).unwrap();
    assert_eq!((trainer.position().epoch, weights(&trainer)), (EPOCHS, moved), "a rate of next to nothing moves nothing");
}

#[test]
fn a_resumed_run_goes_on_where_its_schedule_was() {
    let plateau = Plateau { factor: 0.5, patience: 0, threshold: 0.2, cooldown: 1, min_learning_rate: 0.0 };
    let cosine = Cosine { warmup_steps: 7, warmup_epochs: 0, min_learning_rate: 1e-4 };
    for schedule in [Schedule::Plateau(plateau), Schedule::Cosine(cosine)] {
        let make = |run: &Path| trainer(RmsProp { learning_rate: 0.002, momentum: 0.5, ..Default::default() }, Some(schedule.clone()), Some(run));
        let bytes = |run: &Path| std::fs::read(run.join(Kind::Last.file_name())).unwrap();
        let whole = tempfile::tempdir().unwrap();
        let (mut trainer, train) = make(whole.path());
        let rows = trainer.fit_blocking(&train, &mut Quiet).unwrap().rows.iter().map(|r| r.learning_rate).collect::<Vec<_>>();
        assert_ne!(rows[0], rows[3], "{schedule:?} never changed the rate: {rows:?}");
        for stop in 1..EPOCHS {
            let parts = tempfile::tempdir().unwrap();
            let (mut trainer, train) = make(parts.path());
            trainer.options_mut().stop_after = Some(stop);
            trainer.fit_blocking(&train, &mut Quiet).unwrap();
            let (mut trainer, train) = make(parts.path());
            trainer.resume(parts.path()).unwrap();
            trainer.fit_blocking(&train, &mut Quiet).unwrap();
            assert!(bytes(parts.path()) == bytes(whole.path()), "{schedule:?}: stopped after epoch {stop} and resumed differs");
            assert_eq!(trainer.history().rows.iter().map(|r| r.learning_rate).collect::<Vec<_>>(), rows);
        }
    }
}
