//! Feeds a set to the network in batches: shuffled by seed and epoch, made ahead on threads.
//!
//! While the device works on one batch, worker threads fill the next ones: thread k of n makes the batches k, k + n, k + 2n, … and each
//! holds back until its last one is taken, so that the order needs no sorting and the memory is bounded. What a batch holds is a pure
//! function of (seed, epoch, number), so the number of threads changes nothing, and a run that stops in mid epoch resumes at the very
//! next batch. In the browser, which has no threads here, batches are filled when they are asked for; the bytes are the same.
//!
//! ```
//! use std::sync::Arc;
//! use wgrad_nn::data::{Loader, LoaderOptions, digits::digits, idx::Split};
//!
//! let set = Arc::new(digits(Split::Train, 100, 1)?);
//! let loader = Loader::new(set, LoaderOptions { batch_size: 32, seed: 1, ..Default::default() });
//! for batch in loader.epoch(0) {
//!     assert_eq!(batch.x.len(), batch.len() * 784);
//! }
//! # Ok::<(), wgrad_nn::data::DataError>(())
//! ```

use super::augment::Draw;
use super::dataset::{BatchTargets, Dataset};
use super::rng::Rng;
use std::sync::{Arc, Mutex, PoisonError};

/// How batches are made.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// Samples a batch; 0 is read as 1.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own; `false`: the order of the set.
    pub shuffle: bool,
    /// Decides the orders.
    pub seed: u64,
    /// Whether a last batch of fewer samples is left out.
    pub drop_last: bool,
    /// Whether the set's random transforms are applied.
    pub augment: bool,
    /// Threads that make batches; 0: one where samples are only copied, otherwise one a core, eight at most.
    pub workers: usize,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch_size: 32, shuffle: true, seed: 0, drop_last: false, augment: true, workers: 0 }
    }
}

/// Some samples with their targets, ready for the device. Its buffers go back to the loader on drop.
#[derive(Debug)]
pub struct Batch {
    /// Inputs, shape `[len, input shape…]`.
    pub x: Vec<f32>,
    /// Targets, shape `[len]` for classes, `[len, target shape…]` for values.
    pub y: BatchTargets,
    /// Which samples of the set these are.
    pub indices: Vec<usize>,
    /// Number of the batch in its epoch, from 0.
    pub number: usize,
    home: Home,
}

/// Where buffers wait to be filled again.
type Home = Arc<Mutex<Vec<Buffers>>>;

impl Batch {
    /// Samples in the batch.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none; a loader gives no such batch.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let buffers = Buffers { x: std::mem::take(&mut self.x), y: std::mem::take(&mut self.y), indices: std::mem::take(&mut self.indices) };
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
    }
}

#[derive(Debug, Default)]
struct Buffers {
    x: Vec<f32>,
    y: BatchTargets,
    indices: Vec<usize>,
}

/// Makes batches of a set, epoch by epoch.
#[derive(Debug, Clone)]
pub struct Loader {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
}

impl Loader {
    /// A loader over `dataset`.
    pub fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Self {
        let batch_size = options.batch_size.max(1);
        Self { dataset, options: LoaderOptions { batch_size, ..options } }
    }

    /// The set.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// How batches are made.
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// Batches of one epoch.
    pub fn batches_per_epoch(&self) -> usize {
        let (samples, size) = (self.dataset.len(), self.options.batch_size);
        if self.options.drop_last { samples / size } else { samples.div_ceil(size) }
    }

    /// All batches of epoch number `epoch`.
    pub fn epoch(&self, epoch: u64) -> Batches {
        self.epoch_from(epoch, 0)
    }

    /// The batches of epoch number `epoch` from number `first` on, the same as those of the whole epoch:
    /// how a run goes on that stopped in mid epoch. None where `first` is past the last.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Batches {
        let order = if self.options.shuffle { epoch_order(self.dataset.len(), self.options.seed, epoch) } else { (0..self.dataset.len()).collect() };
        let last = self.batches_per_epoch();
        let first = first.min(last);
        let maker = Maker { dataset: self.dataset.clone(), order, options: self.options.clone(), epoch, last, home: Home::default() };
        Batches { remaining: last - first, source: Source::start(maker, first) }
    }
}

/// The order of `len` samples in epoch number `epoch`: a permutation, a pure function of its arguments.
pub fn epoch_order(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    Rng::new(seed, epoch).shuffle(&mut order);
    order
}

/// Fills the batches of an epoch.
struct Maker {
    dataset: Arc<Dataset>,
    order: Vec<usize>,
    options: LoaderOptions,
    epoch: u64,
    /// Number of batches.
    last: usize,
    home: Home,
}

impl Maker {
    /// Batch number `number`; `None` past the end.
    fn make(&self, number: usize) -> Option<Batch> {
        if number >= self.last {
            return None;
        }
        let free = self.home.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Buffers { mut x, mut y, mut indices } = free.unwrap_or_default();
        let start = number * self.options.batch_size;
        let end = (start + self.options.batch_size).min(self.order.len());
        indices.clear();
        indices.extend_from_slice(&self.order[start..end]);
        if self.options.augment {
            let draw = Draw { seed: self.options.seed, epoch: self.epoch, batch: number as u64 };
            self.dataset.fill_training(&indices, draw, &mut x, &mut y);
        } else {
            self.dataset.fill_batch(&indices, &mut x, &mut y);
        }
        Some(Batch { x, y, indices, number, home: self.home.clone() })
    }
}

/// The batches of an epoch, in order. Dropping it stops the workers.
pub struct Batches {
    source: Source,
    remaining: usize,
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let batch = self.source.next();
        self.remaining = self.remaining.saturating_sub(1);
        batch
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(not(target_arch = "wasm32"))]
use ahead::Source;

#[cfg(target_arch = "wasm32")]
use now::Source;

#[cfg(target_arch = "wasm32")]
mod now {
    use super::{Batch, Maker};

    pub(super) struct Source(Box<Maker>, usize);

    impl Source {
        pub(super) fn start(maker: Maker, first: usize) -> Self {
            Self(Box::new(maker), first)
        }

        pub(super) fn next(&mut self) -> Option<Batch> {
            let batch = self.0.make(self.1);
            self.1 += 1;
            batch
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod ahead {
    use super::{Batch, Maker};
    use crate::data::workers::workers;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread::{Builder, JoinHandle};

    /// Batches of one thread alone that wait for the device. One would do if all took alike; two ride out a slow one.
    const AHEAD: usize = 2;

    /// A thread and what it makes.
    struct Worker {
        ready: Option<Receiver<Batch>>,
        thread: Option<JoinHandle<()>>,
    }

    pub(super) struct Source {
        /// None where the system gives no thread: batches are then made when they are asked for.
        workers: Vec<Worker>,
        maker: Arc<Maker>,
        next: usize,
        first: usize,
    }

    impl Source {
        pub(super) fn start(maker: Maker, first: usize) -> Self {
            let wanted = match maker.options.workers {
                // Copying is quicker than handing over.
                0 if !maker.dataset.takes_work(maker.options.augment) => 1,
                wanted => workers(wanted),
            };
            let threads = wanted.clamp(1, (maker.last - first).max(1));
            let ahead = if threads == 1 { AHEAD } else { 1 };
            let maker = Arc::new(maker);
            let started: Option<Vec<Worker>> = (0..threads).map(|k| Worker::start(maker.clone(), first + k, threads, ahead)).collect();
            if started.is_none() {
                log::warn!("no threads for the loader; batches are made between the steps");
            }
            Source { workers: started.unwrap_or_default(), maker, next: first, first }
        }

        pub(super) fn next(&mut self) -> Option<Batch> {
            let number = self.next;
            self.next += 1;
            if self.workers.is_empty() {
                return self.maker.make(number);
            }
            let turn = (number - self.first) % self.workers.len();
            self.workers[turn].take()
        }
    }

    impl Worker {
        fn start(maker: Arc<Maker>, first: usize, stride: usize, ahead: usize) -> Option<Self> {
            let (send, ready) = sync_channel(ahead);
            let work = move || {
                for number in (first..).step_by(stride) {
                    let Some(batch) = maker.make(number) else { break };
                    if send.send(batch).is_err() {
                        break;
                    }
                }
            };
            let thread = Builder::new().name("wgrad-loader".to_owned()).spawn(work).ok()?;
            Some(Self { ready: Some(ready), thread: Some(thread) })
        }

        fn take(&mut self) -> Option<Batch> {
            let batch = self.ready.as_ref().and_then(|ready| ready.recv().ok());
            if batch.is_none() {
                // The end, or the thread's panic: which must not pass for a short epoch.
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
            }
            batch
        }
    }

    impl Drop for Worker {
        fn drop(&mut self) {
            // First the channel: a thread that waits for room in it sees that and ends.
            drop(self.ready.take());
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }
}
