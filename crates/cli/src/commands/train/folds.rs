//! `wgrad train --folds`: a run for each part of the training set, and what they come to together.

use super::{Args, KEEP, fit, new_recipe, say_json};
use crate::args::Global;
use crate::run_folder::{self, Folds};
use crate::{Ending, Failure, logging};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use wgrad_nn::data::Dataset;
use wgrad_nn::data::folds::{fold, folds};
use wgrad_nn::files::{Input, Kind, atomic_write};
use wgrad_nn::metrics::mean_and_deviation;
use wgrad_nn::recipe::Data;
use wgrad_nn::{Recipe, Trainer};
use wgrad_tensor::Device;

/// What a finished fold came to, in its folder.
const RESULT: &str = "fold.json";

/// What all folds came to, in the folder above.
const RESULTS: &str = "results.json";

/// A cross-validation to begin or to go on with.
pub(super) struct Folding {
    recipe: Recipe,
    folds: usize,
    /// Its folder, where it was begun before.
    begun: Option<PathBuf>,
}

/// The numbers of a finished fold.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fold {
    fold: usize,
    /// Its folder within that of the cross-validation.
    run: String,
    /// Samples that trained.
    trained: usize,
    /// Samples that were left out, on which the metrics were measured.
    samples: usize,
    epochs: u64,
    metrics: BTreeMap<String, f64>,
}

impl Folding {
    /// The cross-validation that the command line asks for, if it does.
    pub(super) fn asked(global: &Global, args: &Args) -> Result<Option<Self>, Failure> {
        if let Some(folds) = args.folds {
            if let Some(dir) = &args.run {
                run_folder::check_free(dir)?;
            }
            return Ok(Some(Self { recipe: new_recipe(global, args)?, folds: folds as usize, begun: None }));
        }
        let Some(dir) = &args.resume else { return Ok(None) };
        let Some(Folds { folds }) = Folds::of(dir)? else { return Ok(None) };
        let recipe = super::resumed_recipe(global, args, dir)?;
        if args.epochs.is_some() || args.stop_after.is_some() {
            return Err(format!("{}: a cross-validation goes on as it was begun, without --epochs and --stop-after", dir.display()).into());
        }
        Ok(Some(Self { recipe, folds, begun: Some(dir.clone()) }))
    }

    pub(super) fn run(&self, global: &Global, args: &Args) -> Result<Ending, Failure> {
        let began = Instant::now();
        let device = global.open()?;
        let Data { train: whole, skipped, .. } = self.recipe.unsplit().data(args.data.as_deref())?;
        let parts = folds(&whole, self.folds, self.recipe.seed)?;
        // Made before anything is written: what does not fit is refused with nothing left behind.
        let trainer = self.trainer(&device, &whole, &parts, 0)?.0;
        skipped.iter().for_each(|file| log::warn!("left out: {file}"));
        args.tell(format!("{}, {} folds of {} samples, on {}\n", self.recipe.name, self.folds, whole.len(), device.runtime().facts().name));
        args.tell(trainer.model().summary());
        drop(trainer);
        let dir = match &self.begun {
            Some(dir) => dir.clone(),
            None => run_folder::create_folds(&args.out, args.run.as_deref(), &self.recipe, &Folds { folds: self.folds })?,
        };
        let mut done = Vec::new();
        for number in 0..self.folds {
            let run = dir.join(folder(number));
            let fold = match finished(&run)? {
                Some(fold) => fold,
                None => self.fold(global, args, &device, &whole, &parts, number, &run)?,
            };
            let line = format!("fold {}/{}: {}", number + 1, self.folds, scores(&fold.metrics));
            args.tell(&line);
            done.push(fold);
        }
        self.tell(args, &device, &dir, &done, began)?;
        Ok(Ending::Good)
    }

    /// A trainer for a fold, with its data.
    fn trainer(&self, device: &Device, whole: &Dataset, parts: &[Vec<usize>], number: usize) -> Result<(Trainer, Data), Failure> {
        let (train, held) = fold(whole, parts, number);
        let held = Arc::new(held);
        let data = Data { train: Arc::new(train), validation: Some(held.clone()), test: held, skipped: Vec::new() };
        let mut trainer = self.recipe.trainer(device, &data)?;
        trainer.plan(&data.train)?;
        Ok((trainer, data))
    }

    /// Trains a fold, or what is left of it, and measures it.
    #[expect(clippy::too_many_arguments, reason = "one call, right above")]
    fn fold(&self, global: &Global, args: &Args, device: &Device, whole: &Dataset, parts: &[Vec<usize>], number: usize, run: &Path) -> Result<Fold, Failure> {
        let (mut trainer, data) = self.trainer(device, whole, parts, number)?;
        args.tell(format!("\nfold {} of {}: {} samples train, {} validate", number + 1, self.folds, data.train.len(), data.test.len()));
        if run.join(Kind::Last.file_name()).is_file() {
            trainer.resume(run)?;
        } else {
            let start = pollster::block_on(trainer.checkpoint())?;
            run_folder::create(run, Some(run), &self.recipe, &Input::of(&data.train), &start)?;
        }
        logging::to_file(&run.join("train.log"));
        logging::note(&format!("fold {} of {} of {}, seed {}", number + 1, self.folds, self.recipe.name, self.recipe.seed));
        let options = trainer.options_mut();
        options.run = Some(run.to_owned());
        options.keep = Some(KEEP);
        fit(global, args, &self.recipe, &mut trainer, &data)?;
        let test = trainer.test_blocking(&data.test)?;
        let metrics = std::iter::once(("loss".to_owned(), test.evaluation.loss)).chain(test.answers.metrics().scalars()).collect();
        let result =
            Fold { fold: number + 1, run: folder(number), trained: data.train.len(), samples: data.test.len(), epochs: trainer.position().epoch, metrics };
        atomic_write(&run.join(RESULT), format!("{}\n", serde_json::to_string_pretty(&result)?).as_bytes())?;
        Ok(result)
    }

    /// Mean and deviation over the folds.
    fn tell(&self, args: &Args, device: &Device, dir: &Path, done: &[Fold], began: Instant) -> Result<(), Failure> {
        let mut rows: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for name in done.iter().flat_map(|fold| fold.metrics.keys()) {
            let values: Vec<f64> = done.iter().filter_map(|fold| fold.metrics.get(name).copied()).collect();
            rows.extend(mean_and_deviation(&values).map(|pair| (name.as_str(), pair)));
        }
        let side = |pick: fn(&(f64, f64)) -> f64| rows.iter().map(|(name, pair)| (*name, pick(pair))).collect::<BTreeMap<_, _>>();
        let results = json!({
            "recipe": self.recipe.name,
            "run": dir,
            "adapter": device.runtime().facts().name,
            "seed": self.recipe.seed,
            "folds": done,
            "mean": side(|p| p.0),
            "std": side(|p| p.1),
        });
        atomic_write(&dir.join(RESULTS), format!("{}\n", serde_json::to_string_pretty(&results)?).as_bytes())?;
        if args.json {
            return say_json(&results);
        }
        let width = rows.keys().map(|name| name.len()).max().unwrap_or(0);
        args.tell(format!("\nover {} folds, mean ± standard deviation:", self.folds));
        rows.iter().for_each(|(name, (mean, deviation))| args.tell(format!("  {name:<width$}  {mean:.4} ± {deviation:.4}")));
        args.tell(format!("time     {}", wgrad_nn::report::progress::format_time(began.elapsed())));
        args.tell(format!("results  {}", dir.join(RESULTS).display()));
        Ok(())
    }
}

fn folder(number: usize) -> String {
    format!("fold-{}", number + 1)
}

/// The numbers of a fold that is done.
fn finished(run: &Path) -> Result<Option<Fold>, Failure> {
    let path = run.join(RESULT);
    match std::fs::read(&path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).map_err(|e| format!("{}: {e}; remove it to measure the fold again", path.display()))?)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{}: {e}", path.display()).into()),
    }
}

fn scores(metrics: &BTreeMap<String, f64>) -> String {
    let shown = ["loss", "accuracy", "macro_f1", "roc_auc", "mae", "r2"];
    let parts: Vec<String> = shown.iter().filter_map(|name| metrics.get(*name).map(|v| format!("{name} {v:.4}"))).collect();
    parts.join(", ")
}
