//! What the device's callbacks report: one state, which the next submit or read returns.

use crate::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks whether or not a thread panicked while it held the lock: all states here are valid between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Failures {
    /// A lost device stays lost.
    lost: Option<Error>,
    /// Any other error is returned once.
    pending: Option<Error>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    step: AtomicU64,
    /// Whether `failures` holds anything: the hot path reads only this.
    failed: AtomicBool,
    failures: Mutex<Failures>,
    /// Waits that a loss ends: a browser may never answer them.
    #[cfg(target_arch = "wasm32")]
    waiting: Mutex<Vec<crate::wait::Signal>>,
}

impl State {
    pub(crate) fn step(&self) -> u64 {
        self.step.load(Ordering::Relaxed)
    }

    pub(crate) fn set_step(&self, step: u64) {
        self.step.store(step, Ordering::Relaxed);
    }

    pub(crate) fn lose(&self, reason: &str) {
        let reason = if reason.is_empty() { "destroyed".to_owned() } else { reason.to_owned() };
        let mut failures = lock(&self.failures);
        // The first reason is the cause; what follows from it is not.
        if failures.lost.is_none() {
            log::error!("device lost at step {}: {reason}", self.step());
            failures.lost = Some(Error::DeviceLost { step: self.step(), reason });
        }
        self.failed.store(true, Ordering::Release);
        drop(failures);
        #[cfg(target_arch = "wasm32")]
        for signal in std::mem::take(&mut *lock(&self.waiting)) {
            signal.set(crate::wait::Outcome::Failed("the device was lost".to_owned()));
        }
    }

    /// Ends a wait where the device is lost, or was already.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn watch(&self, signal: &crate::wait::Signal) {
        if lock(&self.failures).lost.is_some() {
            return signal.set(crate::wait::Outcome::Failed("the device was lost".to_owned()));
        }
        let mut waiting = lock(&self.waiting);
        waiting.retain(crate::wait::Signal::is_open);
        waiting.push(signal.clone());
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn lost(&self) -> bool {
        lock(&self.failures).lost.is_some()
    }

    pub(crate) fn report(&self, error: wgpu::Error) {
        let step = self.step();
        let error = match error {
            wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { step, what: "a command or buffer".to_owned() },
            other => Error::Validation { step, message: other.to_string() },
        };
        log::error!("{error}");
        let mut failures = lock(&self.failures);
        failures.pending.get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    /// The error that a callback left, if any. A lost device answers every call, another error only the first.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut failures = lock(&self.failures);
        if let Some(lost) = &failures.lost {
            return Err(lost.clone());
        }
        self.failed.store(false, Ordering::Release);
        failures.pending.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_names_the_step_of_the_loss_and_stays() {
        let state = State::default();
        state.set_step(41);
        state.lose("unplugged");
        state.set_step(42);
        state.lose("later");
        for _ in 0..2 {
            assert_eq!(state.check(), Err(Error::DeviceLost { step: 41, reason: "unplugged".to_owned() }));
        }
    }

    #[test]
    fn another_error_is_returned_once_and_the_first_wins() {
        let state = State::default();
        let error = |text: &str| wgpu::Error::Validation { source: text.into(), description: text.to_owned() };
        state.set_step(7);
        state.report(error("first"));
        state.report(error("second"));
        assert_eq!(state.check(), Err(Error::Validation { step: 7, message: "first".to_owned() }));
        assert_eq!(state.check(), Ok(()));
    }
}
