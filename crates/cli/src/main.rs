//! The `wgrad` command: one file a command in `commands`, what they share beside it.

mod args;
mod bench_table;
mod commands;
mod images;
mod logging;
mod metrics_table;
mod run_folder;
mod single_op;
mod tensor_file;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

/// Why a command could not do its work. Every such error ends the program with code 2.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Code 0.
    Good,
    /// Code 1: a verification found a difference.
    Different,
    /// Code 2: some lines of a batch were refused; the others are done.
    Refused,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let global = &cli.global;
    let quiet = matches!(&cli.command, Command::Train(args) if args.quiet);
    logging::start(global, quiet);
    let result = match &cli.command {
        Command::Info(args) => commands::info::run(global, args),
        Command::Recipes(args) => commands::recipes::run(args),
        Command::Data(args) => commands::data::run(global, args),
        Command::Train(args) => commands::train::run(global, args),
        Command::Eval(args) => commands::eval::run(global, args),
        Command::Predict(args) => commands::predict::run(global, args),
        Command::Summary(args) => commands::summary::run(global, args),
        Command::Verify(args) => commands::verify::run(global, args),
        Command::Bench(args) => commands::bench::run(global, args),
        Command::Op(args) => commands::op::run(global, args),
    };
    match result {
        Ok(Ending::Good) => ExitCode::SUCCESS,
        Ok(Ending::Different) => ExitCode::from(1),
        Ok(Ending::Refused) => ExitCode::from(2),
        Err(error) => {
            log::logger().flush();
            eprintln!("error: {}", explain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, leaving out those that its own message already holds.
pub(crate) fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let line = next.to_string();
        if !text.contains(&line) {
            text.push_str(&format!("\n  caused by: {line}"));
        }
        cause = next.source();
    }
    text
}
