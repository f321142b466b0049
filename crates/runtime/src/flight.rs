//! Submissions that are not finished yet.

use crate::state::lock;
use crate::wait::{Outcome, Signal};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
pub(crate) struct Flight {
    recent: Mutex<Recent>,
    done: Arc<Done>,
}

#[derive(Debug, Default)]
struct Recent {
    submitted: u64,
    /// Submissions that may be unfinished, oldest first.
    indices: VecDeque<(u64, wgpu::SubmissionIndex)>,
}

#[derive(Debug, Default)]
struct Done {
    /// Submissions are finished in order: all up to this one are.
    number: AtomicU64,
    waiters: Mutex<Vec<(u64, Signal)>>,
}

impl Done {
    fn finish(&self, number: u64) {
        self.number.fetch_max(number, Ordering::AcqRel);
        let mut waiters = lock(&self.waiters);
        let ready: Vec<Signal> = waiters.extract_if(.., |(wanted, _)| *wanted <= number).map(|(_, s)| s).collect();
        drop(waiters);
        for signal in ready {
            signal.set(Outcome::Done);
        }
    }
}

/// One that must be waited for.
pub(crate) struct Pending {
    pub(crate) number: u64,
    /// Natively a submission is awaited by its index.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) index: Option<wgpu::SubmissionIndex>,
    /// In a browser by a signal.
    #[cfg(target_arch = "wasm32")]
    pub(crate) signal: Signal,
}

impl Flight {
    pub(crate) fn submit(&self, queue: &wgpu::Queue, commands: wgpu::CommandBuffer) -> wgpu::SubmissionIndex {
        let mut recent = lock(&self.recent);
        let index = queue.submit([commands]);
        recent.submitted += 1;
        let number = recent.submitted;
        let done = self.done.clone();
        queue.on_submitted_work_done(move || done.finish(number));
        let finished = self.done.number.load(Ordering::Acquire);
        while recent.indices.front().is_some_and(|(oldest, _)| *oldest <= finished) {
            recent.indices.pop_front();
        }
        recent.indices.push_back((number, index.clone()));
        index
    }

    pub(crate) fn unfinished(&self) -> usize {
        let submitted = lock(&self.recent).submitted;
        submitted.saturating_sub(self.done.number.load(Ordering::Acquire)) as usize
    }

    /// The newest submission that must be finished so that at most `max` are not.
    pub(crate) fn over(&self, max: usize) -> Option<Pending> {
        let recent = lock(&self.recent);
        let number = recent.submitted.saturating_sub(max as u64);
        if number <= self.done.number.load(Ordering::Acquire) {
            return None;
        }
        #[cfg(not(target_arch = "wasm32"))]
        return {
            let index = recent.indices.iter().find(|(n, _)| *n == number).map(|(_, index)| index.clone());
            Some(Pending { number, index })
        };
        #[cfg(target_arch = "wasm32")]
        {
            drop(recent);
            let signal = Signal::default();
            lock(&self.done.waiters).push((number, signal.clone()));
            // It may have been finished between the two looks.
            if number <= self.done.number.load(Ordering::Acquire) {
                self.done.finish(number);
            }
            Some(Pending { number, signal })
        }
    }
}
