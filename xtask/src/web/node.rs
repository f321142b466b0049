//! Node and the packages that build the page: a bundler, a type checker, wasm-opt, and what drives browsers in tests.

use crate::apt;
use crate::run::{Command, Failure};
use std::fs;
use std::path::{Path, PathBuf};

/// The oldest Node that the scripts run on, which is Debian 12's.
const OLDEST: u32 = 18;

/// Node with the pinned packages in `crates/web/node_modules`.
pub(crate) struct Node {
    folder: PathBuf,
}

/// Installs what is missing.
pub(crate) fn ensure(root: &Path, yes: bool) -> Result<Node, Failure> {
    let folder = root.join("crates/web");
    let node = version();
    if node.is_none() || !npm().args(&["--version"]).quiet() {
        if !apt::available() {
            return Err(Failure(format!("Node and npm are not installed; install Node {OLDEST} or newer, then run this again")));
        }
        // A Node from elsewhere may bring npm with it, and Debian's npm would replace it.
        let wanted: &[&str] = if node.is_some() { &["npm"] } else { &["nodejs", "npm"] };
        apt::install("Node", wanted, yes)?;
    }
    match version() {
        Some(found) if found >= OLDEST => {}
        found => return Err(Failure(format!("Node {OLDEST} or newer is needed; here is {}", found.map_or("none".to_owned(), |v| v.to_string())))),
    }
    let read = |path: PathBuf| fs::read(path).ok();
    // npm does not write the lock file itself into the folder: this copy says which one it was made from.
    let made_from = folder.join("node_modules/.package-lock.used");
    if read(made_from.clone()).is_none_or(|used| Some(used) != read(folder.join("package-lock.json"))) {
        println!("Installing the page's build tools: npm ci");
        npm().args(&["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).dir(folder.clone()).run()?;
        fs::copy(folder.join("package-lock.json"), made_from).map_err(|e| Failure(format!("node_modules cannot be written: {e}")))?;
    }
    Ok(Node { folder })
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn version() -> Option<u32> {
    major(&Command::new("node").args(&["--version"]).output().ok()?)
}

fn major(text: &str) -> Option<u32> {
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

impl Node {
    /// Node in the folder of the packages.
    pub(crate) fn run(&self, args: &[&str]) -> Command {
        Command::new("node").args(args).dir(self.folder.clone())
    }

    /// A package's program, as `package/path/in/it`.
    pub(crate) fn tool(&self, program: &str, args: &[&str]) -> Command {
        let path = format!("node_modules/{program}");
        self.run(&[&[path.as_str()], args].concat())
    }

    /// A file's size after gzip at its best, which is what a server sends.
    pub(crate) fn gzipped(&self, file: &Path) -> Result<u64, Failure> {
        const SCRIPT: &str = "const { gzipSync } = require('zlib'); const { readFileSync } = require('fs'); \
                              console.log(gzipSync(readFileSync(process.argv[1]), { level: 9 }).length)";
        let size = self.run(&["--eval", SCRIPT, &file.display().to_string()]).output()?;
        size.trim().parse().map_err(|_| Failure(format!("the size of {} is unreadable: {size}", file.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn nodes_version_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
    }
}
