//! `wgrad eval`

use super::{say, say_json, score};
use crate::args::Global;
use crate::run_folder::{Trained, Which};
use crate::{Ending, Failure};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `wgrad eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wgrad eval runs/mnist-mlp-1 --best\n  wgrad eval from-the-browser.safetensors")]
pub(crate) struct Args {
    /// The run's folder, or a checkpoint by itself.
    run: PathBuf,
    #[command(flatten)]
    which: Which,
    /// The folder in which data files are looked for first.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// Measures a trained network on the recipe's test set.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let trained = Trained::open(&args.run, args.which.kind())?;
    let device = global.open()?;
    let data = trained.recipe.data(args.data.as_deref())?;
    let trainer = trained.trainer(&device)?;
    let test = trainer.evaluate_blocking(&data.test)?;
    let (file, checkpoint) = (&trained.file, &trained.checkpoint);
    if args.json {
        say_json(&json!({
            "run": args.run,
            "checkpoint": file,
            "epoch": checkpoint.state.epoch,
            "step": checkpoint.state.step,
            "adapter": device.runtime().facts().name,
            "loss": test.loss,
            "accuracy": test.accuracy,
            "samples": test.samples,
        }))?;
    } else {
        say(format!("{} (epoch {}): test {}", file.display(), checkpoint.state.epoch, score(&test)));
    }
    Ok(Ending::Good)
}
