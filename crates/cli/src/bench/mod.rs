//! Workloads and how they are timed.
//!
//! Every sample is `[sync] work × k [sync]` with k so large that a sample lasts 30 ms or more. Median and minimum are per call.

mod clock;
mod gpt;
mod measure;
mod ops;
mod report;
mod training;
mod variants;
mod workload;

pub(crate) use measure::measure;
pub(crate) use report::{Row, Table};
pub(crate) use variants::measure_variants;
pub(crate) use workload::{Rate, Subject, Work, Workload};

/// Every workload, in the order in which they run.
pub(crate) fn workloads() -> Vec<Workload> {
    let mut all = ops::workloads();
    all.extend(training::workloads());
    all.push(gpt::workload());
    all
}
