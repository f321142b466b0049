//! Verification on the visitor's own device.

use crate::device::Own;
use crate::error::Result;
use crate::options::{aborted, call, function, get, number, object, text};
use js_sys::Date;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wgrad_tensor::runtime;
use wgrad_tensor::verify::Verification;

/// The longest that the event loop is kept waiting between cases, in milliseconds: a stop and the page's own work then get
/// through where cases await nothing.
const HELD_MS: f64 = 30.0;

/// Checks every op, case and variant, forward and backward, against the reference. A signal that aborts ends it after the case
/// under way, and `every` takes the first of every so many cases: the receipt then counts the cases left out as `unchecked`.
///
/// # Errors
/// Kind `device_lost`; `other` where the filter names nothing.
#[wasm_bindgen(skip_typescript)]
pub async fn verify(options: JsValue) -> std::result::Result<JsValue, JsValue> {
    Ok(verified(&options).await?)
}

async fn verified(options: &JsValue) -> Result<JsValue> {
    let filter = text(options, "filter")?;
    let on_case = function(options, "onCase")?;
    let signal = get(options, "signal");
    let every = number(options, "every")?.map_or(1, |n| n.max(1.0) as usize);
    let mut verification = Verification::new(filter.as_deref(), None)?.every(every);
    let device = Own::open().await?;
    let mut yielded = Date::now();
    while !aborted(&signal) {
        let Some(progress) = verification.next(device.tensor()).await? else { break };
        if on_case.is_some() {
            call(on_case.as_ref(), &object(&progress)?);
        }
        if Date::now() - yielded > HELD_MS {
            runtime::Device::pause(Duration::ZERO).await;
            yielded = Date::now();
        }
    }
    object(&verification.receipt(device.tensor(), now()))
}

/// The time in UTC to the second, as the command writes it.
fn now() -> String {
    let iso: String = Date::new_0().to_iso_string().into();
    match iso.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => iso,
    }
}
