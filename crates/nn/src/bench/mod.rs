//! Workloads and how they are timed: what `wgrad bench` and the browser's page run.
//!
//! Every sample is `[sync] work × k [sync]` with k so large that a sample lasts 30 ms or more. Median and minimum are per call.
//!
//! ```no_run
//! # async fn bench(device: &wgrad_tensor::Device) -> Result<(), wgrad_nn::Error> {
//! use wgrad_nn::bench::{measure, workloads};
//! for workload in workloads().iter().filter(|w| w.wanted("matmul,train_mlp")) {
//!     if let Some(row) = measure(workload, device, 2.0, &mut || true).await? {
//!         println!("{}: {:.3} ms", workload.id(), row.median_ms);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod clock;
mod conv;
mod gpt;
mod measure;
mod norms;
mod ops;
mod pooling;
mod row;
mod training;
mod variants;
mod workload;

pub use measure::measure;
pub use row::Row;
pub use variants::measure_variants;
pub use workload::{Build, Rate, Subject, Training, Work, Workload};

/// Every workload, in the order in which they run.
pub fn workloads() -> Vec<Workload> {
    let mut all = ops::workloads();
    all.extend(pooling::workloads());
    all.extend(conv::workloads());
    all.extend(training::workloads());
    all.push(gpt::workload());
    all
}
