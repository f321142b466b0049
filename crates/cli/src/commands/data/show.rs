//! `wgrad data show`

use crate::args::Global;
use crate::commands::train::named_recipe;
use crate::commands::{say, say_json};
use crate::{Ending, Failure, run_folder};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wgrad_nn::Recipe;
use wgrad_nn::data::Dataset;
use wgrad_nn::files::atomic_write;
use wgrad_nn::recipe::Data;
use wgrad_nn::report::contact_sheet;

/// Files that are listed one by one.
const LISTED: usize = 20;

/// Arguments of `wgrad data show`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The sheet has a class a row. Where the recipe transforms samples at random, a row is one sample: first as it is measured, then as the \
first epochs draw it; --seed draws others.

Examples:
  wgrad data show mnist-mlp
  wgrad data show mine.toml --data ~/photos --sheet sheet.png
  wgrad data show runs/mine --json"
)]
pub(super) struct Args {
    /// A TOML file, the name of a built-in recipe, or the folder of a run.
    recipe: String,
    /// The folder in which data files are looked for first; then come WGRAD_DATA and the user's cache.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Draws samples of the training set into this PNG.
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// Reads a recipe's data and tells what they are.
pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let folder = Path::new(&args.recipe);
    let mut recipe = if folder.is_dir() { run_folder::recipe(folder)? } else { named_recipe(&args.recipe)? };
    recipe.seed = global.seed.unwrap_or(recipe.seed);
    let began = Instant::now();
    let data = recipe.data(args.data.as_deref())?;
    let seconds = began.elapsed().as_secs_f64();
    if let Some(file) = &args.sheet {
        atomic_write(file, &contact_sheet(&data.train, recipe.seed)?)?;
    }
    let sets = sets(&data);
    if args.json {
        let all: serde_json::Map<String, serde_json::Value> = sets
            .iter()
            .map(|(name, set)| {
                let counts: serde_json::Map<_, _> = set.classes().iter().cloned().zip(set.class_counts().into_iter().map(|n| json!(n))).collect();
                ((*name).to_owned(), json!({ "name": set.name(), "samples": set.len(), "classes": counts }))
            })
            .collect();
        say_json(&json!({
            "recipe": recipe.name,
            "source": recipe.data.name(),
            "input": data.train.input_shape(),
            "classes": data.train.classes(),
            "normalize": data.train.normalize(),
            "augment": data.train.is_random(),
            "sets": all,
            "skipped": data.skipped,
            "seconds": seconds,
            "sheet": args.sheet,
        }))?;
        return Ok(Ending::Good);
    }
    say(text(&recipe, &data, &sets, seconds));
    if let Some(file) = &args.sheet {
        say(format!("sheet  {}", file.display()));
    }
    Ok(Ending::Good)
}

/// The sets with their names; what validates is named once where it is the test set.
fn sets(data: &Data) -> Vec<(&'static str, &Dataset)> {
    let validation = data.validation.as_ref().filter(|set| !std::sync::Arc::ptr_eq(set, &data.test));
    let mut sets = vec![("train", &*data.train)];
    sets.extend(validation.map(|set| ("validation", &**set)));
    sets.push(("test", &*data.test));
    sets
}

fn text(recipe: &Recipe, data: &Data, sets: &[(&str, &Dataset)], seconds: f64) -> String {
    let samples: usize = sets.iter().map(|(_, set)| set.len()).sum();
    let mut lines =
        vec![format!("{}: {}, samples of shape {:?}; {samples} read in {seconds:.1} s\n", recipe.name, recipe.data.name(), data.train.input_shape())];
    let classes = data.train.classes();
    let counts: Vec<Vec<usize>> = sets.iter().map(|(_, set)| set.class_counts()).collect();
    let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(7);
    let row = |name: &str, cells: Vec<String>| format!("{name:width$}{}", cells.iter().map(|cell| format!("  {cell:>10}")).collect::<String>());
    lines.push(row("class", sets.iter().map(|(name, _)| (*name).to_owned()).collect()));
    for (label, class) in classes.iter().enumerate().take(LISTED * 5) {
        lines.push(row(class, counts.iter().map(|counts| counts.get(label).copied().unwrap_or(0).to_string()).collect()));
    }
    lines.push(row("samples", sets.iter().map(|(_, set)| set.len().to_string()).collect()));
    if data.train.is_random() {
        lines.push("\ntransformed at random for training".to_owned());
    }
    if !data.skipped.is_empty() {
        lines.push(format!(
            "\nleft out, {} that cannot be read:",
            if data.skipped.len() == 1 { "1 file".to_owned() } else { format!("{} files", data.skipped.len()) }
        ));
        lines.extend(data.skipped.iter().take(LISTED).map(|file| format!("  {file}")));
        lines.extend((data.skipped.len() > LISTED).then(|| "  …".to_owned()));
    }
    lines.join("\n")
}
