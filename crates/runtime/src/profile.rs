//! Where the time goes: a second recorder over the same executable, which gives each dispatch a pass of its own.

use crate::executable::{BindSet, Ready, ReadyDispatch};
use crate::readback::Staged;
use crate::{Buffer, Error, Executable};
use serde::Serialize;
use serde_json::json;
use std::fmt;
use wgrad_kernels::Work;

/// Queries of one set: WebGPU allows 4,096, and each dispatch takes two.
const DISPATCHES_A_SET: usize = 2048;

/// The time of every dispatch of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// The adapter.
    pub adapter: String,
    /// Whether the times are the device's timestamps, or else the host's clock around single submits, which
    /// counts the submit and the wait as well.
    pub timestamps: bool,
    /// One row a dispatch, in order.
    pub rows: Vec<Row>,
}

/// One dispatch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The dispatch's label.
    pub label: String,
    /// The program's stem.
    pub kernel: String,
    /// Begin in nanoseconds after the profile's begin.
    pub start_ns: f64,
    /// Duration in nanoseconds.
    pub ns: f64,
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes that must move at least.
    pub bytes: f64,
}

/// Rows of one name, summed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    /// The name.
    pub name: String,
    /// Number of dispatches.
    pub calls: usize,
    /// Their nanoseconds.
    pub ns: f64,
    /// Their floating-point operations.
    pub flops: f64,
    /// Their bytes.
    pub bytes: f64,
}

impl Executable {
    /// Runs all steps once, really, and times each dispatch. Natively this blocks.
    ///
    /// # Errors
    /// Those of [`run`](Self::run) and [`Readback::wait`](crate::Readback::wait).
    pub async fn profile(&self, externals: &[Buffer]) -> Result<Profile, Error> {
        let set = self.bind_set(externals)?;
        let timestamps = self.device.inner().wgpu.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let rows = if timestamps { self.timestamps(&set, externals).await? } else { self.clock(&set, externals).await? };
        Ok(Profile { adapter: self.device.facts().to_string(), timestamps, rows })
    }

    /// As [`profile`](Self::profile), blocking.
    ///
    /// # Errors
    /// Those of [`profile`](Self::profile).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile_blocking(&self, externals: &[Buffer]) -> Result<Profile, Error> {
        pollster::block_on(self.profile(externals))
    }

    async fn timestamps(&self, set: &BindSet, externals: &[Buffer]) -> Result<Vec<Row>, Error> {
        let inner = self.device.inner();
        let period = f64::from(inner.queue.get_timestamp_period());
        let count = (DISPATCHES_A_SET * 2) as u32;
        let descriptor = wgpu::QuerySetDescriptor { label: Some("profile"), ty: wgpu::QueryType::Timestamp, count };
        let queries = inner.wgpu.create_query_set(&descriptor);
        let resolved = inner.resolve.take(u64::from(count) * 8, "profile")?;
        let mut rows = Vec::new();
        let mut first = None;
        let mut groups = set.groups().iter();
        let mut steps = self.steps().iter().peekable();
        while steps.peek().is_some() {
            let mut encoder = inner.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("profile") });
            let mut timed: Vec<&ReadyDispatch> = Vec::new();
            while timed.len() < DISPATCHES_A_SET {
                let Some(step) = steps.next() else { break };
                let Ready::Dispatch(dispatch) = step else {
                    self.encode_copy(step, &mut encoder, externals);
                    continue;
                };
                let Some(group) = groups.next() else { break };
                if dispatch.is_empty() {
                    continue;
                }
                let query = timed.len() as u32 * 2;
                let writes = wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(query),
                    end_of_pass_write_index: Some(query + 1),
                };
                encode_alone(&mut encoder, dispatch, group, Some(writes));
                timed.push(dispatch);
            }
            let bytes = timed.len() as u64 * 16;
            if !timed.is_empty() {
                encoder.resolve_query_set(&queries, 0..timed.len() as u32 * 2, resolved.wgpu(), 0);
            }
            let staged = Staged::record(&self.device, &mut encoder, [(&resolved, 0, bytes)].into_iter())?;
            let index = inner.submit(encoder.finish())?;
            let ticks = staged.submitted(&self.device, index).wait().await?.pop().unwrap_or_default();
            let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&ticks);
            for (dispatch, pair) in timed.iter().zip(ticks.chunks_exact(2)) {
                let zero = *first.get_or_insert(pair[0]);
                let start = pair[0].saturating_sub(zero) as f64 * period;
                rows.push(dispatch.row(start, pair[1].saturating_sub(pair[0]) as f64 * period));
            }
        }
        Ok(rows)
    }

    async fn clock(&self, set: &BindSet, externals: &[Buffer]) -> Result<Vec<Row>, Error> {
        let inner = self.device.inner();
        let mut rows = Vec::new();
        let mut groups = set.groups().iter();
        self.device.sync().await?;
        let zero = crate::wait::now_ns();
        for step in self.steps() {
            let mut encoder = inner.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("profile") });
            let mut timed = None;
            match step {
                Ready::Copy { .. } => self.encode_copy(step, &mut encoder, externals),
                Ready::Dispatch(dispatch) => {
                    let Some(group) = groups.next() else { break };
                    if !dispatch.is_empty() {
                        encode_alone(&mut encoder, dispatch, group, None);
                        timed = Some(dispatch);
                    }
                }
            }
            let start = crate::wait::now_ns();
            inner.submit(encoder.finish())?;
            self.device.sync().await?;
            let end = crate::wait::now_ns();
            rows.extend(timed.map(|dispatch| dispatch.row(start - zero, end - start)));
        }
        Ok(rows)
    }
}

fn encode_alone(
    encoder: &mut wgpu::CommandEncoder,
    dispatch: &ReadyDispatch,
    group: &wgpu::BindGroup,
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) {
    let descriptor = wgpu::ComputePassDescriptor { label: Some(&dispatch.label), timestamp_writes };
    let mut pass = encoder.begin_compute_pass(&descriptor);
    pass.set_pipeline(&dispatch.pipeline);
    pass.set_bind_group(0, group, &[]);
    let [x, y, z] = dispatch.grid;
    pass.dispatch_workgroups(x, y, z);
}

impl ReadyDispatch {
    fn row(&self, start_ns: f64, ns: f64) -> Row {
        let Work { flops, bytes } = self.work;
        Row { label: self.label.clone(), kernel: self.kernel.clone(), start_ns, ns, flops, bytes }
    }
}

impl Profile {
    /// Nanoseconds of all rows.
    pub fn ns(&self) -> f64 {
        self.rows.iter().map(|row| row.ns).sum()
    }

    /// Sums of the rows by a name, the longest first.
    pub fn by<'a>(&'a self, name: impl Fn(&'a Row) -> &'a str) -> Vec<Aggregate> {
        let mut sums: Vec<Aggregate> = Vec::new();
        let mut place: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for row in &self.rows {
            let at = *place.entry(name(row)).or_insert_with_key(|name| {
                let name = (*name).to_owned();
                sums.push(Aggregate { name, calls: 0, ns: 0.0, flops: 0.0, bytes: 0.0 });
                sums.len() - 1
            });
            let sum = &mut sums[at];
            sum.calls += 1;
            sum.ns += row.ns;
            sum.flops += row.flops;
            sum.bytes += row.bytes;
        }
        sums.sort_by(|a, b| b.ns.total_cmp(&a.ns));
        sums
    }

    /// The profile in the Trace Event Format that `chrome://tracing` and Perfetto open: one complete event a
    /// dispatch, in microseconds.
    pub fn to_chrome_trace(&self) -> String {
        let process = json!({ "name": "process_name", "ph": "M", "pid": 1, "tid": 1, "args": { "name": self.adapter } });
        let events = self.rows.iter().map(|row| {
            json!({
                "name": row.label,
                "cat": row.kernel,
                "ph": "X",
                "pid": 1,
                "tid": 1,
                "ts": row.start_ns / 1e3,
                "dur": row.ns / 1e3,
                "args": { "kernel": row.kernel, "flops": row.flops, "bytes": row.bytes },
            })
        });
        let events: Vec<_> = std::iter::once(process).chain(events).collect();
        json!({ "traceEvents": events, "displayTimeUnit": "ns" }).to_string()
    }
}

impl Aggregate {
    /// 10^9 floating-point operations a second; 0 where no time was measured.
    pub fn gflops(&self) -> f64 {
        if self.ns > 0.0 { self.flops / self.ns } else { 0.0 }
    }

    /// 10^9 bytes a second; 0 where no time was measured.
    pub fn gigabytes(&self) -> f64 {
        if self.ns > 0.0 { self.bytes / self.ns } else { 0.0 }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = if self.timestamps { "device timestamps" } else { "host clock, submit and wait included" };
        writeln!(f, "{} ({clock})", self.adapter)?;
        let sums = self.by(|row| &row.kernel);
        let width = sums.iter().map(|sum| sum.name.len()).max().unwrap_or(0).max("kernel".len());
        writeln!(f, "{:<width$} {:>6} {:>10} {:>7} {:>10} {:>9} {:>8}", "kernel", "calls", "ms", "share", "us/call", "GFLOP/s", "GB/s")?;
        let all = self.ns();
        for sum in &sums {
            let share = if all > 0.0 { sum.ns / all * 100.0 } else { 0.0 };
            let (ms, each) = (sum.ns / 1e6, sum.ns / 1e3 / sum.calls as f64);
            let (gflops, gigabytes) = (sum.gflops(), sum.gigabytes());
            writeln!(f, "{:<width$} {:>6} {ms:>10.3} {share:>6.1}% {each:>10.1} {gflops:>9.2} {gigabytes:>8.2}", sum.name, sum.calls)?;
        }
        writeln!(f, "{:<width$} {:>6} {:>10.3}", "total", self.rows.len(), all / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, kernel: &str, start_ns: f64, ns: f64) -> Row {
        let (label, kernel) = (label.to_owned(), kernel.to_owned());
        Row { label, kernel, start_ns, ns, flops: 2.0 * ns, bytes: ns }
    }

    fn profile() -> Profile {
        let rows = vec![row("relu 1", "map", 0.0, 1000.0), row("fc1", "matmul", 1500.0, 8000.0), row("relu 2", "map", 9500.0, 1000.0)];
        Profile { adapter: "0: test".to_owned(), timestamps: true, rows }
    }

    #[test]
    fn kernels_are_summed_longest_first() {
        let profile = profile();
        let sums = profile.by(|row| &row.kernel);
        let named: Vec<_> = sums.iter().map(|sum| (sum.name.as_str(), sum.calls, sum.ns)).collect();
        assert_eq!(named, [("matmul", 1, 8000.0), ("map", 2, 2000.0)]);
        assert_eq!((sums[0].gflops(), sums[0].gigabytes()), (2.0, 1.0));
        let table = profile.to_string();
        assert!(table.contains("80.0%") && table.contains("20.0%"), "{table}");
    }

    #[test]
    fn the_trace_is_json_with_one_event_a_dispatch() {
        let trace: serde_json::Value = serde_json::from_str(&profile().to_chrome_trace()).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let complete: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(complete.len(), 3);
        assert_eq!((&complete[1]["name"], &complete[1]["ts"], &complete[1]["dur"]), (&json!("fc1"), &json!(1.5), &json!(8.0)));
    }

    #[test]
    fn an_empty_profile_prints() {
        let empty = Profile { adapter: String::new(), timestamps: false, rows: Vec::new() };
        assert!(empty.to_string().contains("total"));
    }
}
