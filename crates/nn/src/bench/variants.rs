//! Every variant of an op side by side, in turns, with a control that must not move.

use super::measure::{Samples, calls_for, sample, warm};
use super::{Row, Subject, Work, Workload, ops};
use crate::Error;
use web_time::Instant;
use wgrad_tensor::Device;
use wgrad_tensor::kernels::{Lowering, Operand};

/// A variant this slow is timed once: nobody will choose it.
const SLOW_MS: f64 = 3_000.0;

impl Subject {
    /// The variants that can run on this device, the chosen one first; fewer than two where there is nothing to compare.
    pub(super) fn variants(&self, device: &Device) -> Result<Vec<&'static str>, Error> {
        let kernel = self.op.kernel();
        let outputs = kernel.infer(&self.inputs)?;
        let operands: Vec<Operand> = self.inputs.iter().map(Operand::contiguous).collect();
        Ok(kernel.variants(&Lowering::new(&operands, &outputs, device.caps())))
    }
}

struct Racer {
    samples: Samples,
    work: Work,
    slow: bool,
}

/// Times all variants of a workload in turns, so that whatever else the machine does meets them alike, and a plain copy as
/// control; its row comes last. No rows where the workload has no variants. Natively this blocks.
///
/// # Errors
/// Where the workload does not fit the device, or the device fails.
pub async fn measure_variants(workload: &Workload, device: &Device, secs: f64, progress: &mut dyn FnMut(&str)) -> Result<Vec<Row>, Error> {
    let Some(subject) = &workload.subject else { return Ok(Vec::new()) };
    let names = subject.variants(device)?;
    if names.len() < 2 {
        return Ok(Vec::new());
    }
    let control = ops::control();
    let mut racers = Vec::new();
    for &name in &names {
        progress(name);
        device.force_variants(&[(subject.op.kernel().name(), name)]);
        let racer = Racer::start(workload, device).await;
        device.force_variants(&[]);
        racers.push(racer?);
    }
    racers.push(Racer::start(&control, device).await?);
    progress("in turns");
    let start = Instant::now();
    let rounds = |done: usize| done < 5 || (done < 40 && start.elapsed().as_secs_f64() < secs * names.len() as f64);
    let mut done = 0;
    while rounds(done) {
        for racer in racers.iter_mut().filter(|r| !r.slow || done == 0) {
            let (sample, _) = sample(&mut racer.work, racer.samples.calls).await?;
            racer.samples.all.push(sample);
        }
        done += 1;
    }
    let variants = racers.iter().zip(&names).map(|(racer, name)| Row { variant: Some((*name).to_owned()), ..racer.samples.row(workload, device) });
    let mut rows: Vec<Row> = variants.collect();
    rows.extend(racers.last().map(|racer| Row { variant: Some("(control)".to_owned()), ..racer.samples.row(&control, device) }));
    Ok(rows)
}

impl Racer {
    async fn start(workload: &Workload, device: &Device) -> Result<Self, Error> {
        let begin = Instant::now();
        let (mut samples, mut work, one) = warm(workload, device, &mut || true).await?;
        samples.calls = calls_for(one);
        if one < SLOW_MS {
            sample(&mut work, samples.calls).await?;
        }
        samples.warmup_ms = begin.elapsed().as_secs_f64() * 1e3;
        Ok(Self { samples, work, slow: one >= SLOW_MS })
    }
}
