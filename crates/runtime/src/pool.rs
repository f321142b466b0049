//! Buffers, given back to a pool when nobody holds them.

use crate::counters::Stats;
use crate::state::lock;
use crate::{Error, state::State};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Free bytes that are kept in any case; beyond it no more is kept than is in use.
const KEPT: u64 = 64 << 20;

/// Bytes of a storage buffer as they are bound: a whole number of `vec4<f32>`, at least one.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.max(1).checked_next_multiple_of(16).unwrap_or(u64::MAX)
}

/// A buffer of the API. Its memory is freed when this is dropped, whoever still has it in a bind group.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) buffer: wgpu::Buffer,
    id: u64,
    stats: Arc<Stats>,
}

impl Raw {
    fn bytes(&self) -> u64 {
        self.buffer.size()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stats.destroyed(self.bytes());
        // Work in flight is waited for by the API. Cached bind groups would otherwise keep the memory.
        self.buffer.destroy();
    }
}

/// Buffers of one usage, and those that are free.
#[derive(Debug)]
pub(crate) struct Pool {
    device: wgpu::Device,
    usage: wgpu::BufferUsages,
    state: Arc<State>,
    stats: Arc<Stats>,
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    /// In the order of their return.
    buffers: VecDeque<Raw>,
    bytes: u64,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Pool {
    pub(crate) fn new(device: wgpu::Device, usage: wgpu::BufferUsages, state: Arc<State>, stats: Arc<Stats>) -> Arc<Self> {
        Arc::new(Self { device, usage, state, stats, free: Mutex::default() })
    }

    /// A buffer of at least `bytes`; what it holds is undefined.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64, label: &str) -> Result<Buffer, Error> {
        let raw = match self.reuse(bytes) {
            Some(raw) => {
                Stats::count(&self.stats.buffers_reused, 1);
                raw
            }
            None => self.create(bytes, label)?,
        };
        Stats::count(&self.stats.bytes_in_use, raw.bytes());
        Ok(Buffer(Arc::new(Lease { raw: Some(raw), bytes, broken: AtomicBool::new(false), pool: self.clone() })))
    }

    /// The smallest free buffer that fits and wastes no more than a sixteenth, so that plans tell what is allocated.
    fn reuse(&self, bytes: u64) -> Option<Raw> {
        let mut free = lock(&self.free);
        let fits = bytes..=bytes.saturating_add(bytes / 16);
        let sizes = free.buffers.iter().enumerate().filter(|(_, raw)| fits.contains(&raw.bytes()));
        let (position, _) = sizes.min_by_key(|(_, raw)| raw.bytes())?;
        let raw = free.buffers.remove(position)?;
        free.bytes -= raw.bytes();
        Some(raw)
    }

    fn create(&self, bytes: u64, label: &str) -> Result<Raw, Error> {
        if let Some(buffer) = self.try_create(bytes, label) {
            return Ok(buffer);
        }
        // What the pool keeps may be what is missing.
        self.trim();
        self.try_create(bytes, label).ok_or_else(|| match self.state.check() {
            Err(lost @ Error::DeviceLost { .. }) => lost,
            _ => {
                let live = self.stats.bytes_allocated.load(Relaxed);
                let what = format!("buffer `{label}` of {bytes} bytes ({}), with {} allocated already", crate::human(bytes), crate::human(live));
                Error::OutOfMemory { step: self.state.step(), what }
            }
        })
    }

    fn try_create(&self, bytes: u64, label: &str) -> Option<Raw> {
        // In a browser the answer of a scope comes later: there an error reaches the state instead.
        #[cfg(not(target_arch = "wasm32"))]
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size: bytes, usage: self.usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        #[cfg(not(target_arch = "wasm32"))]
        if pollster::block_on(scope.pop()).is_some() {
            return None;
        }
        self.stats.created(bytes);
        Some(Raw { buffer, id: NEXT_ID.fetch_add(1, Relaxed), stats: self.stats.clone() })
    }

    /// Frees all that nobody holds.
    pub(crate) fn trim(&self) {
        let free = std::mem::take(&mut *lock(&self.free));
        drop(free);
    }

    fn give_back(&self, raw: Raw) {
        let in_use = self.stats.bytes_in_use.fetch_sub(raw.bytes(), Relaxed) - raw.bytes();
        let mut dropped = Vec::new();
        let mut free = lock(&self.free);
        free.bytes += raw.bytes();
        free.buffers.push_back(raw);
        while free.bytes > KEPT.max(in_use) {
            let Some(oldest) = free.buffers.pop_front() else { break };
            free.bytes -= oldest.bytes();
            dropped.push(oldest);
        }
        drop(free);
    }
}

struct Lease {
    /// Taken only by drop.
    raw: Option<Raw>,
    bytes: u64,
    /// Not fit to be used again.
    broken: AtomicBool,
    pool: Arc<Pool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(raw) = self.raw.take() else { return };
        if self.broken.load(Relaxed) {
            self.pool.stats.bytes_in_use.fetch_sub(raw.bytes(), Relaxed);
        } else {
            self.pool.give_back(raw);
        }
    }
}

/// Memory on the device. Clones share it; it goes back to the pool when the last one is dropped, which is
/// safe while work that uses it is still in flight, because the queue keeps its order.
#[derive(Clone)]
pub struct Buffer(Arc<Lease>);

impl Buffer {
    /// A number that no other live buffer has. A buffer served from the pool keeps that of its memory.
    pub fn id(&self) -> u64 {
        self.raw().id
    }

    /// Its size in bytes: what was asked for, rounded up to 16.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// How many handles share it.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn raw(&self) -> &Raw {
        match &self.0.raw {
            Some(raw) => raw,
            // invariant: only Lease::drop takes it, and a handle is alive here.
            None => unreachable!("a live buffer has its memory"),
        }
    }

    /// Frees its memory when the last handle is dropped, instead of giving it to the next.
    pub(crate) fn discard(&self) {
        self.0.broken.store(true, Relaxed);
    }

    pub(crate) fn wgpu(&self) -> &wgpu::Buffer {
        &self.raw().buffer
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({}, {} bytes)", self.id(), self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn sizes_are_whole_vec4s() {
        assert_eq!([0, 1, 16, 17].map(padded), [16, 16, 16, 32]);
        assert_eq!(padded(u64::MAX), u64::MAX);
    }
}
