//! `wgrad train`

mod folds;

use super::{say, say_json, score};
use crate::args::Global;
use crate::run_folder;
use crate::{Ending, Failure, logging};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wgrad_nn::data::augment::Draw;
use wgrad_nn::files::{Input, Kind, atomic_write};
use wgrad_nn::recipe::Data;
use wgrad_nn::report::progress::{Metrics, format_metrics, format_time};
use wgrad_nn::report::{Progress, ProgressMode, Stream, progress};
use wgrad_nn::{Evaluation, Recipe, Trainer};
use wgrad_tensor::Device;

/// Age of the state in memory from which training goes on where the device is lost.
const KEEP: Duration = Duration::from_secs(10);

/// The most parameters that are printed when training ends.
const PRINTED: usize = 16;

/// Arguments of `wgrad train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  wgrad train quickstart                    # digits that the program draws itself
  wgrad train mnist-mlp --data ~/mnist --epochs 3
  wgrad train mine.toml --stop-after 2 --run runs/mine
  wgrad train --resume runs/mine            # goes on to the last epoch, with the same result as an unbroken run
  wgrad train mine.toml --folds 5           # cross-validation; --resume goes on with it too")]
pub(crate) struct Args {
    /// A TOML file, or the name of a built-in recipe (`wgrad recipes`). Not needed with --resume.
    #[arg(required_unless_present = "resume")]
    recipe: Option<String>,
    /// The folder in which data files are looked for first; then come WGRAD_DATA and the user's cache.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder in which run folders are made.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// The run folder itself, instead of the next free number in --out.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["resume", "out"])]
    run: Option<PathBuf>,
    /// Epochs in all, instead of the recipe's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Samples a step, instead of the recipe's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "resume")]
    batch_size: Option<u32>,
    /// Goes on with the run in this folder.
    #[arg(long, value_name = "RUN", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// Stops after this epoch as if interrupted.
    #[arg(long, value_name = "EPOCH", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Cross-validates: cuts the training set into so many parts (of equal shares of each class, by the seed), trains a network
    /// for each on all the others, and tells mean and standard deviation of the metrics on the parts left out.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..), conflicts_with_all = ["resume", "stop_after", "profile", "steps_csv"])]
    folds: Option<u32>,
    /// Threads that make batches; without it as many as make sense. Changes no result.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
    /// Writes the result as JSON; progress goes to standard error.
    #[arg(long)]
    json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Times the kernels of a step, prints the table and writes trace.json (Chrome's trace format) into the run folder.
    #[arg(long)]
    profile: bool,
    /// Reads the loss of every step and writes `step,loss` lines to this file; costs a readback a step.
    #[arg(long, value_name = "FILE")]
    steps_csv: Option<PathBuf>,
}

impl Args {
    /// What is for people, unless JSON or nothing was asked for.
    fn tell(&self, text: impl AsRef<str>) {
        if !self.json && !self.quiet {
            say(text);
        }
    }
}

/// Trains a network.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    if let Some(folds) = folds::Folding::asked(global, args)? {
        return folds.run(global, args);
    }
    let began = Instant::now();
    let recipe = match &args.resume {
        Some(run) => resumed_recipe(global, args, run)?,
        None => new_recipe(global, args)?,
    };
    if let Some(dir) = &args.run {
        run_folder::check_free(dir)?;
    }
    let device = global.open()?;
    let data = recipe.data(args.data.as_deref())?;
    let mut trainer = recipe.trainer(&device, &data)?;
    // The plan is made before anything is written: what does not fit is refused with nothing left behind.
    let plan = trainer.plan(&data.train)?.to_string();
    let run = begin(args, &recipe, &data, &mut trainer)?;
    logging::to_file(&run.join("train.log"));
    let options = trainer.options_mut();
    options.run = Some(run.clone());
    options.stop_after = args.stop_after;
    options.look_every = args.steps_csv.as_ref().map(|_| 1);
    options.keep = Some(KEEP);
    let start = trainer.position();
    log::info!("adapter {}", device.runtime().facts());
    data.skipped.iter().for_each(|file| logging::note(&format!("left out: {file}")));
    logging::note(&format!("recipe {}, seed {}, from epoch {} step {}", recipe.name, recipe.seed, start.epoch, start.step));
    logging::note(&format!("plan of a step:\n{plan}"));
    args.tell(format!("{} on {}\n", recipe.name, device.runtime().facts().name));
    args.tell(trainer.model().summary());
    args.tell(format!("memory of a step: {}\n", plan.lines().last().unwrap_or_default()));
    if args.resume.is_some() {
        args.tell(format!("going on with {} after epoch {}, step {}", run.display(), start.epoch, start.step));
    }
    if let Some(stop) = args.stop_after.filter(|&stop| stop <= start.epoch) {
        return Err(format!("--stop-after {stop}: the run has finished {} epochs already", start.epoch).into());
    }
    let result = fit(global, args, &recipe, &mut trainer, &data);
    if let Err(error) = result {
        log::logger().flush();
        logging::note(&format!("error: {error}"));
        return Err(error);
    }
    let test = trainer.evaluate_blocking(&data.test)?;
    let end = Report { recipe: &recipe, run: &run, trainer: &trainer, test, seconds: began.elapsed().as_secs_f64() };
    logging::note(&end.line());
    end.tell(args, &device)?;
    if args.profile {
        profile(args, &recipe, &data, &device, &run)?;
    }
    Ok(Ending::Good)
}

/// The recipe named, with the changes of the command line.
fn new_recipe(global: &Global, args: &Args) -> Result<Recipe, Failure> {
    // invariant: clap asks for a recipe where there is no --resume.
    let mut recipe = named_recipe(args.recipe.as_deref().unwrap_or_default())?;
    recipe.epochs = args.epochs.unwrap_or(recipe.epochs);
    recipe.batch_size = args.batch_size.map_or(recipe.batch_size, |n| n as usize);
    recipe.seed = global.seed.unwrap_or(recipe.seed);
    Ok(recipe)
}

/// A recipe by its file or its built-in name.
pub(super) fn named_recipe(name: &str) -> Result<Recipe, Failure> {
    let path = Path::new(name);
    let looks_like_a_file = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    if !path.is_file() && !looks_like_a_file {
        return Ok(Recipe::built_in(name)?);
    }
    let text = std::fs::read_to_string(path).map_err(|e| format!("recipe {name}: {e}"))?;
    Ok(Recipe::parse(name, &text)?)
}

/// The recipe that a run was begun with; only the number of epochs may change.
fn resumed_recipe(global: &Global, args: &Args, run: &Path) -> Result<Recipe, Failure> {
    let mut recipe = run_folder::recipe(run)?;
    if let Some(name) = &args.recipe {
        let given = named_recipe(name)?;
        let same = Recipe { seed: recipe.seed, epochs: recipe.epochs, batch_size: recipe.batch_size, ..given };
        if same != recipe {
            return Err(format!("{}: the run was begun with another recipe than {name}; leave the recipe out to go on with its own", run.display()).into());
        }
    }
    if let Some(seed) = global.seed.filter(|&seed| seed != recipe.seed) {
        return Err(format!("{}: the run was begun with seed {}, it cannot go on with {seed}", run.display(), recipe.seed).into());
    }
    recipe.epochs = args.epochs.unwrap_or(recipe.epochs);
    Ok(recipe)
}

/// The folder of the run: a new one, or the old one with its checkpoint taken over.
fn begin(args: &Args, recipe: &Recipe, data: &Data, trainer: &mut Trainer) -> Result<PathBuf, Failure> {
    let Some(run) = &args.resume else {
        let start = pollster::block_on(trainer.checkpoint())?;
        return run_folder::create(&args.out, args.run.as_deref(), recipe, &Input::of(&data.train), &start);
    };
    trainer.resume(run)?;
    if args.epochs.is_some() {
        run_folder::save_recipe(run, recipe)?;
    }
    Ok(run.clone())
}

/// Trains; where the device is lost, on a new one.
fn fit(global: &Global, args: &Args, recipe: &Recipe, trainer: &mut Trainer, data: &Data) -> Result<(), Failure> {
    let mode = if args.quiet { ProgressMode::Quiet } else { ProgressMode::Auto };
    let shown = progress(mode, if args.json { Stream::Stderr } else { Stream::Stdout });
    let mut logged = Logged { shown, epoch: 0, losses: args.steps_csv.as_ref().map(|_| "step,loss\n".to_owned()) };
    trainer.options_mut().workers = args.workers.map_or(0, usize::from);
    let renew = async || recipe.trainer(&Device::open(&global.select()).await?, data);
    let done = pollster::block_on(trainer.fit_renewing(&data.train, &mut logged, renew));
    if let (Some(file), Some(losses)) = (&args.steps_csv, logged.losses) {
        atomic_write(file, losses.as_bytes())?;
    }
    Ok(done?)
}

/// Progress that the log keeps too.
struct Logged {
    shown: Box<dyn Progress>,
    epoch: usize,
    /// Lines of CSV, one a step.
    losses: Option<String>,
}

impl Progress for Logged {
    fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize) {
        self.epoch = epoch;
        self.shown.start_epoch(epoch, epochs, steps);
    }

    fn step(&mut self, done: usize, metrics: Metrics<'_>) {
        self.shown.step(done, metrics);
    }

    fn batch_loss(&mut self, step: u64, loss: f64) {
        if let Some(losses) = &mut self.losses {
            losses.push_str(&format!("{step},{loss}\n"));
        }
    }

    fn finish_epoch(&mut self, metrics: Metrics<'_>) {
        logging::note(&format!("epoch {}: {}", self.epoch, format_metrics(metrics)));
        self.shown.finish_epoch(metrics);
    }

    fn note(&mut self, text: &str) {
        logging::note(text);
        self.shown.note(text);
    }
}

/// What a run came to.
struct Report<'a> {
    recipe: &'a Recipe,
    run: &'a Path,
    trainer: &'a Trainer,
    test: Evaluation,
    seconds: f64,
}

impl Report<'_> {
    fn line(&self) -> String {
        format!("test {}", score(&self.test))
    }

    fn tell(&self, args: &Args, device: &Device) -> Result<(), Failure> {
        let (last, best) = (self.run.join(Kind::Last.file_name()), self.run.join(Kind::Best.file_name()));
        let (curve, position) = (self.run.join("curve.png"), self.trainer.position());
        let finished = position.epoch >= self.recipe.epochs;
        if args.json {
            return say_json(&json!({
                "recipe": self.recipe.name,
                "run": self.run,
                "adapter": device.runtime().facts().name,
                "seed": self.recipe.seed,
                "epoch": position.epoch,
                "epochs": self.recipe.epochs,
                "step": position.step,
                "test_loss": self.test.loss,
                "test_accuracy": self.test.accuracy,
                "test_samples": self.test.samples,
                "history": self.trainer.history(),
                "parameters": self.parameters()?.into_iter().collect::<serde_json::Map<_, _>>(),
                "curve": curve,
                "checkpoint": last,
                "best_checkpoint": best.is_file().then_some(best),
                "seconds": self.seconds,
            }));
        }
        let mut lines = vec![String::new(), self.line()];
        for (name, values) in self.parameters()? {
            let letter = if name.ends_with("weight") { "W" } else { "b" };
            lines.push(format!("{letter} = {values}  ({name})"));
        }
        let rows = &self.trainer.history().rows;
        let (waited, trained) = (rows.iter().filter_map(|r| r.data_wait).sum::<f64>(), rows.iter().map(|r| r.seconds).sum::<f64>());
        let share = 100.0 * waited / trained.max(1e-9);
        lines.push(format!("time   {} (training waited {waited:.1} s for data, {share:.0} %)", format_time(std::time::Duration::from_secs_f64(self.seconds))));
        lines.push(format!("curve  {}", curve.display()));
        lines.push(format!("model  {}", last.display()));
        if !finished && args.stop_after == Some(position.epoch) {
            lines.push(format!("stopped after epoch {} of {}: `wgrad train --resume {}` goes on", position.epoch, self.recipe.epochs, self.run.display()));
        }
        args.tell(lines.join("\n"));
        Ok(())
    }

    /// The parameters of a model that has but a few: nested lists of their shapes.
    fn parameters(&self) -> Result<Vec<(String, serde_json::Value)>, Failure> {
        let parameters = self.trainer.model().parameters();
        if parameters.iter().map(|p| p.ty().shape.numel()).sum::<usize>() > PRINTED {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for parameter in parameters {
            let values = pollster::block_on(parameter.read())?.f32s()?;
            let value = match values.as_slice() {
                [one] => json!(one),
                many => json!(many),
            };
            all.push((parameter.name().to_owned(), value));
        }
        Ok(all)
    }
}

/// Times a step on a model of its own, so that the trained one stays as it is on disk.
fn profile(args: &Args, recipe: &Recipe, data: &Data, device: &Device, run: &Path) -> Result<(), Failure> {
    let mut trainer = recipe.trainer(device, data)?;
    let profile = pollster::block_on(trainer.profile(&data.train))?;
    let trace = run.join("trace.json");
    atomic_write(&trace, profile.to_chrome_trace().as_bytes())?;
    args.tell(format!("\none training step:\n{profile}"));
    let began = Instant::now();
    let batch = recipe.batch_size.min(data.train.len());
    let (mut x, mut y) = Default::default();
    data.train.fill_training(&(0..batch).collect::<Vec<_>>(), Draw::default(), &mut x, &mut y);
    args.tell(format!("its batch of {batch} takes {:.2} ms to make on one thread", began.elapsed().as_secs_f64() * 1e3));
    args.tell(format!("trace  {} (open it in chrome://tracing or ui.perfetto.dev)", trace.display()));
    Ok(())
}
