//! What the machine says about time besides the clock on the wall: `None` where it does not tell, as in a browser.

#[cfg(not(target_arch = "wasm32"))]
pub(super) use native::{cpu_ms, load1};

#[cfg(not(target_arch = "wasm32"))]
mod native {
    /// Processor time of this process so far, summed over its threads, in ms: it hardly sees other users of the machine, and for
    /// software adapters it holds the kernels' work too.
    pub(crate) fn cpu_ms() -> Option<f64> {
        let mut ns = 0u64;
        for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
            // A thread may end between the listing and the reading.
            let Ok(text) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
            ns += text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok())?;
        }
        Some(ns as f64 / 1e6)
    }

    /// Processes that wanted to run over the last minute, on average.
    pub(crate) fn load1() -> Option<f64> {
        std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
    }
}

#[cfg(target_arch = "wasm32")]
pub(super) fn cpu_ms() -> Option<f64> {
    None
}

#[cfg(target_arch = "wasm32")]
pub(super) fn load1() -> Option<f64> {
    None
}
