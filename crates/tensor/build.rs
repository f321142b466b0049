//! Tells the program which versions of wgpu and naga it is built with: receipts name them.

fn main() {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    println!("cargo::rerun-if-changed={lock}");
    let text = std::fs::read_to_string(lock).unwrap_or_default();
    for package in ["wgpu", "naga"] {
        let version = version(&text, package).unwrap_or("unknown");
        println!("cargo::rustc-env=WGRAD_{}_VERSION={version}", package.to_uppercase());
    }
}

/// The version that stands in the lock file behind the package's name.
fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    after.split('"').next()
}
