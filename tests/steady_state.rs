//! What a training step costs the device beyond its arithmetic: counted, not timed.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::report::progress::Metrics;
use wgrad::prelude::*;
use wgrad::runtime::Counters;

/// What was seen after one step.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The device's counters.
    counters: Counters,
    /// Whether the step told its loss: a line of the log.
    told: bool,
}

/// Reads the device's counters after every step.
struct Watch {
    device: Device,
    /// One entry a step, over all epochs.
    seen: Vec<Seen>,
}

impl Watch {
    /// Watches `device`.
    fn new(device: &Device) -> Self {
        Self { device: device.clone(), seen: Vec::new() }
    }
}

impl Progress for Watch {
    fn start_epoch(&mut self, _: usize, _: usize, _: usize) {}

    fn step(&mut self, _: usize, metrics: Metrics<'_>) {
        self.seen.push(Seen { counters: self.device.runtime().counters(), told: !metrics.is_empty() });
    }

    fn finish_epoch(&mut self, _: Metrics<'_>) {}

    fn note(&mut self, _: &str) {}
}

fn mlp(device: &Device, options: FitOptions) -> Trainer {
    let model = Sequential::new([1, 28, 28]).flatten().linear(64).batch_norm().relu().dropout(0.2).linear(10).build(device, 1).unwrap();
    Trainer::new(device, model, Loss::CrossEntropy, Adam::default(), options).unwrap()
}

/// The growth of a counter over each step.
fn growth(watch: &[Seen], counter: impl Fn(&Counters) -> u64) -> Vec<u64> {
    watch.windows(2).map(|pair| counter(&pair[1].counters) - counter(&pair[0].counters)).collect()
}

#[test]
fn a_training_step_is_one_submit_and_one_pass() {
    let device = device();
    let train = Arc::new(digits(Split::Train, 640, 1).unwrap());
    // One epoch: between two, the sums are set to zero by writes alone, but the loader starts anew.
    let mut trainer = mlp(&device, FitOptions { epochs: 1, batch_size: 32, clip_norm: Some(1.0), ..FitOptions::default() });
    let mut watch = Watch::new(&device);
    trainer.fit_blocking(&train, &mut watch).unwrap();
    let seen = &watch.seen;
    assert_eq!(seen.len(), 20);
    assert!(growth(seen, |c| c.submits).iter().all(|&n| n == 1), "submits {:?}", growth(seen, |c| c.submits));
    assert!(growth(seen, |c| c.passes).iter().all(|&n| n == 1), "passes {:?}", growth(seen, |c| c.passes));
    assert!(growth(seen, |c| c.dispatches).iter().all(|&n| n > 1), "dispatches {:?}", growth(seen, |c| c.dispatches));
    for (read, step) in growth(seen, |c| c.readbacks).into_iter().zip(&seen[1..]) {
        assert_eq!(read, u64::from(step.told), "a readback for each line of the log, and no other");
    }
}

#[test]
fn nothing_is_made_after_the_second_step() {
    let device = device();
    let train = Arc::new(digits(Split::Train, 320, 1).unwrap());
    let mut trainer = mlp(&device, FitOptions { epochs: 3, batch_size: 32, ..FitOptions::default() });
    let mut watch = Watch::new(&device);
    trainer.fit_blocking(&train, &mut watch).unwrap();
    assert_eq!(watch.seen.len(), 30);
    let later = &watch.seen[1..];
    for (name, counter) in
        [("buffers", (|c| c.buffers_created) as fn(&Counters) -> u64), ("bind groups", |c| c.bind_groups_created), ("pipelines", |c| c.pipelines_compiled)]
    {
        assert!(growth(later, counter).iter().all(|&n| n == 0), "{name}: {:?}", growth(later, counter));
    }
}

/// The total of a printed plan, in bytes.
fn printed_total(plan: &str) -> f64 {
    let line = plan.lines().find(|l| l.starts_with("total")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let unit = match words[2] {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        other => panic!("a unit that no small plan has: {other}"),
    };
    words[1].parse::<f64>().unwrap() * unit
}

#[test]
fn the_printed_plan_is_what_the_device_allocates() {
    let device = device();
    let train = Arc::new(digits(Split::Train, 640, 1).unwrap());
    let recipe = Recipe::built_in("quickstart").unwrap();
    let data = wgrad::nn::recipe::Data { train: train.clone(), validation: None, test: train.clone(), skipped: Vec::new() };
    let mut trainer = recipe.trainer(&device, &data).unwrap();
    let planned = printed_total(&trainer.plan(&train).unwrap().to_string());
    trainer.options_mut().epochs = 1;
    trainer.fit_blocking(&train, &mut Quiet).unwrap();
    device.runtime().trim();
    let allocated = device.runtime().counters().bytes_allocated as f64;
    assert!((allocated - planned).abs() < 0.1 * planned, "planned {planned}, allocated {allocated}");
}
