//! The wasm package, the page on top of it, and their tests in browsers.

mod bindgen;
mod browsers;
mod bundle;
mod node;
mod serve;
mod std_source;
mod toolchain;

use crate::run::Failure;
use std::path::{Path, PathBuf};

/// The port where the page is served unless told otherwise.
const PORT: u16 = 8080;

/// Where things are.
pub(crate) struct Folders {
    pub(crate) root: PathBuf,
    /// The target folder.
    pub(crate) target: PathBuf,
    /// The package for npm.
    pub(crate) package: PathBuf,
    /// The page with all that it loads.
    pub(crate) site: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let root = crate::root();
        let target = crate::target();
        Self { package: target.join("web/package"), site: target.join("web/site"), root, target }
    }
}

/// What was built, and with what.
pub(crate) struct Built {
    folders: Folders,
    toolchain: toolchain::Toolchain,
    bindgen: PathBuf,
    node: node::Node,
}

/// What `cargo xtask web` is to do.
#[derive(Debug, PartialEq)]
struct Options {
    serve: Option<u16>,
    test: bool,
}

/// `cargo xtask web`.
pub(crate) fn run(yes: bool, args: &[&str]) -> Result<(), Failure> {
    let options = options(args)?;
    if options.test {
        return test(yes);
    }
    let built = build(yes)?;
    match options.serve {
        Some(port) => serve::serve(&built.folders.site, port),
        None => Ok(()),
    }
}

fn options(args: &[&str]) -> Result<Options, Failure> {
    let mut options = Options { serve: None, test: false };
    let mut port = None;
    let mut rest = args.iter();
    while let Some(&arg) = rest.next() {
        match arg {
            "--serve" => options.serve = Some(PORT),
            "--test" => options.test = true,
            "--port" => {
                let given = rest.next().and_then(|n| n.parse().ok());
                port = Some(given.ok_or_else(|| Failure("--port needs a number from 0 (any free port) to 65535".to_owned()))?);
            }
            other => return Err(Failure(format!("web knows no {other}; it knows --serve, --port N, --test and --yes"))),
        }
    }
    if port.is_some() && options.serve.is_none() {
        return Err(Failure("--port goes with --serve".to_owned()));
    }
    options.serve = options.serve.map(|standard| port.unwrap_or(standard));
    Ok(options)
}

/// Builds the package and the page, with all tools that this takes.
fn build(yes: bool) -> Result<Built, Failure> {
    let folders = Folders::new();
    let toolchain = toolchain::find(&folders.target, yes)?;
    let node = node::ensure(&folders.root, yes)?;
    let bindgen = bindgen::ensure(&folders.root, &folders.target)?;
    bundle::begin(&folders)?;
    for program in bundle::PROGRAMS {
        println!("Building {} (the first build takes two minutes)", program.wasm());
        let features = ["--no-default-features", "--features", program.feature];
        let args = ["build", "--locked", "--profile", "wasm", "--target", toolchain::TARGET, "--package", "wgrad-web", "--lib"];
        toolchain.cargo(&folders.target, &[args.as_slice(), &features].concat()).run()?;
        let built: &Path = &folders.target.join("wasm").join(toolchain::TARGET).join("wasm/wgrad_web.wasm");
        bundle::program(&folders, &node, &bindgen, built, &program)?;
    }
    bundle::package(&folders, &node)?;
    bundle::site(&folders, &node)?;
    println!("The package is in {}, the page in {}", folders.package.display(), folders.site.display());
    bundle::size(&folders, &node)?;
    Ok(Built { folders, toolchain, bindgen, node })
}

/// Every test that needs a browser.
pub(crate) fn test(yes: bool) -> Result<(), Failure> {
    match browsers::ensure(yes)? {
        Some(found) => browsers::test(&build(yes)?, &found),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        assert_eq!(options(&[]).unwrap(), Options { serve: None, test: false });
        assert_eq!(options(&["--serve"]).unwrap().serve, Some(PORT));
        assert_eq!(options(&["--port", "0", "--serve"]).unwrap().serve, Some(0));
        assert!(options(&["--test"]).unwrap().test);
        for bad in [["--port", "80"].as_slice(), &["--serve", "--port"], &["--serve", "--port", "70000"], &["--open"]] {
            assert!(options(bad).is_err(), "{bad:?}");
        }
    }
}
