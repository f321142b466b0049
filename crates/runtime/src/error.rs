//! What can go wrong between the program and the device.

/// An error from the device or from what it was asked to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter at all.
    #[error(
        "no graphics adapter was found ({looked}). On Debian or Ubuntu install a software one with `apt-get install \
         mesa-vulkan-drivers libvulkan1`, on Fedora with `dnf install mesa-vulkan-drivers vulkan-loader`; for a real GPU \
         install its vendor's Vulkan driver. macOS and Windows bring Metal and Direct3D 12 with the system. In a browser, \
         WebGPU may have to be switched on"
    )]
    NoAdapter {
        /// Where it was looked for.
        looked: String,
    },
    /// No adapter is what was asked for.
    #[error("no adapter is {wanted}; there are:\n{}", .available.join("\n"))]
    UnknownAdapter {
        /// What was asked for.
        wanted: String,
        /// One line an adapter.
        available: Vec<String>,
    },
    /// The adapter is there and gives no device.
    #[error("the adapter {adapter} gave no device: {message}")]
    Open {
        /// The adapter's name.
        adapter: String,
        /// The driver's words.
        message: String,
    },
    /// The device is gone: driver reset, unplugged, destroyed. All its buffers are gone with it.
    #[error("the device was lost at step {step}: {reason}; open a new one and go on from the last checkpoint")]
    DeviceLost {
        /// The step set by [`Device::set_step`](crate::Device::set_step).
        step: u64,
        /// The driver's words.
        reason: String,
    },
    /// The device has no memory left.
    #[error("out of device memory at step {step}: {what}; use a smaller batch or model, or another adapter")]
    OutOfMemory {
        /// The step set by [`Device::set_step`](crate::Device::set_step).
        step: u64,
        /// What was being made, with its bytes where they are known.
        what: String,
    },
    /// The API refused a command; the work submitted with it did not run.
    #[error("the device refused a command at step {step}: {message}")]
    Validation {
        /// The step set by [`Device::set_step`](crate::Device::set_step).
        step: u64,
        /// The API's words.
        message: String,
    },
    /// A program does not compile.
    #[error("the program `{label}` does not compile: {message}")]
    Shader {
        /// [`Program::label`](wgrad_kernels::Program::label), or the dispatch's label where that is empty.
        label: String,
        /// The compiler's words, with the line of the linked WGSL.
        message: String,
    },
    /// Something is larger than this adapter allows.
    #[error("`{label}` needs {wanted} and the limit of this adapter is {limit} ({what})")]
    LimitExceeded {
        /// The buffer or dispatch.
        label: String,
        /// The limit and its unit.
        what: &'static str,
        /// What was asked for.
        wanted: u64,
        /// What there is.
        limit: u64,
    },
    /// A recording that cannot be right, whatever the device.
    #[error("step {step} of the recording, `{label}`: {message}")]
    Recording {
        /// The step's number.
        step: usize,
        /// The step's label.
        label: String,
        /// The rule that it breaks.
        message: String,
    },
    /// The buffers given to an executable are not those it was compiled for.
    #[error("external buffer {external}: {message}")]
    External {
        /// Its index.
        external: usize,
        /// What is wrong with it.
        message: String,
    },
    /// Bytes outside of a buffer.
    #[error("bytes {offset}..{} of buffer `{label}`, which holds {bytes}: {rule}", .offset.saturating_add(*.len))]
    Range {
        /// The buffer.
        label: String,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        len: u64,
        /// The buffer's bytes.
        bytes: u64,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// A wait took too long.
    #[error("{what} was not finished after {seconds} s (step {step}): the device hangs, or the work is too large for it")]
    Timeout {
        /// What was awaited.
        what: String,
        /// The limit in seconds.
        seconds: f64,
        /// The step set by [`Device::set_step`](crate::Device::set_step).
        step: u64,
    },
    /// A readback could not be mapped into memory.
    #[error("a readback failed at step {step}: {message}")]
    Readback {
        /// The step set by [`Device::set_step`](crate::Device::set_step).
        step: u64,
        /// The driver's words.
        message: String,
    },
}

/// Bytes with a unit: `1.50 MiB`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn units_change_at_powers_of_1024() {
        assert_eq!(human(1023), "1023 B");
        assert_eq!(human(1024), "1.00 KiB");
        assert_eq!(human(3 << 19), "1.50 MiB");
        assert_eq!(human(5 << 40), "5.00 TiB");
        assert_eq!(human(1 << 60), "1048576.00 TiB");
    }
}
