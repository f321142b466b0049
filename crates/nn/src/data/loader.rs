//! Feeds a set to the network in batches: shuffled by seed and epoch, made ahead on a thread.
//!
//! While the device works on one batch, a worker thread fills the next two. The order of the samples is a
//! pure function of (seed, epoch), so a run that stops in mid epoch resumes at the very next batch. In the
//! browser, which has no threads here, batches are filled when they are asked for; the bytes are the same.
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

use super::dataset::{BatchTargets, Dataset};
use super::rng::Rng;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

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
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch_size: 32, shuffle: true, seed: 0, drop_last: false }
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
    home: Sender<Buffers>,
}

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
        // Where the epoch is over nobody wants them back: they are freed.
        let _ = self.home.send(buffers);
    }
}

#[derive(Default)]
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
        let (home, returned) = channel();
        let last = self.batches_per_epoch();
        let maker = Maker { dataset: self.dataset.clone(), order, batch_size: self.options.batch_size, next: first.min(last), last, home, returned };
        Batches { remaining: maker.last - maker.next, source: Source::start(maker) }
    }
}

/// The order of `len` samples in epoch number `epoch`: a permutation, a pure function of its arguments.
pub fn epoch_order(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    Rng::new(seed, epoch).shuffle(&mut order);
    order
}

/// Fills batches, one after another.
struct Maker {
    dataset: Arc<Dataset>,
    order: Vec<usize>,
    batch_size: usize,
    next: usize,
    last: usize,
    home: Sender<Buffers>,
    returned: Receiver<Buffers>,
}

impl Iterator for Maker {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.next == self.last {
            return None;
        }
        let Buffers { mut x, mut y, mut indices } = self.returned.try_recv().unwrap_or_default();
        let start = self.next * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        indices.clear();
        indices.extend_from_slice(&self.order[start..end]);
        self.dataset.fill_batch(&indices, &mut x, &mut y);
        self.next += 1;
        Some(Batch { x, y, indices, number: self.next - 1, home: self.home.clone() })
    }
}

/// The batches of an epoch, in order. Dropping it stops the worker.
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

    pub(super) struct Source(Box<Maker>);

    impl Source {
        pub(super) fn start(maker: Maker) -> Self {
            Self(Box::new(maker))
        }

        pub(super) fn next(&mut self) -> Option<Batch> {
            self.0.next()
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod ahead {
    use super::{Batch, Maker};
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::sync::{Arc, Mutex};
    use std::thread::{Builder, JoinHandle};

    /// Batches that wait for the device. One would do if all took alike; two ride out a slow one.
    const AHEAD: usize = 2;

    pub(super) enum Source {
        Thread {
            ready: Option<Receiver<Batch>>,
            worker: Option<JoinHandle<()>>,
        },
        /// Where the system gives no thread, batches are made when they are asked for.
        Here(Arc<Mutex<Maker>>),
    }

    impl Source {
        pub(super) fn start(maker: Maker) -> Self {
            let (send, ready) = sync_channel(AHEAD);
            let maker = Arc::new(Mutex::new(maker));
            let theirs = maker.clone();
            let work = move || {
                while let Some(batch) = take(&theirs) {
                    if send.send(batch).is_err() {
                        break;
                    }
                }
            };
            match Builder::new().name("wgrad-loader".to_owned()).spawn(work) {
                Ok(worker) => Source::Thread { ready: Some(ready), worker: Some(worker) },
                Err(error) => {
                    log::warn!("no thread for the loader ({error}); batches are made between the steps");
                    Source::Here(maker)
                }
            }
        }

        pub(super) fn next(&mut self) -> Option<Batch> {
            match self {
                Source::Here(maker) => take(maker),
                Source::Thread { ready, worker } => {
                    let batch = ready.as_ref().and_then(|ready| ready.recv().ok());
                    if batch.is_none() {
                        // The end, or the worker's panic: which must not pass for a short epoch.
                        if let Some(Err(panic)) = worker.take().map(JoinHandle::join) {
                            std::panic::resume_unwind(panic);
                        }
                    }
                    batch
                }
            }
        }
    }

    impl Drop for Source {
        fn drop(&mut self) {
            if let Source::Thread { ready, worker } = self {
                // First the channel: a worker that waits for room in it sees that and ends.
                drop(ready.take());
                if let Some(worker) = worker.take() {
                    let _ = worker.join();
                }
            }
        }
    }

    fn take(maker: &Mutex<Maker>) -> Option<Batch> {
        maker.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
    }
}
