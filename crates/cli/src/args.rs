//! The command line.

use crate::{Failure, commands};
use clap::{Parser, Subcommand};
use wgrad_tensor::Device;
use wgrad_tensor::runtime::Select;

/// Train neural networks on any GPU over WebGPU, verified against a CPU reference on that very device.
#[derive(Debug, Parser)]
#[command(
    name = "wgrad",
    version,
    propagate_version = true,
    after_help = "A first run: `wgrad train quickstart`. Exit codes: 0 done, 1 verification found a difference, 2 anything else that went wrong."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The adapter: `gpu` (a real one), `cpu` (a software adapter; for `op` the f64 reference), a number, or a part of a name.
    #[arg(long, global = true, value_name = "gpu|cpu|N|NAME")]
    pub(crate) device: Option<String>,
    /// Decides everything random: initial weights, the order of the batches, dropout.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Says more: once for what is done, twice for how. WGRAD_LOG or RUST_LOG set it by module.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Global {
    /// The adapter asked for; the best there is where none was named.
    pub(crate) fn select(&self) -> Select {
        // invariant: parsing cannot fail, any text is a part of a name.
        self.device.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Opens the adapter asked for.
    pub(crate) fn open(&self) -> Result<Device, Failure> {
        Ok(Device::open_blocking(&self.select())?)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the adapters, what they can do, and which one is chosen and why.
    Info(commands::info::Args),
    /// Lists the built-in recipes, or prints one.
    Recipes(commands::recipes::Args),
    /// Prints a recipe's layers, shapes, parameters, FLOPs and memory.
    Summary(commands::summary::Args),
    /// Shows the data of a recipe, or downloads data sets.
    Data(commands::data::Args),
    /// Trains a network as a recipe says, or goes on with a run.
    Train(commands::train::Args),
    /// Measures a trained network on the test set.
    Eval(commands::eval::Args),
    /// Says what a trained network sees in images.
    Predict(commands::predict::Args),
    /// Checks every op, case and variant on the adapter against the f64 reference.
    Verify(commands::verify::Args),
    /// Measures how fast the adapter is.
    Bench(commands::bench::Args),
    /// Runs one op on tensors from a file.
    Op(commands::op::Args),
}
