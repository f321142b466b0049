//! The project's own scripts, started with `cargo xtask COMMAND`. Plain Rust, no dependencies, no shell.

mod adapter;
mod apt;
mod licence;
mod oracle;
mod run;
mod tidy;
mod web;

use run::{Command, Failure};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND [--yes]

  demo       train the quickstart recipe with the release build, from nothing to a trained model
  test       format, lints, docs, project rules, then every test: in browsers, then of the workspace
  web        build the wasm package and its page, under target/web; --serve: then serve the page on 127.0.0.1:8080, or
             on another port with --port N; --test: the tests in browsers alone
  adapter    look for a graphics adapter, and install a software one where there is none
  tidy       the project's own rules alone
  support    write docs/support.md from the list of ops
  verify     check every op on this machine's adapter; --driver swiftshader: on SwiftShader instead
  oracle     compare every op with PyTorch on random cases; --help tells of its arguments

`demo`, `test`, `adapter`, `verify` and `oracle` need a graphics adapter, `web` needs a wasm toolchain and Node, the
tests need Chromium and Firefox, `oracle` Python. What is missing on Debian or Ubuntu is installed with apt-get (for graphics, Mesa's software
driver); --yes (or CI=true) answers the question before sudo.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (flags, words): (Vec<&str>, Vec<&str>) = args.iter().map(String::as_str).partition(|a| *a == "--yes" || *a == "-y");
    let yes = !flags.is_empty() || in_ci();
    let done = match words.as_slice() {
        ["demo"] => demo(yes),
        ["test"] => test(yes),
        ["adapter"] => adapter::ensure(yes),
        ["tidy"] => tidy::check(&root()),
        ["support"] => support(),
        ["verify", rest @ ..] => verify(yes, rest),
        ["oracle", rest @ ..] => oracle::run(yes, rest),
        ["web", rest @ ..] => web::run(yes, rest),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure(format!("no such command: {}\n\n{USAGE}", other.join(" ")))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Whether this runs on a build server, where nobody can be asked.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true" || v == "1")
}

/// The folder of the workspace: where cargo was told to look for it, so that a moved checkout still works.
fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The target folder. Everything that is built or installed for this project lies under it.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |set| std::path::absolute(&set).unwrap_or_else(|_| set.into()))
}

fn cargo(args: &[&str]) -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args).dir(root())
}

/// Trains `quickstart` through the command that users get.
fn demo(yes: bool) -> Result<(), Failure> {
    adapter::ensure(yes)?;
    println!("Building wgrad (release; a few minutes the first time)");
    cargo(&["build", "--release", "--package", "wgrad-cli"]).run()?;
    adapter::probe(&["--release"], yes)?;
    println!("Training the recipe quickstart: wgrad train quickstart");
    cargo(&["run", "--quiet", "--release", "--package", "wgrad-cli", "--bin", "wgrad", "--", "train", "quickstart"]).run()
}

/// Everything that must hold before a change goes in; the tests come last, so that their summary ends the output.
fn test(yes: bool) -> Result<(), Failure> {
    adapter::ensure(yes)?;
    if component("fmt") {
        step("format");
        cargo(&["fmt", "--all", "--check"]).run()?;
    }
    if component("clippy") {
        step("lints");
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()?;
    }
    step("docs");
    cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").run()?;
    step("project rules");
    tidy::check(&root())?;
    step("build");
    cargo(&["build", "--package", "wgrad-cli"]).run()?;
    adapter::probe(&[], yes)?;
    // Documentation first: the run ends with the closing lines of real tests, not of a crate without examples in its docs.
    step("examples in the documentation");
    cargo(&["test", "--workspace", "--doc"]).run()?;
    step("browsers");
    web::test(yes)?;
    step("tests");
    cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]).run()
}

fn step(name: &str) {
    println!("\n== {name}");
}

/// Whether a cargo component is there: a minimal toolchain comes without.
fn component(name: &str) -> bool {
    let there = cargo(&[name, "--version"]).quiet();
    if !there {
        println!("\n== {name} is not installed and is left out; to have it: rustup component add {}", if name == "fmt" { "rustfmt" } else { name });
    }
    there
}

/// The support table is made where the list of ops can be linked: in a test, which otherwise compares.
fn support() -> Result<(), Failure> {
    cargo(&["test", "--quiet", "--package", "xtask", "--test", "support"]).env("WGRAD_WRITE_SUPPORT", "1").run()?;
    println!("docs/support.md is up to date");
    Ok(())
}

/// `wgrad verify` on this machine's adapter, or on a second driver.
fn verify(yes: bool, rest: &[&str]) -> Result<(), Failure> {
    let mut rest = rest.to_vec();
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "wgrad-cli", "--bin", "wgrad", "--", "verify"]);
    match rest.iter().position(|a| *a == "--driver") {
        Some(at) => {
            let driver = rest.get(at + 1).copied().unwrap_or_default();
            if driver != "swiftshader" {
                return Err(Failure(format!("--driver {driver}: only swiftshader is known; for others set VK_ICD_FILENAMES yourself")));
            }
            let icd = adapter::swiftshader()?;
            println!("SwiftShader: {}", icd.display());
            command = command.env("VK_ICD_FILENAMES", &icd).env("VK_DRIVER_FILES", &icd);
            rest.drain(at..=at + 1);
        }
        None => adapter::ensure(yes)?,
    }
    command.args(&rest).run()
}
