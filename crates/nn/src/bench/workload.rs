//! What is timed.

use crate::{Error, OptimizerState};
use wgrad_tensor::{Device, Step, Tensor, TensorType, kernels::Op};

/// What a call is worth.
#[derive(Debug, Clone, Copy)]
pub enum Rate {
    /// Floating-point operations.
    Flop(f64),
    /// Bytes read and written at least.
    Bytes(f64),
    /// Samples trained on.
    Samples(f64),
}

impl Rate {
    /// The value at `ms` a call, and its unit.
    pub fn at(self, ms: f64) -> (f64, &'static str) {
        match self {
            Rate::Flop(n) => (n / ms / 1e6, "GFLOP/s"),
            Rate::Bytes(n) => (n / ms / 1e6, "GB/s"),
            Rate::Samples(n) => (n / ms * 1e3, "samples/s"),
        }
    }
}

/// The op that a workload consists of, where it is one op that may have variants.
#[derive(Debug)]
pub struct Subject {
    /// The op.
    pub op: Op,
    /// The types of its inputs.
    pub inputs: Vec<TensorType>,
}

/// Makes the work on a device: inputs in its memory, the step compiled.
pub type Build = Box<dyn Fn(&Device) -> Result<Work, Error>>;

/// A row of the bench.
pub struct Workload {
    /// One name a kind of work, the same as in other projects' benches.
    pub name: &'static str,
    /// Its size.
    pub shape: String,
    /// What a call is worth.
    pub rate: Rate,
    /// The op that may have variants.
    pub subject: Option<Subject>,
    /// Makes the work.
    pub build: Build,
}

impl Workload {
    /// A workload whose call runs a step that `build` makes.
    pub(super) fn step(name: &'static str, shape: &str, rate: Rate, build: impl Fn(&Device) -> Result<Step, Error> + 'static) -> Self {
        let build: Build = Box::new(move |device| build(device).map(Work::Calls));
        Self { name, shape: shape.to_owned(), rate, subject: None, build }
    }

    /// Name and shape, as filters and people see them.
    pub fn id(&self) -> String {
        format!("{} {}", self.name, self.shape)
    }

    /// Whether `filter`, substrings of "name shape" with commas between them, names this workload; an empty one names all.
    pub fn wanted(&self, filter: &str) -> bool {
        let id = self.id();
        let mut wishes = filter.split(',').map(str::trim).filter(|w| !w.is_empty()).peekable();
        wishes.peek().is_none() || wishes.any(|w| id.contains(w))
    }
}

/// Work that is ready to run.
pub enum Work {
    /// Results stay on the device.
    Calls(Step),
    /// Training steps on one batch that lies on the device.
    Training(Training),
}

/// A training step that is run over and over.
pub struct Training {
    pub(super) step: Step,
    pub(super) optimizer: OptimizerState,
    /// Steps done.
    pub(super) done: u64,
}

/// Steps that may wait on the device while the host prepares the next, as in training.
const IN_FLIGHT: usize = 3;

impl Work {
    /// Runs `calls` calls and waits for them. Training reads the loss of the last one, once, and returns it.
    pub(super) async fn block(&mut self, calls: usize) -> Result<Option<f32>, Error> {
        match self {
            Work::Calls(step) => {
                for _ in 0..calls {
                    step.run()?;
                }
                step.device().runtime().sync().await?;
                Ok(None)
            }
            Work::Training(training) => training.block(calls).await,
        }
    }

    /// The step, for its profile.
    pub fn step(&self) -> &Step {
        match self {
            Work::Calls(step) => step,
            Work::Training(training) => &training.step,
        }
    }
}

impl Training {
    async fn block(&mut self, steps: usize) -> Result<Option<f32>, Error> {
        let rate = self.optimizer.optimizer().learning_rate();
        let runtime = self.step.device().runtime().clone();
        let mut loss = None;
        for left in (0..steps).rev() {
            self.done += 1;
            self.optimizer.prepare(rate, self.done)?;
            if left > 0 {
                self.step.run()?;
                runtime.throttle(IN_FLIGHT).await?;
            } else {
                let data = self.step.run_and_read()?.wait().await?;
                loss = data.first().map(|d| d.f32s()).transpose()?.and_then(|v| v.first().copied());
            }
        }
        runtime.sync().await?;
        Ok(loss)
    }
}

/// f32 values in [low, high) on the device, the same for a stream on every run.
pub(super) fn uniform(device: &Device, shape: &[usize], low: f32, high: f32, stream: u64) -> Result<Tensor, Error> {
    let mut rng = crate::data::rng::Rng::new(42, stream);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.range(low, high)).collect();
    Ok(Tensor::from_f32(device, shape, &values)?)
}

/// Classes below `classes` on the device, the same for a stream on every run.
pub(super) fn classes(device: &Device, shape: &[usize], classes: u64, stream: u64) -> Result<Tensor, Error> {
    let mut rng = crate::data::rng::Rng::new(42, stream);
    let values: Vec<i32> = (0..shape.iter().product()).map(|_| rng.below(classes) as i32).collect();
    Ok(Tensor::from_i32(device, shape, &values)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_substrings_of_name_and_shape() {
        let all = crate::bench::workloads();
        let names = |filter: &str| all.iter().filter(|w| w.wanted(filter)).map(Workload::id).collect::<Vec<_>>();
        assert_eq!(names("").len(), all.len());
        assert_eq!(names("copy"), ["copy 16M"]);
        assert_eq!(names("matmul 1024,softmax"), ["matmul 1024x1024x1024", "softmax 4096x1024"]);
        assert_eq!(names("nothing"), [""; 0]);
    }

    #[test]
    fn rates_are_per_second() {
        assert_eq!(Rate::Flop(2e9).at(1000.0), (2.0, "GFLOP/s"));
        assert_eq!(Rate::Bytes(4e9).at(2000.0), (2.0, "GB/s"));
        assert_eq!(Rate::Samples(32.0).at(2.0), (16_000.0, "samples/s"));
    }
}
