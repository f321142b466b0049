//! Ten thousand steps take no more memory than ten. A program of its own: other tests would move the process's memory.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::report::progress::Metrics;
use wgrad::prelude::*;

const STEPS: usize = 10_000;

/// Looks at the memory after every step.
struct Watch {
    device: Device,
    steps: usize,
    /// (buffers made, bytes allocated) after the second step.
    settled: (u64, u64),
    /// Bytes of the process, every 1,000 steps.
    resident: Vec<u64>,
}

impl Progress for Watch {
    fn start_epoch(&mut self, _: usize, _: usize, _: usize) {}

    fn step(&mut self, _: usize, _: Metrics<'_>) {
        self.steps += 1;
        let counters = self.device.runtime().counters();
        let now = (counters.buffers_created, counters.bytes_allocated);
        if self.steps == 2 {
            self.settled = now;
        }
        assert!(self.steps <= 2 || now == self.settled, "step {}: buffers and bytes {now:?}, after the second step {:?}", self.steps, self.settled);
        if self.steps.is_multiple_of(1000) {
            self.resident.push(resident());
        }
    }

    fn finish_epoch(&mut self, _: Metrics<'_>) {}

    fn note(&mut self, _: &str) {}
}

/// Bytes of this process that are in memory.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Known on Linux alone; elsewhere the device's counters are all there is.
#[cfg(not(target_os = "linux"))]
fn resident() -> u64 {
    0
}

#[test]
fn memory_is_flat_over_ten_thousand_steps() {
    let device = device();
    let inputs: Vec<f32> = (0..STEPS).map(|i| i as f32 / STEPS as f32).collect();
    let targets = Targets::Values { data: inputs.iter().map(|x| 2.0 * x).collect(), shape: vec![1] };
    let train = Arc::new(Dataset::new("line", Inputs::F32(inputs.into()), &[1], targets, vec![]).unwrap());
    let model = Sequential::new([1]).linear(4).relu().dropout(0.1).linear(1).build(&device, 1).unwrap();
    let options = FitOptions { batch_size: 1, clip_norm: Some(1.0), ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model, Loss::Mse, Adam::default(), options).unwrap();
    let mut watch = Watch { device, steps: 0, settled: (0, 0), resident: Vec::new() };
    trainer.fit_blocking(&train, &mut watch).unwrap();
    assert_eq!(watch.steps, STEPS);
    // Drivers keep caches that settle over the first thousands of steps.
    let (early, late) = (watch.resident[2], watch.resident[9]);
    println!("resident bytes every 1,000 steps: {:?}", watch.resident);
    assert!(late < early + (2 << 20), "resident bytes every 1,000 steps: {:?}", watch.resident);
}
