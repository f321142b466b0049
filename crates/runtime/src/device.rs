//! A device: buffers, writes, reads, compilation, and the limits on all waits.

use crate::counters::Stats;
use crate::facts::wanted_features;
use crate::flight::Flight;
use crate::pipeline::Pipelines;
use crate::pool::{Pool, padded};
use crate::readback::Staged;
use crate::state::State;
use crate::{AdapterFacts, Buffer, Counters, Error, Executable, Recording, Select};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use wgrad_kernels::Caps;

/// Longest wait for a GPU. A hung driver resets itself long before.
const TIMEOUT_GPU: Duration = Duration::from_secs(120);
/// Longest wait for a software adapter, which may really work for minutes.
const TIMEOUT_SOFTWARE: Duration = Duration::from_secs(600);

/// How to open a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which adapter.
    pub select: Select,
    /// Where compiled pipelines are kept between runs, on adapters that can.
    pub pipeline_cache: PipelineCache,
    /// Whether shaders check bounds and loops and workgroup memory starts as zeros. Unset: in debug builds only.
    pub checked: Option<bool>,
    /// What the caller knows of the adapter and its API does not tell: a browser's own words for it.
    pub known: Option<Known>,
}

/// An adapter in a browser's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Whether it is the processor itself, for which other kernels are chosen.
    pub software: bool,
}

/// Where compiled pipelines are kept between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PipelineCache {
    /// In the user's cache folder.
    #[default]
    User,
    /// Nowhere.
    Off,
    /// In this folder.
    At(std::path::PathBuf),
}

/// A device. Clones share it.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) wgpu: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) state: Arc<State>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) storage: Arc<Pool>,
    pub(crate) staging: Arc<Pool>,
    pub(crate) uniform: Arc<Pool>,
    pub(crate) resolve: Arc<Pool>,
    pub(crate) pipelines: Pipelines,
    pub(crate) flight: Flight,
    facts: AdapterFacts,
    timeout_ms: AtomicU64,
}

impl Device {
    /// Opens an adapter with all its limits. `WGPU_BACKEND` (`vulkan`, `metal`, `dx12`) narrows the search.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::UnknownAdapter`] or [`Error::Open`].
    pub async fn open(select: &Select) -> Result<Self, Error> {
        Self::open_with(&Options { select: select.clone(), ..Options::default() }).await
    }

    /// As [`open`](Self::open), blocking.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_blocking(select: &Select) -> Result<Self, Error> {
        pollster::block_on(Self::open(select))
    }

    /// As [`open`](Self::open), with more to say.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_with(options: &Options) -> Result<Self, Error> {
        let (adapter, mut facts) = crate::adapters::find(&options.select).await?;
        if let Some(known) = &options.known {
            facts.tell(known);
        }
        log::info!("adapter {facts}; {}", facts.reason);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wgrad"),
            required_features: adapter.features() & wanted_features(),
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (wgpu, queue) = opened.map_err(|error| Error::Open { adapter: facts.to_string(), message: error.to_string() })?;
        let state = Arc::new(State::default());
        let reported = state.clone();
        wgpu.on_uncaptured_error(Arc::new(move |error| reported.report(error)));
        let lost = state.clone();
        wgpu.set_device_lost_callback(move |_, reason| lost.lose(&reason));
        Ok(Self(Arc::new(Inner::new(wgpu, queue, state, facts, options))))
    }

    /// All adapters, in the order of their numbers.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn adapters() -> Vec<AdapterFacts> {
        pollster::block_on(crate::adapters::all()).into_iter().map(|(_, facts)| facts).collect()
    }

    /// What it can do, for the choice of kernels.
    pub fn caps(&self) -> &Caps {
        &self.0.facts.caps
    }

    /// The adapter.
    pub fn facts(&self) -> &AdapterFacts {
        &self.0.facts
    }

    /// A storage buffer of `bytes`, at least 16 and rounded up to 16, from the pool where one fits. What it holds
    /// is undefined.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`], [`Error::OutOfMemory`], or what the callbacks reported.
    pub fn alloc(&self, bytes: u64, label: &str) -> Result<Buffer, Error> {
        self.0.state.check()?;
        let wanted = padded(bytes);
        let caps = self.caps();
        for (what, limit) in [("bytes of one storage binding", caps.max_binding_bytes), ("bytes of one buffer", caps.max_buffer_bytes)] {
            if wanted > limit {
                return Err(Error::LimitExceeded { label: label.to_owned(), what, wanted, limit });
            }
        }
        self.0.storage.take(wanted, label)
    }

    /// Writes bytes from `offset`, a multiple of 4, before the next submit runs. Where the bytes are no whole
    /// number of words, the last word is filled with zeros.
    ///
    /// # Errors
    /// [`Error::Range`], or what the callbacks reported.
    pub fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.0.state.check()?;
        let len = bytes.len() as u64;
        let out = |rule| Error::Range { label: buffer.id().to_string(), offset, len, bytes: buffer.bytes(), rule };
        if !offset.is_multiple_of(4) {
            return Err(out("a write must start at a multiple of 4"));
        }
        if offset.checked_add(len).is_none_or(|end| end > buffer.bytes()) {
            return Err(out("a write must lie inside of the buffer"));
        }
        let (words, rest) = bytes.split_at(bytes.len() & !3);
        if !words.is_empty() {
            self.0.queue.write_buffer(buffer.wgpu(), offset, words);
        }
        if !rest.is_empty() {
            let mut word = [0; 4];
            word[..rest.len()].copy_from_slice(rest);
            self.0.queue.write_buffer(buffer.wgpu(), offset + words.len() as u64, &word);
        }
        Stats::count(&self.0.stats.writes, 1);
        self.0.state.check()
    }

    /// Reads byte ranges `(buffer, offset, length)` in one submit, after all that was submitted before.
    /// Natively this blocks.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::Timeout`], [`Error::Readback`], or what the callbacks reported.
    pub async fn read(&self, ranges: &[(&Buffer, u64, u64)]) -> Result<Vec<Vec<u8>>, Error> {
        self.start_read(ranges)?.wait().await
    }

    /// As [`read`](Self::read), blocking.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read_blocking(&self, ranges: &[(&Buffer, u64, u64)]) -> Result<Vec<Vec<u8>>, Error> {
        self.start_read(ranges)?.wait_blocking()
    }

    fn start_read(&self, ranges: &[(&Buffer, u64, u64)]) -> Result<crate::Readback, Error> {
        self.0.state.check()?;
        let mut encoder = self.0.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read") });
        let staged = Staged::record(self, &mut encoder, ranges.iter().copied())?;
        let index = self.0.submit(encoder.finish())?;
        Ok(staged.submitted(self, index))
    }

    /// Makes all that a recording needs: plan, slots, uniforms, pipelines.
    ///
    /// # Errors
    /// Those of [`Plan::new`](crate::Plan::new) and [`alloc`](Self::alloc); [`Error::Shader`].
    pub fn compile(&self, recording: Recording) -> Result<Executable, Error> {
        Executable::new(self, &recording)
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.0.stats.read()
    }

    /// Frees the pool's unused buffers.
    pub fn trim(&self) {
        for pool in [&self.0.storage, &self.0.staging, &self.0.uniform, &self.0.resolve] {
            pool.trim();
        }
    }

    /// Submissions that the device has not reported finished. It reports at submits and waits only.
    pub fn in_flight(&self) -> usize {
        self.0.flight.unfinished()
    }

    /// Waits until at most `max` submissions are unfinished, so that the host does not run far ahead of the
    /// device. Natively this blocks.
    ///
    /// # Errors
    /// [`Error::Timeout`], or what the callbacks reported.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn throttle(&self, max: usize) -> Result<(), Error> {
        self.throttle_blocking(max)
    }

    /// As [`throttle`](Self::throttle), blocking.
    ///
    /// # Errors
    /// Those of [`throttle`](Self::throttle).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn throttle_blocking(&self, max: usize) -> Result<(), Error> {
        match self.0.flight.over(max) {
            Some(pending) => self.0.wait_for(pending.index, &format!("submission {}", pending.number)),
            None => self.0.state.check(),
        }
    }

    /// Waits until at most `max` submissions are unfinished, so that the host does not run far ahead of the
    /// device.
    ///
    /// # Errors
    /// [`Error::Timeout`], or what the callbacks reported.
    #[cfg(target_arch = "wasm32")]
    pub async fn throttle(&self, max: usize) -> Result<(), Error> {
        self.0.state.check()?;
        if let Some(pending) = self.0.flight.over(max) {
            self.0.state.watch(&pending.signal);
            let timer = crate::wait::Timer::start(&pending.signal, self.0.timeout());
            let outcome = pending.signal.await;
            drop(timer);
            if outcome == crate::wait::Outcome::TimedOut {
                return Err(self.0.timed_out(&format!("submission {}", pending.number)));
            }
        }
        self.0.state.check()
    }

    /// Waits for all that was submitted. Natively this blocks.
    ///
    /// # Errors
    /// Those of [`throttle`](Self::throttle).
    pub async fn sync(&self) -> Result<(), Error> {
        self.throttle(0).await
    }

    /// As [`sync`](Self::sync), blocking.
    ///
    /// # Errors
    /// Those of [`throttle`](Self::throttle).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn sync_blocking(&self) -> Result<(), Error> {
        self.throttle_blocking(0)
    }

    /// The step that errors from now on name.
    pub fn set_step(&self, step: u64) {
        self.0.state.set_step(step);
    }

    /// The longest that any wait may take; by default 120 s, on software adapters 600 s.
    pub fn set_timeout(&self, timeout: Duration) {
        self.0.timeout_ms.store(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Lets other work run for so long: a browser's events, where a thread may not sleep.
    pub async fn pause(time: Duration) {
        #[cfg(target_arch = "wasm32")]
        crate::wait::pause(time).await;
        #[cfg(not(target_arch = "wasm32"))]
        std::thread::sleep(time);
    }

    /// Loses the device on purpose, for tests of what follows: every later call returns
    /// [`Error::DeviceLost`].
    pub fn lose(&self) {
        self.0.wgpu.destroy();
        // The API tells of it only when its queue is empty; natively a wait sees to that.
        #[cfg(not(target_arch = "wasm32"))]
        crate::wait::wait(&self.0.wgpu, None, self.0.timeout());
        self.0.state.lose("destroyed by its owner");
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    fn new(wgpu: wgpu::Device, queue: wgpu::Queue, state: Arc<State>, facts: AdapterFacts, options: &Options) -> Self {
        use wgpu::BufferUsages as Usage;
        let stats = Arc::new(Stats::default());
        let pool = |usage| Pool::new(wgpu.clone(), usage, state.clone(), stats.clone());
        let storage = pool(Usage::STORAGE | Usage::UNIFORM | Usage::COPY_SRC | Usage::COPY_DST);
        let staging = pool(Usage::MAP_READ | Usage::COPY_DST);
        let uniform = pool(Usage::UNIFORM | Usage::COPY_DST);
        let resolve = pool(Usage::QUERY_RESOLVE | Usage::COPY_SRC);
        let checked = options.checked.unwrap_or(cfg!(debug_assertions));
        let pipelines = Pipelines::new(wgpu.clone(), checked, state.clone(), stats.clone());
        #[cfg(not(target_arch = "wasm32"))]
        let pipelines = match &options.pipeline_cache {
            PipelineCache::Off => pipelines,
            PipelineCache::At(folder) => pipelines.with_disk(folder),
            PipelineCache::User => match crate::disk::user_folder() {
                Some(folder) => pipelines.with_disk(&folder),
                None => pipelines,
            },
        };
        let timeout = if facts.caps.software { TIMEOUT_SOFTWARE } else { TIMEOUT_GPU };
        let timeout_ms = AtomicU64::new(timeout.as_millis() as u64);
        let flight = Flight::default();
        Self { wgpu, queue, state, stats, storage, staging, uniform, resolve, pipelines, flight, facts, timeout_ms }
    }

    /// Submits; an error that the submit caused is returned here and not at the next call.
    pub(crate) fn submit(&self, commands: wgpu::CommandBuffer) -> Result<wgpu::SubmissionIndex, Error> {
        let index = self.flight.submit(&self.queue, commands);
        Stats::count(&self.stats.submits, 1);
        self.state.check()?;
        Ok(index)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.load(Relaxed))
    }

    pub(crate) fn timed_out(&self, what: &str) -> Error {
        Error::Timeout { what: what.to_owned(), seconds: self.timeout().as_secs_f64(), step: self.state.step() }
    }

    /// Blocks until a submission, or all, is finished.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait_for(&self, index: Option<wgpu::SubmissionIndex>, what: &str) -> Result<(), Error> {
        use crate::wait::{Wait, wait};
        self.state.check()?;
        match wait(&self.wgpu, index, self.timeout()) {
            Wait::Done => {}
            Wait::TimedOut => return Err(self.timed_out(what)),
            Wait::Panicked => self.state.lose("the driver failed during a wait"),
        }
        self.state.check()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.0.facts)
    }
}
