//! `wgrad bench`: times workloads on a device.

use super::say;
use crate::args::Global;
use crate::bench_table::Table;
use crate::{Ending, Failure};
use wgrad_nn::bench::{Row, Workload, measure, measure_variants, workloads};
use wgrad_tensor::{Device, runtime};

/// Times matrix products, reductions, element-wise work and training steps on the adapter.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wgrad bench\n  wgrad bench matmul,train_mlp --secs 1\n  wgrad bench matmul --variants --json > variants.jsonl")]
pub(crate) struct Args {
    /// Only workloads whose "name shape" holds one of these texts, with commas between them.
    #[arg(default_value = "", hide_default_value = true)]
    filter: String,
    /// One line of JSON a row.
    #[arg(long)]
    json: bool,
    /// Seconds of samples a workload.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    secs: f64,
    /// Every variant of each op, forced, in turns, with a plain copy as control.
    #[arg(long)]
    variants: bool,
    /// Runs each workload with a timestamp around every kernel and prints their sums.
    #[arg(long, conflicts_with_all = ["variants", "json"])]
    profile: bool,
    /// Lists the workloads.
    #[arg(long)]
    list: bool,
}

/// A profile of so many dispatches is shown one by one too.
const DISPATCHES_SHOWN: usize = 40;

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(secs) if secs.is_finite() && secs >= 0.0 => Ok(secs),
        _ => Err("give a number of seconds that is 0 or more".to_owned()),
    }
}

/// Runs the command. Workloads that fail are reported and the others go on.
///
/// # Errors
/// Where the filter names nothing, the device cannot be opened, or a workload failed.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let chosen: Vec<Workload> = workloads().into_iter().filter(|w| w.wanted(&args.filter)).collect();
    if chosen.is_empty() {
        return Err(format!("no workload's name and shape hold `{}`; `wgrad bench --list` shows all", args.filter).into());
    }
    if args.list {
        list(&chosen, args.json);
        return Ok(Ending::Good);
    }
    let runtime = runtime::Device::open_blocking(&global.select())?;
    let table = Table { json: args.json, variants: args.variants };
    if let Some(head) = table.head(&runtime.facts().to_string()).filter(|_| !args.profile) {
        say(head);
    }
    let mut failed = Vec::new();
    for workload in &chosen {
        if let Err(error) = one(workload, &runtime, args, &table) {
            eprintln!("{}: {error}", workload.id());
            failed.push(workload.id());
        }
        // The next workload finds the memory empty.
        runtime.trim();
    }
    if failed.is_empty() { Ok(Ending::Good) } else { Err(format!("these workloads failed: {}", failed.join(", ")).into()) }
}

fn one(workload: &Workload, runtime: &runtime::Device, args: &Args, table: &Table) -> Result<(), Failure> {
    // A device of its own for each workload: plans, and the memory they hold, go with it. Pipelines are shared.
    let device = Device::from_runtime(runtime.clone());
    let tell = |what: &str| eprintln!("{}{what} …", workload.id());
    if args.profile {
        tell("");
        let work = (workload.build)(&device)?;
        work.step().run()?;
        let profile = pollster::block_on(work.step().profile())?;
        say(format!("{}\n{profile}", workload.id()));
        if profile.rows.len() <= DISPATCHES_SHOWN {
            for row in &profile.rows {
                say(format!("{:>10.1} us  {} ({})", row.ns / 1e3, row.label, row.kernel));
            }
        }
        return Ok(());
    }
    if !args.variants {
        tell("");
        // Nobody stops it, so there is a row.
        if let Some(row) = pollster::block_on(measure(workload, &device, args.secs, &mut || true))? {
            say(table.line(&row, None));
        }
        return Ok(());
    }
    let rows: Vec<Row> = pollster::block_on(measure_variants(workload, &device, args.secs, &mut |variant| tell(&format!(", {variant}"))))?;
    let first = rows.first().map(|row| row.median_ms);
    for row in &rows {
        let control = row.workload != workload.name;
        say(table.line(row, first.filter(|_| !control)));
    }
    Ok(())
}

fn list(workloads: &[Workload], json: bool) {
    for workload in workloads {
        if json {
            say(serde_json::json!({ "workload": workload.name, "shape": workload.shape }).to_string());
        } else {
            say(format!("{:<23} {}", workload.name, workload.shape));
        }
    }
}
