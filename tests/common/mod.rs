//! What the whole-engine tests share.

use wgrad::prelude::*;

/// A device of its own, so that its counters count one test: the adapter that `WGRAD_DEVICE` names, or the best there is.
pub(crate) fn device() -> Device {
    let select: Select = std::env::var("WGRAD_DEVICE").ok().and_then(|s| s.parse().ok()).unwrap_or_default();
    Device::open_blocking(&select).expect("tests need an adapter: `cargo xtask adapter` installs one")
}
