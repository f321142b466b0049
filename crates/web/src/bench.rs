//! How fast the visitor's own device is.

use crate::device::Own;
use crate::error::{Failure, Result};
use crate::options::{aborted, call, function, get, number, object, text};
use js_sys::{Array, Function};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wgrad_nn::bench::{self, Workload, measure};
use wgrad_tensor::runtime;

/// Seconds of samples a workload, as the command takes.
const SECONDS: f64 = 2.0;

#[derive(Serialize)]
struct Listed {
    workload: &'static str,
    shape: String,
}

/// Every workload, in the order in which they run.
///
/// # Errors
/// None that a caller could bring about.
#[wasm_bindgen(skip_typescript)]
pub fn workloads() -> std::result::Result<JsValue, JsValue> {
    let all: Vec<Listed> = bench::workloads().into_iter().map(|w| Listed { workload: w.name, shape: w.shape }).collect();
    Ok(object(&all)?)
}

/// Times workloads. A signal that aborts ends it after the sample under way, with the rows that are whole. Workloads that
/// fail are told of in the end, and the others go on.
///
/// # Errors
/// Kind `device_lost` at once; that of the first workload that failed, at the end; `other` where the filter names nothing.
#[wasm_bindgen(skip_typescript)]
pub async fn bench(options: JsValue) -> std::result::Result<JsValue, JsValue> {
    Ok(benched(&options).await?.into())
}

async fn benched(options: &JsValue) -> Result<Array> {
    let wish = Wish::read(options)?;
    let device = Own::open().await?;
    let runtime = device.tensor().runtime();
    let rows = Array::new();
    let mut failures: Vec<(String, Failure)> = Vec::new();
    for workload in &wish.chosen {
        match wish.row(workload, runtime).await {
            Ok(Some(row)) => {
                call(wish.on_row.as_ref(), &row);
                rows.push(&row);
            }
            Ok(None) => break,
            Err(error) if error.kind() == "device_lost" => return Err(error),
            Err(error) => failures.push((workload.id(), error)),
        }
        // The next workload finds the memory empty.
        runtime.trim();
    }
    match failures.first() {
        None => Ok(rows),
        Some((_, first)) => {
            let lines: Vec<String> = failures.iter().map(|(id, error)| format!("{id}: {}", error.text())).collect();
            Err(Failure::new(first.kind(), format!("these workloads failed: {}", lines.join("; "))))
        }
    }
}

/// What the caller asks for.
struct Wish {
    chosen: Vec<Workload>,
    secs: f64,
    signal: JsValue,
    on_row: Option<Function>,
}

impl Wish {
    fn read(options: &JsValue) -> Result<Self> {
        let filter = text(options, "filter")?.unwrap_or_default();
        let chosen: Vec<Workload> = bench::workloads().into_iter().filter(|w| w.wanted(&filter)).collect();
        if chosen.is_empty() {
            return Err(Failure::new("other", format!("no workload's name and shape hold `{filter}`; workloads() lists all")));
        }
        let secs = number(options, "secs")?.unwrap_or(SECONDS);
        if !secs.is_finite() || secs < 0.0 {
            return Err(Failure::new("other", "the option secs must be a number of seconds that is 0 or more"));
        }
        Ok(Self { chosen, secs, signal: get(options, "signal"), on_row: function(options, "onRow")? })
    }

    /// A measured row, or none where the signal says stop.
    async fn row(&self, workload: &Workload, runtime: &runtime::Device) -> Result<Option<JsValue>> {
        let mut keep_going = || !aborted(&self.signal);
        if !keep_going() {
            return Ok(None);
        }
        // A device of its own for each workload: plans, and the memory they hold, go with it. Pipelines are shared.
        let device = wgrad_tensor::Device::from_runtime(runtime.clone());
        match measure(workload, &device, self.secs, &mut keep_going).await? {
            Some(row) => Ok(Some(object(&row)?)),
            None => Ok(None),
        }
    }
}
