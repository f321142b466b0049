//! Tests in browsers: the op cases from inside the wasm, and the page as a person uses it.

use super::{Built, toolchain};
use crate::apt;
use crate::run::{Command, Failure};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Seconds for all op cases in one browser. A software adapter on two cores takes a few minutes.
const CASES_LIMIT: &str = "1500";

/// The browsers' programs.
pub(crate) struct Browsers {
    chromium: PathBuf,
    driver: PathBuf,
    firefox: PathBuf,
}

/// What the tests need: a variable that names the program, its usual names, and Debian's package with it.
const PROGRAMS: [(&str, &[&str], &str); 3] = [
    ("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"], "chromium"),
    ("CHROMEDRIVER", &["chromedriver"], "chromium-driver"),
    ("FIREFOX", &["firefox-esr", "firefox"], "firefox-esr"),
];

/// Finds the browsers, or installs them. Where neither can be, they are left out with a word; but not in CI, where nobody
/// would read it.
pub(crate) fn ensure(yes: bool) -> Result<Option<Browsers>, Failure> {
    let missing: Vec<&str> = PROGRAMS.iter().filter(|(variable, names, _)| program(variable, names).is_none()).map(|(_, _, package)| *package).collect();
    if !missing.is_empty() {
        println!("Browsers for the tests: missing {}.", missing.join(", "));
        if apt::available()
            && let Err(Failure(why)) = apt::install("browsers for the tests", &missing, yes)
        {
            println!("{why}");
        }
    }
    let mut found = PROGRAMS.iter().map_while(|(variable, names, _)| program(variable, names));
    if let (Some(chromium), Some(driver), Some(firefox)) = (found.next(), found.next(), found.next()) {
        return Ok(Some(Browsers { chromium, driver, firefox }));
    }
    let what = "the tests in browsers need Chromium with chromedriver, and Firefox: install them, or name the programs in CHROMIUM, CHROMEDRIVER and FIREFOX";
    if crate::in_ci() {
        return Err(Failure(what.to_owned()));
    }
    println!("LEFT OUT: {what}.");
    Ok(None)
}

fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))));
    named.into_iter().chain(files).find(|file| file.is_file())
}

/// All of them.
pub(crate) fn test(built: &Built, browsers: &Browsers) -> Result<(), Failure> {
    let Built { folders, toolchain, bindgen, node } = built;
    let runner = bindgen.join("wasm-bindgen-test-runner");
    // One program for both places; compiling it is what takes time. The profile is that of the package, so that everything
    // but the tests themselves is there.
    for (place, variable) in [("on the page", "WASM_BINDGEN_USE_BROWSER"), ("in a worker", "WASM_BINDGEN_USE_DEDICATED_WORKER")] {
        timed(&format!("op cases in Chromium, {place}"), || {
            let args = ["test", "--locked", "--profile", "wasm", "--target", toolchain::TARGET, "--package", "wgrad-web", "--tests", "--", "--nocapture"];
            let command = toolchain.cargo(&folders.target, &args).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &runner);
            let command = without_drivers(command).env("CHROMEDRIVER", &browsers.driver).env("WASM_BINDGEN_TEST_TIMEOUT", CASES_LIMIT);
            command.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30").env(variable, "1").run()
        })?;
    }
    timed("paths through the page", || {
        crate::cargo(&["build", "--package", "wgrad-cli"]).run()?;
        let tests = paths(&folders.root)?;
        let mut args = vec!["--test", "--test-concurrency=1"];
        args.extend(tests.iter().map(String::as_str));
        let wgrad = folders.target.join("debug").join(format!("wgrad{}", std::env::consts::EXE_SUFFIX));
        let command = node.run(&args).env("CHROMIUM", &browsers.chromium).env("FIREFOX", &browsers.firefox).env("WGRAD", wgrad);
        command.env("WGRAD_SITE", &folders.site).env("WGRAD_PACKAGE", &folders.package).run()
    })
}

/// wasm-bindgen takes the first driver that the environment names, which might be another browser's.
fn without_drivers(command: Command) -> Command {
    ["GECKODRIVER", "GECKODRIVER_REMOTE", "SAFARIDRIVER", "SAFARIDRIVER_REMOTE", "CHROMEDRIVER_REMOTE"].into_iter().fold(command, Command::without)
}

/// The test files, named one by one: Node 18 takes no pattern.
fn paths(root: &Path) -> Result<Vec<String>, Failure> {
    let files = std::fs::read_dir(root.join("crates/web/e2e")).map_err(|e| Failure(format!("crates/web/e2e: {e}")))?;
    let names = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned());
    let mut tests: Vec<String> = names.filter(|n| n.ends_with(".test.mjs")).map(|n| format!("e2e/{n}")).collect();
    tests.sort();
    if tests.is_empty() { Err(Failure("crates/web/e2e has no *.test.mjs".to_owned())) } else { Ok(tests) }
}

fn timed(what: &str, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    println!("\n== {what}");
    let start = Instant::now();
    work()?;
    println!("{what}: {} s", start.elapsed().as_secs());
    Ok(())
}
