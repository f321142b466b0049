//! Bytes on their way from the device to the host.

use crate::counters::Stats;
use crate::wait::{Outcome, Signal};
use crate::{Buffer, Device, Error};

/// Time in which a browser reports the loss that made a mapping fail.
#[cfg(target_arch = "wasm32")]
const LOSS_REPORT: std::time::Duration = std::time::Duration::from_millis(100);

/// Smallest staging buffer.
const SMALLEST: u64 = 256;

/// A copy that has been submitted; waiting gives its bytes. Dropped, it costs nothing.
#[derive(Debug)]
#[must_use = "the bytes come from waiting"]
pub struct Readback {
    device: Device,
    staged: Staged,
    /// Natively the submission is awaited; a browser answers the mapping when it is time.
    #[cfg(not(target_arch = "wasm32"))]
    index: wgpu::SubmissionIndex,
}

/// Where the copies of one readback lie.
#[derive(Debug)]
pub(crate) struct Staged {
    buffer: Buffer,
    parts: Vec<Part>,
    bytes: u64,
}

#[derive(Debug)]
struct Part {
    /// Offset of the wanted bytes in the staging buffer.
    at: u64,
    len: u64,
}

impl Staged {
    /// Records copies of byte ranges of buffers into one staging buffer from the pool.
    pub(crate) fn record<'a>(
        device: &Device,
        encoder: &mut wgpu::CommandEncoder,
        ranges: impl Iterator<Item = (&'a Buffer, u64, u64)> + Clone,
    ) -> Result<Self, Error> {
        let mut bytes = 0;
        for (buffer, offset, len) in ranges.clone() {
            if offset.checked_add(len).is_none_or(|end| end > buffer.bytes()) {
                let (label, rule) = (format!("{}", buffer.id()), "a readback must lie inside of the buffer");
                return Err(Error::Range { label, offset, len, bytes: buffer.bytes(), rule });
            }
            bytes += widened(offset, len).1;
        }
        // Powers of two: readbacks of many sizes share few buffers.
        let size = bytes.max(SMALLEST).checked_next_power_of_two().unwrap_or(bytes);
        let limit = device.caps().max_buffer_bytes;
        if size > limit {
            let (label, what) = ("readback".to_owned(), "bytes of one buffer");
            return Err(Error::LimitExceeded { label, what, wanted: size, limit });
        }
        let staging = device.inner().staging.take(size, "readback")?;
        let mut parts = Vec::new();
        let mut end = 0;
        for (buffer, offset, len) in ranges {
            // Copies move whole words; the wanted bytes may start and end inside of one.
            let (start, copied) = widened(offset, len);
            if copied > 0 {
                encoder.copy_buffer_to_buffer(buffer.wgpu(), start, staging.wgpu(), end, copied);
            }
            parts.push(Part { at: end + (offset - start), len });
            end += copied;
        }
        Stats::count(&device.inner().stats.readbacks, 1);
        Ok(Self { buffer: staging, parts, bytes: end })
    }

    pub(crate) fn submitted(self, device: &Device, index: wgpu::SubmissionIndex) -> Readback {
        #[cfg(target_arch = "wasm32")]
        let _ = index;
        Readback {
            device: device.clone(),
            staged: self,
            #[cfg(not(target_arch = "wasm32"))]
            index,
        }
    }
}

/// A byte range widened to whole words: its start and length.
fn widened(offset: u64, len: u64) -> (u64, u64) {
    let start = offset & !3;
    (start, (offset + len).next_multiple_of(4) - start)
}

impl Readback {
    /// The bytes, one vector a range asked for. Natively this blocks before it returns.
    ///
    /// # Errors
    /// What the device's callbacks reported since; [`Error::Timeout`]; [`Error::Readback`].
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn wait(self) -> Result<Vec<Vec<u8>>, Error> {
        self.wait_blocking()
    }

    /// The bytes, one vector a range asked for.
    ///
    /// # Errors
    /// What the device's callbacks reported since; [`Error::Timeout`]; [`Error::Readback`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait_blocking(self) -> Result<Vec<Vec<u8>>, Error> {
        let inner = self.device.inner();
        let finished = || {
            let signal = self.map()?;
            inner.wait_for(Some(self.index.clone()), "a readback")?;
            // Another thread's wait may have taken the callback and not run it yet.
            while signal.get().is_none() && !inner.state.lost() {
                std::thread::yield_now();
                inner.wait_for(None, "a readback")?;
            }
            self.take(signal.get())
        };
        self.discard_if_failed(finished())
    }

    /// The bytes, one vector a range asked for.
    ///
    /// # Errors
    /// What the device's callbacks reported since; [`Error::Timeout`]; [`Error::Readback`].
    #[cfg(target_arch = "wasm32")]
    pub async fn wait(self) -> Result<Vec<Vec<u8>>, Error> {
        let inner = self.device.inner();
        let finished = async {
            let signal = self.map()?;
            inner.state.watch(&signal);
            let timer = crate::wait::Timer::start(&signal, inner.timeout());
            let outcome = signal.await;
            drop(timer);
            if matches!(outcome, Outcome::Failed(_)) {
                // A loss makes the mapping fail before it is reported itself.
                crate::wait::pause(LOSS_REPORT).await;
            }
            match outcome {
                Outcome::TimedOut => Err(inner.timed_out("a readback")),
                outcome => self.take(Some(outcome)),
            }
        };
        self.discard_if_failed(finished.await)
    }

    /// A staging buffer whose mapping failed is in a state that only the API knows.
    fn discard_if_failed<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|_| self.staged.buffer.discard())
    }

    /// Asks for the mapping only now, so that a readback nobody waits for leaves its buffer as it was.
    fn map(&self) -> Result<Signal, Error> {
        self.device.inner().state.check()?;
        let signal = Signal::default();
        let set = signal.clone();
        self.staged.buffer.wgpu().map_async(wgpu::MapMode::Read, 0..self.staged.buffer.bytes(), move |result| {
            set.set(result.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Done));
        });
        Ok(signal)
    }

    fn take(&self, outcome: Option<Outcome>) -> Result<Vec<Vec<u8>>, Error> {
        let inner = self.device.inner();
        inner.state.check()?;
        let failed = |message: String| Error::Readback { step: inner.state.step(), message };
        match outcome {
            Some(Outcome::Done) => {}
            Some(Outcome::Failed(message)) => return Err(failed(message)),
            _ => return Err(failed("the device never answered".to_owned())),
        }
        let buffer = self.staged.buffer.wgpu();
        if self.staged.bytes == 0 {
            buffer.unmap();
            return Ok(self.staged.parts.iter().map(|_| Vec::new()).collect());
        }
        let view = buffer.get_mapped_range(0..self.staged.bytes).map_err(|error| failed(error.to_string()))?;
        let part = |part: &Part| view[part.at as usize..(part.at + part.len) as usize].to_vec();
        let bytes = self.staged.parts.iter().map(part).collect();
        drop(view);
        buffer.unmap();
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::widened;

    #[test]
    fn ranges_are_widened_to_words() {
        assert_eq!(widened(0, 0), (0, 0));
        assert_eq!(widened(3, 2), (0, 8));
        assert_eq!(widened(4, 4), (4, 4));
        assert_eq!(widened(5, 1), (4, 4));
    }
}
