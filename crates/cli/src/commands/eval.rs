//! `wgrad eval`

use super::{say, say_json, score};
use crate::args::Global;
use crate::run_folder::{Trained, Which};
use crate::{Ending, Failure, metrics_table};
use serde_json::json;
use std::path::{Path, PathBuf};
use wgrad_nn::files::atomic_write;
use wgrad_nn::metrics::Metrics;
use wgrad_nn::report::{draw_confusion, draw_roc};
use wgrad_nn::{Answers, Test};

/// Arguments of `wgrad eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "For classes it prints precision, recall, F1 and the area under the ROC curve of each, and draws confusion.png and roc.png into \
the run's folder; for values the mean squared and absolute error and R². A share of nothing (precision of a class that is never \
predicted) is 0.

Examples:
  wgrad eval runs/mnist-mlp-1 --best
  wgrad eval runs/mnist-mlp-1 --json > metrics.json
  wgrad eval from-the-browser.safetensors --out pictures")]
pub(crate) struct Args {
    /// The run's folder, or a checkpoint by itself.
    run: PathBuf,
    #[command(flatten)]
    which: Which,
    /// The folder in which data files are looked for first.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder that the pictures are drawn into, instead of the run's; a checkpoint by itself has none.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes JSON, with the confusion matrix.
    #[arg(long)]
    json: bool,
}

/// Measures a trained network on the recipe's test set.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let trained = Trained::open(&args.run, args.which.kind())?;
    let device = global.open()?;
    let data = trained.recipe.data(args.data.as_deref())?;
    let trainer = trained.trainer(&device)?;
    let Test { evaluation, answers } = trainer.test_blocking(&data.test)?;
    let metrics = answers.metrics();
    let (file, checkpoint) = (&trained.file, &trained.checkpoint);
    let folder = args.out.clone().or_else(|| (!args.run.is_file()).then(|| args.run.clone()));
    if !args.json {
        say(format!("{} (epoch {}): test {}\n", file.display(), checkpoint.state.epoch, score(&evaluation)));
        say(metrics_table::text(&metrics));
    }
    let pictures = match &folder {
        Some(folder) => draw(folder, &trained.recipe.name, &answers, &metrics)?,
        None => Vec::new(),
    };
    if args.json {
        let pictures: serde_json::Map<_, _> = pictures.into_iter().map(|(name, path)| (name.to_owned(), json!(path))).collect();
        say_json(&json!({
            "run": args.run,
            "checkpoint": file,
            "epoch": checkpoint.state.epoch,
            "step": checkpoint.state.step,
            "adapter": device.runtime().facts().name,
            "loss": evaluation.loss,
            "accuracy": evaluation.accuracy,
            "samples": evaluation.samples,
            "metrics": metrics,
            "pictures": pictures,
        }))?;
    } else {
        pictures.iter().for_each(|(name, path)| say(format!("{name:<9}  {}", path.display())));
    }
    Ok(Ending::Good)
}

/// Draws what a test of classes shows: the names of the pictures and their files.
fn draw(folder: &Path, title: &str, answers: &Answers, metrics: &Metrics) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let (Answers::Classes(predictions), Metrics::Classes(metrics)) = (answers, metrics) else { return Ok(Vec::new()) };
    let mut drawn = vec![("confusion", draw_confusion(metrics, &format!("{title}: accuracy {:.2} %", 100.0 * metrics.accuracy))?)];
    let area = metrics.roc_auc.map(|a| format!(": ROC-AUC {a:.4}")).unwrap_or_default();
    drawn.extend(draw_roc(predictions, &format!("{title}{area}"))?.map(|png| ("roc", png)));
    let mut files = Vec::new();
    for (name, png) in drawn {
        let path = folder.join(format!("{name}.png"));
        atomic_write(&path, &png)?;
        files.push((name, path));
    }
    Ok(files)
}
