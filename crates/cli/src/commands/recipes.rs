//! `wgrad recipes`

use super::say;
use crate::{Ending, Failure};
use wgrad_nn::Recipe;
use wgrad_nn::recipe::BUILT_IN;

/// Arguments of `wgrad recipes`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wgrad recipes\n  wgrad recipes mnist-mlp > mine.toml    # a recipe of one's own begins with a copy\n  wgrad train mine.toml"
)]
pub(crate) struct Args {
    /// The recipe to print.
    name: Option<String>,
}

/// Lists the built-in recipes, or prints one.
pub(crate) fn run(args: &Args) -> Result<Ending, Failure> {
    let Some(name) = &args.name else {
        let width = BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, text) in BUILT_IN {
            let about = text.lines().next().unwrap_or_default().trim_start_matches('#').trim();
            say(format!("{name:<width$}  {about}"));
        }
        return Ok(Ending::Good);
    };
    match BUILT_IN.iter().find(|(known, _)| known == name) {
        Some((_, text)) => say(text.trim_end()),
        // Says which there are.
        None => drop(Recipe::built_in(name)?),
    }
    Ok(Ending::Good)
}
