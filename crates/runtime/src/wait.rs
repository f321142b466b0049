//! Waiting for the device, always with a limit. Natively a wait blocks; in a browser it is a future.

use crate::state::lock;
use std::sync::{Arc, Mutex};
use std::task::Waker;

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed(String),
    #[cfg(target_arch = "wasm32")]
    TimedOut,
}

#[derive(Debug, Default)]
struct Inner {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

/// Set once by a callback of the device, awaited by one caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<Inner>>);

impl Signal {
    /// The first outcome stays.
    pub(crate) fn set(&self, outcome: Outcome) {
        let waker = {
            let mut inner = lock(&self.0);
            inner.outcome.get_or_insert(outcome);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether nothing has set it yet.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.0).outcome.is_none()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn get(&self) -> Option<Outcome> {
        lock(&self.0).outcome.clone()
    }
}

#[cfg(target_arch = "wasm32")]
impl Future for Signal {
    type Output = Outcome;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Outcome> {
        let mut inner = lock(&self.0);
        match &inner.outcome {
            Some(outcome) => std::task::Poll::Ready(outcome.clone()),
            None => {
                inner.waker = Some(cx.waker().clone());
                std::task::Poll::Pending
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Wait, now_ns, wait};

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    /// Nanoseconds since some moment.
    pub(crate) fn now_ns() -> f64 {
        static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);
        ZERO.elapsed().as_nanos() as f64
    }

    /// How a native wait ended.
    pub(crate) enum Wait {
        Done,
        TimedOut,
        /// wgpu panics where the device is lost inside of a wait.
        Panicked,
    }

    /// Blocks until a submission is finished and its callbacks have run.
    pub(crate) fn wait(device: &wgpu::Device, index: Option<wgpu::SubmissionIndex>, timeout: Duration) -> Wait {
        let poll = || device.poll(wgpu::PollType::Wait { submission_index: index, timeout: Some(timeout) });
        // wgpu 30 answers a loss that it finds in the middle of a wait by a panic. The device is not used
        // afterwards, so no broken state is seen: the caller finds it lost and returns that.
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Ok(_)) => Wait::Done,
            Ok(Err(wgpu::PollError::Timeout)) => Wait::TimedOut,
            // The submission was refused, so there is nothing to wait for; its error is in the state.
            Ok(Err(wgpu::PollError::WrongSubmissionIndex(..))) => Wait::Done,
            Err(_) => Wait::Panicked,
        }
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use web::{Timer, now_ns, pause};

#[cfg(target_arch = "wasm32")]
mod web {
    use super::{Outcome, Signal};
    use std::time::Duration;
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = setTimeout)]
        fn set_timeout(callback: &JsValue, milliseconds: f64) -> JsValue;
        #[wasm_bindgen(js_name = clearTimeout)]
        fn clear_timeout(id: &JsValue);
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn performance_now() -> f64;
    }

    /// Nanoseconds since some moment.
    pub(crate) fn now_ns() -> f64 {
        performance_now() * 1e6
    }

    /// Lets the browser work through its events for so long.
    pub(crate) async fn pause(time: Duration) {
        let signal = Signal::default();
        let _timer = Timer::start(&signal, time);
        signal.clone().await;
    }

    /// Ends a signal as timed out, unless dropped before. Works on pages and in workers.
    pub(crate) struct Timer {
        id: JsValue,
        // Held for as long as the browser may call it.
        _callback: Closure<dyn FnMut()>,
    }

    impl Timer {
        pub(crate) fn start(signal: &Signal, timeout: Duration) -> Self {
            let signal = signal.clone();
            let callback = Closure::<dyn FnMut()>::new(move || signal.set(Outcome::TimedOut));
            // Browsers hold the delay in 31 bits.
            let milliseconds = (timeout.as_millis() as f64).min(f64::from(i32::MAX));
            Self { id: set_timeout(callback.as_ref(), milliseconds), _callback: callback }
        }
    }

    impl Drop for Timer {
        fn drop(&mut self) {
            clear_timeout(&self.id);
        }
    }
}
