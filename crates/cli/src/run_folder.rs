//! A run's folder: `recipe.toml`, `input.json`, `last.*`, `best.*`, `history.*`, `curve.png`, `train.log`, and
//! `.previous.safetensors`, the last checkpoint but one.

use crate::Failure;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use wgrad_nn::files::{Checkpoint, Input, Kind, atomic_write};
use wgrad_nn::{Recipe, Trainer};
use wgrad_tensor::Device;

/// Name of the recipe in a run folder.
const RECIPE: &str = "recipe.toml";
/// Name of the description of the samples in a run folder.
const INPUT: &str = "input.json";

/// Name of the description of a cross-validation in its folder.
const FOLDS: &str = "folds.json";

/// A cross-validation: its folder holds a run folder `fold-1`, `fold-2`… for each part of the training set that validates once.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Folds {
    /// The number of parts.
    pub(crate) folds: usize,
}

impl Folds {
    /// What the folder says of itself; `None` where it is none of a cross-validation.
    pub(crate) fn of(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(FOLDS);
        match std::fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?)),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(format!("{}: {e}", path.display()).into()),
        }
    }
}

/// Reads what the samples of a run look like.
fn input(run: &Path) -> Result<Input, Failure> {
    let path = run.join(INPUT);
    let text = std::fs::read(&path).map_err(|e| format!("{}: {e}; is {} the folder of a run?", path.display(), run.display()))?;
    Ok(serde_json::from_slice(&text).map_err(|e| format!("{}: {e}; it says what the network takes, copy it from the run's beginning", path.display()))?)
}

/// The recipe of a run.
pub(crate) fn recipe(run: &Path) -> Result<Recipe, Failure> {
    let path = run.join(RECIPE);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}; is {} the folder of a run?", path.display(), run.display()))?;
    Ok(Recipe::parse(&path.display().to_string(), &text)?)
}

/// Replaces the recipe of a run.
pub(crate) fn save_recipe(run: &Path, recipe: &Recipe) -> Result<(), Failure> {
    Ok(atomic_write(&run.join(RECIPE), recipe.to_toml().as_bytes())?)
}

/// Makes the folder of a new run with all that is needed to begin or resume it: `wanted`, or the first free
/// `<out>/<name>-<n>`. It appears whole under its name or not at all, and never in place of another run.
pub(crate) fn create(out: &Path, wanted: Option<&Path>, recipe: &Recipe, input: &Input, start: &Checkpoint) -> Result<PathBuf, Failure> {
    create_with(out, wanted, &recipe.name, |made| fill(made, recipe, input, start))
}

/// Makes the folder of a new cross-validation: its recipe and the number of its folds.
pub(crate) fn create_folds(out: &Path, wanted: Option<&Path>, recipe: &Recipe, folds: &Folds) -> Result<PathBuf, Failure> {
    create_with(out, wanted, &format!("{}-folds", recipe.name), |made| {
        save_recipe(made, recipe)?;
        Ok(atomic_write(&made.join(FOLDS), format!("{}\n", serde_json::to_string_pretty(folds)?).as_bytes())?)
    })
}

/// Makes a folder that `fill` fills: `wanted`, or the first free `<out>/<name>-<n>`.
fn create_with(out: &Path, wanted: Option<&Path>, name: &str, fill: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<PathBuf, Failure> {
    let parent = match wanted {
        Some(dir) => dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        None => out,
    };
    let made = parent.join(format!(".{name}-{}.tmp", std::process::id()));
    let filled = fill(&made).and_then(|()| place(&made, out, wanted, name));
    if filled.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_dir_all(&made);
    }
    filled
}

fn fill(dir: &Path, recipe: &Recipe, input: &Input, start: &Checkpoint) -> Result<(), Failure> {
    save_recipe(dir, recipe)?;
    atomic_write(&dir.join(INPUT), format!("{}\n", serde_json::to_string_pretty(input)?).as_bytes())?;
    Ok(start.save(dir, Kind::Last)?)
}

/// Moves a filled folder to its name; a move onto a folder that holds anything fails, which is what keeps runs apart.
fn place(made: &Path, out: &Path, wanted: Option<&Path>, name: &str) -> Result<PathBuf, Failure> {
    let refused = |dir: &Path, e: &std::io::Error| format!("{}: the run folder cannot be made: {e}", dir.display());
    if let Some(dir) = wanted {
        check_free(dir)?;
        std::fs::rename(made, dir).map_err(|e| refused(dir, &e))?;
        return Ok(dir.to_path_buf());
    }
    for n in 1u64.. {
        let dir = out.join(format!("{name}-{n}"));
        if std::fs::symlink_metadata(&dir).is_ok() {
            continue;
        }
        match std::fs::rename(made, &dir) {
            Ok(()) => return Ok(dir),
            // Another program took the number in between.
            Err(e) if matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => {}
            Err(e) => return Err(refused(&dir, &e).into()),
        }
    }
    Err("all numbers of runs are taken".into())
}

/// Refuses a folder for a new run that holds something.
pub(crate) fn check_free(dir: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{0}: is not empty; `wgrad train --resume {0}` goes on with a run, another --run starts a new one", dir.display()).into()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(format!("{}: {e}", dir.display()).into()),
    }
}

/// A trained network as it lies on disk.
pub(crate) struct Trained {
    /// The file of the checkpoint.
    pub(crate) file: PathBuf,
    /// How it was trained.
    pub(crate) recipe: Recipe,
    /// What it must be given.
    pub(crate) input: Input,
    /// Its weights, and where its training stood.
    pub(crate) checkpoint: Checkpoint,
}

impl Trained {
    /// Opens one of a run's checkpoints, or a checkpoint by itself: a file that this program or a browser wrote.
    pub(crate) fn open(run: &Path, kind: Kind) -> Result<Self, Failure> {
        if !run.is_file() {
            let (file, recipe) = (run.join(kind.file_name()), recipe(run)?);
            return Ok(Self { file, recipe, input: input(run)?, checkpoint: Checkpoint::load(run, kind)? });
        }
        let name = run.display().to_string();
        let bytes = std::fs::read(run).map_err(|e| format!("{name}: {e}"))?;
        let checkpoint = Checkpoint::from_bytes(&name, &bytes)?;
        let Some(about) = checkpoint.state.about.clone() else {
            return Err(format!("{name}: the file does not say what recipe made it; give the folder of its run").into());
        };
        let recipe = Recipe::parse(&format!("inside of {name}"), &about.recipe)?;
        Ok(Self { file: run.to_path_buf(), recipe, input: about.input, checkpoint })
    }

    /// A trainer with its weights, to evaluate and predict.
    pub(crate) fn trainer(&self, device: &Device) -> Result<Trainer, Failure> {
        let model = self.recipe.model(device, &self.input.shape, &self.input.classes)?;
        let mut trainer = Trainer::new(device, model, self.recipe.loss, self.recipe.optimizer.clone(), self.recipe.options())?;
        trainer.restore_weights(&self.file.display().to_string(), &self.checkpoint)?;
        Ok(trainer)
    }
}

/// Which of a run's checkpoints.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Which {
    /// The weights after the last step (the default).
    #[arg(long)]
    pub(crate) last: bool,
    /// The weights with the best validation loss.
    #[arg(long, conflicts_with = "last")]
    pub(crate) best: bool,
}

impl Which {
    /// The kind of checkpoint.
    pub(crate) fn kind(self) -> Kind {
        if self.best { Kind::Best } else { Kind::Last }
    }
}
