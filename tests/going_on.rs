//! Training that is stopped, asked in its middle, or loses its device ends in the bytes of an unbroken run.

mod common;

use common::device;
use std::sync::Arc;
use std::time::Duration;
use wgrad::nn::report::Quiet;
use wgrad::nn::report::progress::{Metrics, Progress};
use wgrad::nn::{Error, Predictor, Trainer};
use wgrad::prelude::*;

/// A network with batch norm and dropout and an optimiser with moments, so that all that a state holds matters.
fn trainer(device: &Device) -> Trainer {
    let model = Sequential::new([1, 28, 28]).flatten().linear(32).batch_norm().relu().dropout(0.2).linear(10).build(device, 1).unwrap();
    // A state after every look, a look at every third step.
    let options = FitOptions { epochs: 2, seed: 1, look_every: Some(3), keep: Some(Duration::ZERO), ..FitOptions::default() };
    Trainer::new(device, model, Loss::CrossEntropy, Adam::default(), options).unwrap()
}

fn data() -> Arc<Dataset> {
    Arc::new(digits(Split::Train, 640, 1).unwrap())
}

fn bytes(trainer: &Trainer) -> Vec<u8> {
    pollster::block_on(trainer.checkpoint()).unwrap().to_bytes().unwrap()
}

fn unbroken() -> (Vec<u8>, Vec<f64>) {
    let mut trainer = trainer(&device());
    trainer.fit_blocking(&data(), &mut Quiet).unwrap();
    (bytes(&trainer), losses(&trainer))
}

fn losses(trainer: &Trainer) -> Vec<f64> {
    trainer.history().rows.iter().map(|row| row.loss).collect()
}

/// Acts at step number `at`, once.
#[derive(Default)]
struct At {
    at: usize,
    steps: usize,
    stop: bool,
    lose: Option<Device>,
    ask: Option<Predictor>,
    answers: Vec<Vec<f32>>,
    notes: Vec<String>,
    kept: usize,
}

impl Progress for At {
    fn start_epoch(&mut self, _: usize, _: usize, _: usize) {}

    fn step(&mut self, _: usize, _: Metrics<'_>) {
        self.steps += 1;
        if let Some(predictor) = &self.ask {
            self.answers.push(pollster::block_on(predictor.predict(&[0.5; 784])).unwrap());
        }
        if self.steps == self.at
            && let Some(device) = self.lose.take()
        {
            device.runtime().lose();
        }
    }

    fn finish_epoch(&mut self, _: Metrics<'_>) {}

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    fn checkpoint(&mut self, _: &wgrad::nn::files::Checkpoint) {
        self.kept += 1;
    }

    fn stop(&mut self) -> bool {
        self.stop && self.steps == self.at
    }
}

#[test]
fn a_stop_anywhere_changes_nothing() {
    let expected = unbroken();
    // In the middle of an epoch, at its last step, at the first step of the next.
    for at in [1, 7, 20, 21, 33] {
        let mut trainer = trainer(&device());
        let mut stopper = At { at, stop: true, ..At::default() };
        trainer.fit_blocking(&data(), &mut stopper).unwrap();
        assert_eq!(trainer.position().step, at as u64);
        assert!(stopper.kept > 0, "a stop keeps the state");
        trainer.fit_blocking(&data(), &mut Quiet).unwrap();
        assert_eq!((bytes(&trainer), losses(&trainer)), expected, "stopped at step {at}");
    }
}

#[test]
fn a_lost_device_changes_nothing() {
    let expected = unbroken();
    // Before any state was kept, between two states, in the second epoch.
    for at in [1, 8, 29] {
        let first = common::device();
        let mut trainer = trainer(&first);
        let mut loser = At { at, lose: Some(first), ..At::default() };
        let renew = async || Ok::<_, Error>(self::trainer(&common::device()));
        pollster::block_on(trainer.fit_renewing(&data(), &mut loser, renew)).unwrap();
        assert_eq!((bytes(&trainer), losses(&trainer)), expected, "lost at step {at}");
        assert_eq!(loser.notes.len(), 1);
        assert!(loser.notes[0].contains("lost at step") && loser.notes[0].contains("going on from step"), "{}", loser.notes[0]);
    }
}

#[test]
fn a_device_that_is_lost_again_and_again_is_given_up() {
    let dead = common::device();
    let mut trainer = trainer(&dead);
    dead.runtime().lose();
    let mut tries = 0;
    let renew = async || {
        tries += 1;
        let device = common::device();
        let next = self::trainer(&device);
        device.runtime().lose();
        Ok::<_, Error>(next)
    };
    let error = pollster::block_on(trainer.fit_renewing(&data(), &mut Quiet, renew)).unwrap_err();
    assert!(error.is_lost_device(), "{error}");
    assert_eq!(tries, 2, "three losses, two new devices");
}

#[test]
fn questions_between_the_steps_change_nothing() {
    let expected = unbroken();
    let mut trainer = trainer(&device());
    let mut asker = At { ask: Some(trainer.predictor()), ..At::default() };
    trainer.fit_blocking(&data(), &mut asker).unwrap();
    assert_eq!((bytes(&trainer), losses(&trainer)), expected);
    assert!(asker.answers.iter().all(|a| (a.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    assert_ne!(asker.answers.first(), asker.answers.last(), "the weights that answer are those that learn");
}

#[test]
fn the_confusion_matrix_counts_every_sample() {
    let mut trainer = trainer(&device());
    let test = digits(Split::Test, 500, 1).unwrap();
    trainer.fit_blocking(&data(), &mut Quiet).unwrap();
    let counts = pollster::block_on(trainer.predictor().confusion(&test)).unwrap();
    assert!(counts.iter().all(|row| row.iter().sum::<u64>() == 50), "{counts:?}");
    let right: u64 = (0..10).map(|k| counts[k][k]).sum();
    let accuracy = trainer.evaluate_blocking(&test).unwrap().accuracy.unwrap();
    assert_eq!(right as f64 / 500.0, accuracy);
}
