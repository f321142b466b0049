//! `wgrad verify`

use super::{say, say_json};
use crate::args::Global;
use crate::{Ending, Failure};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use wgrad_nn::files::atomic_write;
use wgrad_tensor::Error;
use wgrad_tensor::verify::Verification;

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
    let mut verification = Verification::new(args.filter.as_deref(), args.plant_fault.as_deref()).map_err(name_option)?;
    let device = global.open()?;
    let bar = ProgressBar::new(verification.cases() as u64);
    bar.set_style(ProgressStyle::with_template("{pos:>5}/{len} {bar:20.green/dim} {msg}")?);
    while let Some(case) = verification.upcoming() {
        bar.set_message(case.name.clone());
        pollster::block_on(verification.next(&device))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let receipt = verification.receipt(&device, date);
    if let Some(file) = &args.receipt {
        atomic_write(file, format!("{}\n", serde_json::to_string_pretty(&receipt)?).as_bytes())?;
    }
    if args.json {
        say_json(&receipt)?;
    } else {
        say(receipt.table());
        let failed = receipt.failures();
        failed.iter().take(PRINTED).for_each(say);
        if failed.len() > PRINTED {
            say(format!("… and {} more; --receipt FILE holds them all", failed.len() - PRINTED));
        }
        say(receipt.line());
    }
    Ok(if receipt.failed > 0 { Ending::Different } else { Ending::Good })
}

/// An error with the option that it comes from.
fn name_option(error: Error) -> Failure {
    match error {
        Error::NoKernel(_) => format!("--plant-fault {error}").into(),
        error => error.into(),
    }
}
