//! `wgrad data`

mod show;

use super::say;
use crate::args::Global;
use crate::{Ending, Failure};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use wgrad_nn::data::fetch::{FetchProgress, MNIST_MIRROR, fetch_mnist};
use wgrad_nn::data::locate::cache_dir;

/// Arguments of `wgrad data`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Shows a recipe's data: samples of each class, shapes, what could not be read; and draws a sheet of them.
    Show(show::Args),
    /// Downloads a data set into the cache; goes on where an earlier try broke off, and checks what came.
    #[command(after_help = "Example:\n  wgrad data fetch mnist\n  wgrad data fetch mnist --mirror https://ossci-datasets.s3.amazonaws.com/mnist/ --to data")]
    Fetch {
        /// The data set.
        #[arg(value_enum)]
        set: Set,
        /// Where the files are downloaded from.
        #[arg(long, value_name = "URL", default_value = MNIST_MIRROR)]
        mirror: String,
        /// The folder in which a folder for the set is made, instead of the user's cache.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Set {
    /// Handwritten digits: 60,000 to train, 10,000 to test, 11 MB.
    Mnist,
}

/// Shows or downloads data.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    match &args.what {
        What::Show(args) => show::run(global, args),
        What::Fetch { set: Set::Mnist, mirror, to } => fetch(mirror, to.as_ref()),
    }
}

fn fetch(mirror: &str, to: Option<&PathBuf>) -> Result<Ending, Failure> {
    let cache = match to {
        Some(dir) => dir.clone(),
        None => cache_dir().ok_or("the system names no cache folder (HOME is not set); say where with --to DIR")?,
    };
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg} {bar:20.green/dim} {bytes}/{total_bytes} {bytes_per_sec}")?);
    let mut file = String::new();
    let result = fetch_mnist(mirror, &cache, &mut |now: FetchProgress<'_>| {
        if file != now.file {
            now.file.clone_into(&mut file);
            bar.set_message(file.clone());
            bar.reset();
        }
        bar.set_length(now.total.unwrap_or(now.received));
        bar.set_position(now.received);
    });
    bar.finish_and_clear();
    let folder = result?;
    say(format!("MNIST is in {}", folder.display()));
    if to.is_some() {
        say(format!("train with `wgrad train mnist-mlp --data {}`", folder.display()));
    }
    Ok(Ending::Good)
}
