//! `wgrad verify`

use super::{say, say_json};
use crate::args::Global;
use crate::receipt::{Receipt, failures, table};
use crate::{Ending, Failure};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Instant;
use wgrad_nn::files::atomic_write;
use wgrad_tensor::kernels::Case;
use wgrad_tensor::kernels::op::catalogue;
use wgrad_tensor::kernels::shaders::KERNELS;
use wgrad_tensor::verify::{Plan, Row, variants, verify_case};

/// Failures that are printed in full.
const PRINTED: usize = 50;

/// Arguments of `wgrad verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Every op, case and variant runs forward and backward, and each element is compared with the f64 reference.
Exit code 1 where any differs.

Examples:
  wgrad verify
  wgrad verify matmul --device nvidia
  wgrad verify --receipt receipt.json")]
pub(crate) struct Args {
    /// Only ops whose name, or cases whose name, holds this text.
    filter: Option<String>,
    /// Writes the receipt to standard output as JSON.
    #[arg(long)]
    json: bool,
    /// Writes the receipt to a file: adapter, driver, versions, date, every result.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// For the tests of verification itself: makes the kernel of this stem err.
    #[arg(long, value_name = "STEM", hide = true)]
    plant_fault: Option<String>,
}

/// Verifies the adapter.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let catalogue = catalogue();
    let wanted = |name: &str| args.filter.as_deref().is_none_or(|f| name.contains(f));
    let cases: Vec<&Case> = catalogue.iter().flat_map(|e| e.cases.iter().filter(|c| wanted(e.name) || wanted(&c.name))).collect();
    if cases.is_empty() {
        let names: Vec<&str> = catalogue.iter().map(|e| e.name).collect();
        return Err(format!("no op and no case holds {:?} in its name; the ops are {}", args.filter.as_deref().unwrap_or(""), names.join(", ")).into());
    }
    if let Some(stem) = args.plant_fault.as_deref().filter(|stem| !KERNELS.iter().any(|(known, _)| known == stem)) {
        return Err(format!("--plant-fault {stem}: there is no kernel of that stem").into());
    }
    let device = global.open()?;
    let began = Instant::now();
    let bar = ProgressBar::new(cases.len() as u64);
    bar.set_style(ProgressStyle::with_template("{pos:>5}/{len} {bar:20.green/dim} {msg}")?);
    let mut rows: Vec<Row> = Vec::new();
    for case in cases {
        bar.set_message(case.name.clone());
        let chosen = std::iter::once(None);
        for variant in chosen.chain(variants(&device, case)?.into_iter().map(|v| Some(v.to_owned()))) {
            let plan = Plan { variant, fault: args.plant_fault.clone() };
            rows.extend(pollster::block_on(verify_case(&device, case, &plan))?);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let receipt = Receipt::new(device.runtime().facts(), args.filter.as_deref(), began.elapsed().as_secs_f64(), &rows);
    if let Some(file) = &args.receipt {
        atomic_write(file, format!("{}\n", serde_json::to_string_pretty(&receipt)?).as_bytes())?;
    }
    if args.json {
        say_json(&receipt)?;
    } else {
        say(table(&rows));
        let failed = failures(&rows);
        failed.iter().take(PRINTED).for_each(say);
        if failed.len() > PRINTED {
            say(format!("… and {} more; --receipt FILE holds them all", failed.len() - PRINTED));
        }
        say(receipt.line());
    }
    Ok(if receipt.failed > 0 { Ending::Different } else { Ending::Good })
}
