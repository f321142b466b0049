//! The device that all tests of a process share: the adapter that `WGRAD_DEVICE` names, or the best there is.

use std::sync::OnceLock;
use wgrad_tensor::Device;

/// The device of the tests.
pub(crate) fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let select = std::env::var("WGRAD_DEVICE").ok().and_then(|s| s.parse().ok()).unwrap_or_default();
        Device::open_blocking(&select).expect("tests need a Vulkan, Metal or DX12 adapter")
    })
}
