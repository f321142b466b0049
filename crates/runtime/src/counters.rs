//! What the runtime did, counted.

use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A reading of a device's counters. All but the three of bytes only ever grow.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
        pub struct Counters { $($(#[$doc])* pub $name: u64),* }

        /// The live counters, shared by all that belongs to a device.
        #[derive(Debug, Default)]
        pub(crate) struct Stats { $(pub(crate) $name: AtomicU64),* }

        impl Stats {
            pub(crate) fn read(&self) -> Counters {
                Counters { $($name: self.$name.load(Relaxed)),* }
            }
        }

        impl fmt::Display for Counters {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:<20} {}", stringify!($name), self.$name)?;)*
                Ok(())
            }
        }
    };
}

counters! {
    /// Command buffers handed to the queue.
    submits,
    /// Compute passes recorded.
    passes,
    /// Dispatches recorded.
    dispatches,
    /// Copies between buffers recorded by an executable.
    copies,
    /// Readbacks begun.
    readbacks,
    /// Host writes to buffers.
    writes,
    /// Buffers made by the API, of every kind. Buffers taken from the pool do not count.
    buffers_created,
    /// Buffers served from the pool.
    buffers_reused,
    /// Bytes of all buffers that exist now, pooled ones included, as asked of the API.
    bytes_allocated,
    /// Bytes of the buffers that somebody holds now.
    bytes_in_use,
    /// The highest `bytes_allocated` so far.
    bytes_peak,
    /// Bind groups made.
    bind_groups_created,
    /// Pipelines compiled.
    pipelines_compiled,
    /// Pipelines found in the device's cache.
    pipelines_reused,
}

impl Stats {
    pub(crate) fn count(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }

    pub(crate) fn created(&self, bytes: u64) {
        Self::count(&self.buffers_created, 1);
        let now = self.bytes_allocated.fetch_add(bytes, Relaxed) + bytes;
        self.bytes_peak.fetch_max(now, Relaxed);
    }

    pub(crate) fn destroyed(&self, bytes: u64) {
        self.bytes_allocated.fetch_sub(bytes, Relaxed);
    }
}
