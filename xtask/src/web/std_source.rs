//! The standard library for wasm32, built from the source that Debian packages beside its compiler.
//!
//! It goes into a folder of this project, not into the compiler's: that belongs to the system.

use super::toolchain::TARGET;
use crate::run::{Command, Failure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// An empty library: building it builds what it could use. `test` is for `cargo test`. It is a workspace of its own, because
/// it lies inside another.
const MANIFEST: &str = "\
[package]
name = \"empty\"
version = \"0.0.0\"
edition = \"2024\"

[lib]
path = \"lib.rs\"

[profile.release]
panic = \"abort\"

[workspace]
";

fn folder(target: &Path) -> PathBuf {
    target.join("wasm-std")
}

/// The sysroot made by [`build`], if it was made for this very compiler.
pub(crate) fn built(rustc: &OsStr, target: &Path) -> Option<PathBuf> {
    let compiler = Command::new(rustc).args(&["-vV"]).output().ok()?;
    let for_compiler = fs::read_to_string(folder(target).join("built-for")).ok()?;
    (for_compiler == compiler).then(|| folder(target).join("sysroot"))
}

/// Builds the library once for a compiler and lays out a sysroot with it.
pub(crate) fn build(cargo: &OsStr, rustc: &OsStr, target: &Path) -> Result<(), Failure> {
    println!("Building the standard library for {TARGET} (about three minutes, once)");
    let folder = folder(target);
    let failed = |what: &str, e: std::io::Error| Failure(format!("{what} in {}: {e}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| failed("an old standard library could not be removed", e))?;
    }
    let source = folder.join("source");
    fs::create_dir_all(&source).map_err(|e| failed("a folder could not be made", e))?;
    let written = fs::write(source.join("Cargo.toml"), MANIFEST).and_then(|()| fs::write(source.join("lib.rs"), "//! Nothing.\n"));
    written.map_err(|e| failed("a file could not be written", e))?;
    Command::new(cargo)
        .args(&["build", "--quiet", "--release", "--target", TARGET, "-Zbuild-std=core,alloc,std,panic_abort,proc_macro,test"])
        .dir(source)
        .env("RUSTC", rustc)
        // A stable compiler builds its own standard library only when told that it is at home.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", folder.join("build"))
        // Bitcode is what link-time optimisation of a whole program reads.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes")
        .without("CARGO_BUILD_TARGET")
        .run()?;
    let libraries = folder.join("sysroot/lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries).map_err(|e| failed("a folder could not be made", e))?;
    let made = folder.join("build").join(TARGET).join("release/deps");
    for file in fs::read_dir(made).map_err(|e| failed("the libraries were not found", e))?.flatten() {
        let name = file.file_name();
        if is_library(&name.to_string_lossy()) {
            fs::copy(file.path(), libraries.join(&name)).map_err(|e| failed("a library could not be copied", e))?;
        }
    }
    let compiler = Command::new(rustc).args(&["-vV"]).output()?;
    // Last, so that a build that was cut off does not count.
    let done = fs::remove_dir_all(folder.join("build")).and_then(|()| fs::write(folder.join("built-for"), compiler));
    done.map_err(|e| failed("the build could not be finished", e))
}

fn is_library(name: &str) -> bool {
    name.starts_with("lib") && name.ends_with(".rlib") && !name.starts_with("libempty-")
}

#[cfg(test)]
mod tests {
    use super::is_library;

    #[test]
    fn the_empty_library_itself_is_left_out() {
        assert!(is_library("libcore-0123456789abcdef.rlib"));
        for other in ["libempty-0123456789abcdef.rlib", "libcore-0123456789abcdef.rmeta", "core.d"] {
            assert!(!is_library(other), "{other}");
        }
    }
}
