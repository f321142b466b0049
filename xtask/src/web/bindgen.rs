//! The command-line tool of wasm-bindgen, at the very version of the library: any other refuses the program.

use crate::run::{Command, Failure};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of its programs, installed if need be.
pub(crate) fn ensure(root: &Path, target: &Path) -> Result<PathBuf, Failure> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).map_err(|e| Failure(format!("Cargo.lock could not be read: {e}")))?;
    let version = locked(&lock, "wasm-bindgen").ok_or_else(|| Failure("Cargo.lock names no version of wasm-bindgen".to_owned()))?;
    let tools = target.join("tools");
    let programs = tools.join("bin");
    let is_there = |name: &str| Command::new(programs.join(name)).args(&["--version"]).output().is_ok_and(|v| v.trim().ends_with(&format!(" {version}")));
    if is_there("wasm-bindgen") && is_there("wasm-bindgen-test-runner") {
        return Ok(programs);
    }
    println!("Installing wasm-bindgen {version} under the target folder (about four minutes, once)");
    let build = tools.join("build");
    let (folder, scratch) = (tools.display().to_string(), build.display().to_string());
    crate::cargo(&["install", "wasm-bindgen-cli", "--version", version, "--debug", "--force", "--root", &folder, "--target-dir", &scratch])
        // Nobody looks into it with a debugger, and the facts for one are most of its bytes.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .without("CARGO_BUILD_TARGET")
        .run()?;
    // A gigabyte that nothing needs again; where it stays, it does no harm.
    let _ = fs::remove_dir_all(build);
    Ok(programs)
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn the_version_is_that_of_the_package_with_exactly_this_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked(lock, "wasm-bindgen-futures"), Some("0.4.80"));
        assert_eq!(locked(lock, "wasm"), None);
    }

    #[test]
    fn the_lock_file_of_this_project_names_a_version() {
        let lock = std::fs::read_to_string(crate::root().join("Cargo.lock")).unwrap();
        assert!(locked(&lock, "wasm-bindgen").is_some());
    }
}
