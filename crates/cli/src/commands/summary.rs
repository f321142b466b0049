//! `wgrad summary`

use super::train::named_recipe;
use super::{say, say_json};
use crate::args::Global;
use crate::{Ending, Failure, run_folder};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wgrad_nn::recipe::Data;
use wgrad_nn::{Error, Model, Recipe, summary};
use wgrad_tensor::Device;
use wgrad_tensor::runtime::{Plan, human};

/// Samples of an evaluation's batch, at most.
const EVALUATED: usize = 512;

/// Arguments of `wgrad summary`.
#[derive(Debug, clap::Args)]
#[command(after_help = "FLOPs are floating-point operations of a forward pass, two for each multiplication with its addition, in linear layers and \
convolutions; biases, norms, activations and pooling are not counted. The bytes are those of the plan, so they depend on the adapter.

Examples:
  wgrad summary mnist-mlp
  wgrad summary mine.toml --batch-size 64 --json
  wgrad summary runs/mnist-mlp-1")]
pub(crate) struct Args {
    /// A TOML file, the name of a built-in recipe, or the folder of a run.
    recipe: String,
    /// The folder in which data files are looked for first, where the recipe does not tell the shape of a sample.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Samples a step, instead of the recipe's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// Prints what a recipe's network is made of and what it needs.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let folder = Path::new(&args.recipe);
    let mut recipe = if folder.is_dir() { run_folder::recipe(folder)? } else { named_recipe(&args.recipe)? };
    recipe.batch_size = args.batch_size.map_or(recipe.batch_size, |n| n as usize);
    let (input, classes) = match recipe.data.input_shape() {
        Some(shape) if !recipe.follows_classes() => (shape, Vec::new()),
        _ => {
            let train = recipe.data(args.data.as_deref())?.train;
            (train.input_shape().to_vec(), train.classes().to_vec())
        }
    };
    let device = global.open()?;
    let model = recipe.model(&device, &input, &classes)?;
    let rows = model.rows();
    let (parameters, flops) = summary::totals(&rows);
    let table = model.summary();
    let output = model.output_shape().to_vec();
    drop(model);
    let (batch, [train, evaluation]) = plans(&recipe, &device, &input, &output)?;
    if args.json {
        say_json(&json!({
            "recipe": recipe.name,
            "adapter": device.runtime().facts().name,
            "input": input,
            "output": output,
            "layers": rows,
            "parameters": parameters,
            "flops": flops,
            "train": planned(recipe.batch_size, &train),
            "evaluation": planned(batch, &evaluation),
        }))?;
        return Ok(Ending::Good);
    }
    say(format!("{} on {}\n\n{table}\n", recipe.name, device.runtime().facts().name));
    say(line("a training step", recipe.batch_size, &train, ["activations and gradients", "weights, the optimizer's state and a batch"]));
    say(line("an evaluation", batch, &evaluation, ["activations", "weights and a batch"]));
    Ok(Ending::Good)
}

/// Samples of an evaluation's batch, and the memory of a training step and of an evaluation; what does not fit the adapter is told,
/// since the rest is worth knowing.
fn plans(recipe: &Recipe, device: &Device, input: &[usize], output: &[usize]) -> Result<(usize, [Result<Plan, Error>; 2]), Failure> {
    let set = |samples: usize| recipe.stand_in(input, output, samples).map(Arc::new);
    let train = set(recipe.batch_size)?;
    let data = Data { train: train.clone(), validation: None, test: train.clone(), skipped: Vec::new() };
    let mut trainer = recipe.trainer(device, &data)?;
    let batch = trainer.evaluation_batch(EVALUATED);
    Ok((batch, [trainer.plan(&train), trainer.evaluation_plan(&*set(batch)?)]))
}

fn line(what: &str, batch: usize, plan: &Result<Plan, Error>, [temporary, external]: [&str; 2]) -> String {
    let what = format!("{what}, batches of {batch}:");
    match plan {
        Ok(plan) => format!(
            "{what:<36}{:>12} ({} for {temporary}, {} for {external})",
            human(plan.total_bytes()),
            human(plan.slot_bytes()),
            human(plan.external_bytes())
        ),
        Err(error) => format!("{what} {error}"),
    }
}

fn planned(batch: usize, plan: &Result<Plan, Error>) -> serde_json::Value {
    match plan {
        Ok(plan) => json!({
            "batch_size": batch,
            "bytes": plan.total_bytes(),
            "temporary_bytes": plan.slot_bytes(),
            "external_bytes": plan.external_bytes(),
            "uniform_bytes": plan.uniform_bytes(),
        }),
        Err(error) => json!({ "batch_size": batch, "error": error.to_string() }),
    }
}
