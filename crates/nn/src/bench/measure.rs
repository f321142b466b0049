//! The rules of timing: warm up, then blocks of calls between two waits.

use super::clock::{cpu_ms, load1};
use super::{Rate, Row, Work, Workload};
use crate::Error;
use web_time::Instant;
use wgrad_tensor::Device;

/// A sample lasts as long at least: the clock (in browsers it ticks every 0.1 ms), the submit and the wait are then noise.
const SAMPLE_MS: f64 = 30.0;

/// Calls of a sample at most.
const MOST_CALLS: f64 = 256.0;

/// The times of one block, per call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) ms: f64,
    pub(super) cpu_ms: Option<f64>,
}

/// All samples of a workload.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// The first call, with compilation of the step and its pipelines.
    pub(super) cold_ms: f64,
    /// From the first call to the first sample.
    pub(super) warmup_ms: f64,
    pub(super) calls: usize,
    pub(super) all: Vec<Sample>,
    pub(super) loss: Option<f32>,
}

/// Runs and times one block.
pub(super) async fn sample(work: &mut Work, calls: usize) -> Result<(Sample, Option<f32>), Error> {
    let (wall, cpu) = (Instant::now(), cpu_ms());
    let loss = work.block(calls).await?;
    let per_call = 1.0 / calls as f64;
    let ms = wall.elapsed().as_secs_f64() * 1e3 * per_call;
    let cpu_ms = cpu.zip(cpu_ms()).map(|(begin, end)| (end - begin) * per_call);
    Ok((Sample { ms, cpu_ms }, loss))
}

/// Makes a workload and warms it up: the cold time, the work, and the milliseconds of a warm call.
pub(super) async fn warm(workload: &Workload, device: &Device, keep_going: &mut dyn FnMut() -> bool) -> Result<(Samples, Work, f64), Error> {
    let begin = Instant::now();
    let mut work = (workload.build)(device)?;
    // Inputs were made and uploaded in `build` as well: they are no part of the first call.
    let building = begin.elapsed();
    sample(&mut work, 1).await?;
    let cold_ms = begin.elapsed().as_secs_f64() * 1e3;
    log::debug!("{} {}: built in {building:?}", workload.name, workload.shape);
    let mut one = cold_ms;
    let training = matches!(work, Work::Training(_));
    let blocks: &[usize] = if training { &[1, 1, 1, 1, 1, 1, 1, 1, 8, 2] } else { &[1; 6] };
    for (done, &calls) in blocks.iter().enumerate() {
        if !keep_going() {
            break;
        }
        one = sample(&mut work, calls).await?.0.ms;
        if !training && done >= 3 && begin.elapsed().as_secs_f64() > 20.0 {
            break;
        }
    }
    Ok((Samples { cold_ms, ..Samples::default() }, work, one))
}

/// Calls of a sample, where a call takes `ms`.
pub(super) fn calls_for(ms: f64) -> usize {
    (SAMPLE_MS / ms).ceil().clamp(1.0, MOST_CALLS) as usize
}

/// Times a workload: at least 5 samples, more while `secs` last, 40 at most; training takes 5 long ones. Natively this blocks.
///
/// `keep_going` is asked between samples; where it says no, and keeps saying so, there is no row: few samples tell nothing.
///
/// # Errors
/// Where the workload does not fit the device, or the device fails.
pub async fn measure(workload: &Workload, device: &Device, secs: f64, keep_going: &mut dyn FnMut() -> bool) -> Result<Option<Row>, Error> {
    let begin = Instant::now();
    let (mut samples, mut work, one) = warm(workload, device, keep_going).await?;
    let training = matches!(work, Work::Training(_));
    if training {
        samples.calls = (secs * 1e3 / 5.0 / one).ceil().clamp(3.0, 1000.0) as usize;
    } else {
        samples.calls = calls_for(one);
        if keep_going() {
            sample(&mut work, samples.calls).await?;
        }
    }
    samples.warmup_ms = begin.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    while samples.all.len() < 5 || (!training && samples.all.len() < 40 && start.elapsed().as_secs_f64() < secs) {
        if !keep_going() {
            return Ok(None);
        }
        let (sample, loss) = sample(&mut work, samples.calls).await?;
        samples.all.push(sample);
        samples.loss = loss;
    }
    Ok(Some(samples.row(workload, device)))
}

impl Samples {
    /// The samples as a row.
    pub(super) fn row(&self, workload: &Workload, device: &Device) -> Row {
        let times: Vec<f64> = self.all.iter().map(|s| s.ms).collect();
        let cpu: Option<Vec<f64>> = self.all.iter().map(|s| s.cpu_ms).collect();
        let median_ms = median(&times);
        let (value, unit) = workload.rate.at(median_ms);
        let facts = device.runtime().facts();
        Row {
            peer: "wgrad",
            version: env!("CARGO_PKG_VERSION"),
            backend: facts.backend.clone(),
            adapter: facts.to_string(),
            workload: workload.name,
            shape: workload.shape.clone(),
            variant: None,
            median_ms,
            min_ms: times.iter().copied().fold(f64::INFINITY, f64::min),
            max_ms: times.iter().copied().fold(0.0, f64::max),
            cpu_ms: cpu.map(|cpu| median(&cpu)),
            gflops_or_samples_per_s: value,
            unit,
            steps_per_s: matches!(workload.rate, Rate::Samples(_)).then_some(1e3 / median_ms),
            cold_ms: self.cold_ms,
            warmup_ms: self.warmup_ms,
            samples: times.len(),
            calls_per_sample: self.calls,
            load1: load1(),
            loss: self.loss,
        }
    }
}

/// The middle value; the upper one of two.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 4.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_sample_lasts_long_enough_and_not_for_ever() {
        assert_eq!(calls_for(7.0), 5);
        assert_eq!(calls_for(100.0), 1);
        assert_eq!(calls_for(0.001), 256);
    }
}
