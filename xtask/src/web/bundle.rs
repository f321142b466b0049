//! From the compiled program to the two folders that are published: the package for npm, and the page.

use super::Folders;
use super::node::Node;
use crate::run::{Command, Failure};
use std::fs;
use std::path::Path;

/// What rustc emits beyond the first wasm. Not all features: wasm-opt would use some that browsers do not load.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
];

/// Bytes of a wasm after gzip, at most: a page that trains must still open like a page. Convolutions, pooling, norms, augmentation and
/// sets of pictures took what trains from 402 to 540 KB.
const MAX_GZIPPED: u64 = 560 * 1024;

/// What wasm-opt does. Inlining and reusing of values save plain bytes and cost gzipped ones, a twelfth of all. In the order of
/// their names, functions stand beside others of their kind, which gzip likes: a thirtieth. Then the names go.
const OPTIMIZE: [&str; 8] = [
    "-Oz",
    "--skip-pass=inlining",
    "--skip-pass=inlining-optimizing",
    "--skip-pass=local-cse",
    "--skip-pass=reorder-functions",
    "--reorder-functions-by-name",
    "--strip-debug",
    "--strip-producers",
];

/// A program of the package: its files' name, and the feature of the crate that it is built with.
pub(crate) struct Program {
    name: &'static str,
    pub(crate) feature: &'static str,
}

/// What trains, and what is loaded when a visitor verifies or measures.
pub(crate) const PROGRAMS: [Program; 2] = [Program { name: "wgrad", feature: "training" }, Program { name: "wgrad_checks", feature: "checks" }];

impl Program {
    /// The file of its wasm.
    pub(crate) fn wasm(&self) -> String {
        format!("{}_bg.wasm", self.name)
    }
}

/// An empty folder for the package.
pub(crate) fn begin(folders: &Folders) -> Result<(), Failure> {
    fresh(&folders.target.join("web/bindgen"))?;
    fresh(&folders.package)
}

/// A program with its JavaScript and types, made small.
pub(crate) fn program(folders: &Folders, node: &Node, bindgen: &Path, built: &Path, program: &Program) -> Result<(), Failure> {
    let raw = folders.target.join("web/bindgen");
    let (into, from, name) = (raw.display().to_string(), built.display().to_string(), program.name);
    Command::new(bindgen.join("wasm-bindgen")).args(&["--target", "web", "--out-name", name, "--out-dir", &into, &from]).run()?;
    let (wasm, small) = (raw.join(program.wasm()).display().to_string(), folders.package.join(program.wasm()).display().to_string());
    node.tool("binaryen/bin/wasm-opt", &[&[wasm.as_str(), "-o", &small], OPTIMIZE.as_slice(), &FEATURES].concat()).run()?;
    copy(&raw, &folders.package, &[&format!("{name}.js")])
}

/// The package for npm: beside the programs the types, the front door with its reader of files, README and licences.
pub(crate) fn package(folders: &Folders, node: &Node) -> Result<(), Failure> {
    let out = format!("--outfile={}", folders.package.join("reader.js").display());
    node.tool("esbuild/bin/esbuild", &["npm/src/reader.ts", "--bundle", "--format=esm", "--target=es2022", "--log-level=warning", &out]).run()?;
    copy(&folders.target.join("web/bindgen"), &folders.package, &["wgrad.d.ts"])?;
    copy(&folders.root.join("crates/web/npm"), &folders.package, &["index.js", "index.d.ts", "README.md"])?;
    copy(&folders.root, &folders.package, &["LICENSE-MIT", "LICENSE-APACHE"])?;
    let template = read(&folders.root.join("crates/web/npm/package.json"))?;
    write(&folders.package.join("package.json"), &versioned(&template, env!("CARGO_PKG_VERSION")))
}

/// The template's placeholder replaced by the workspace's version.
fn versioned(template: &str, version: &str) -> String {
    template.replacen("\"version\": \"0.0.0\"", &format!("\"version\": \"{version}\""), 1)
}

/// Prints the sizes of the programs, and refuses one that has grown out of bounds.
pub(crate) fn size(folders: &Folders, node: &Node) -> Result<(), Failure> {
    for file in PROGRAMS.map(|p| p.wasm()) {
        let wasm = folders.package.join(&file);
        let raw = fs::metadata(&wasm).map_err(|e| Failure(format!("{}: {e}", wasm.display())))?.len();
        let gzipped = node.gzipped(&wasm)?;
        println!("{file}: {} KB gzipped of {} KB at most ({} KB plain)", gzipped.div_ceil(1024), MAX_GZIPPED / 1024, raw.div_ceil(1024));
        if gzipped > MAX_GZIPPED {
            return Err(Failure(format!("{file} has {gzipped} bytes gzipped, over the limit of {MAX_GZIPPED}")));
        }
    }
    Ok(())
}

/// The page: its TypeScript checked against the package's types, then bundled beside the wasm.
pub(crate) fn site(folders: &Folders, node: &Node) -> Result<(), Failure> {
    let page = folders.root.join("crates/web/page");
    let config = folders.target.join("web/tsconfig.json");
    write(&config, &check(&folders.root, &folders.package))?;
    println!("Checking the page's types: tsc");
    node.tool("typescript/bin/tsc", &["--project", &config.display().to_string()]).run()?;
    fresh(&folders.site)?;
    let out = format!("--outdir={}", folders.site.display());
    let alias = format!("--alias:wgrad={}", folders.package.join("index.js").display());
    let flags = ["--bundle", "--format=esm", "--target=es2022", "--minify", "--legal-comments=none", "--log-level=warning"];
    node.tool("esbuild/bin/esbuild", &[&["page/src/main.ts", "page/src/worker.ts"], flags.as_slice(), &[&alias, &out]].concat()).run()?;
    for program in &PROGRAMS {
        copy(&folders.package, &folders.site, &[&program.wasm()])?;
    }
    let entries = fs::read_dir(&page).map_err(|e| Failure(format!("{}: {e}", page.display())))?;
    for entry in entries.flatten().filter(|e| e.path().is_file()) {
        copy(&page, &folders.site, &[&entry.file_name().to_string_lossy()])?;
    }
    Ok(())
}

/// The page's settings of the type checker, with the package where it lies this time.
fn check(root: &Path, package: &Path) -> String {
    let web = root.join("crates/web");
    let (base, types) = (web.join("tsconfig.json"), package.join("index.d.ts"));
    let (page, reader) = (web.join("page/src"), web.join("npm/src"));
    let text = |path: &Path| path.display().to_string().replace('\\', "/");
    format!(
        "{{ \"extends\": \"{}\", \"compilerOptions\": {{ \"paths\": {{ \"wgrad\": [\"{}\"] }} }}, \"include\": [\"{}\", \"{}\"] }}\n",
        text(&base),
        text(&types),
        text(&page),
        text(&reader)
    )
}

fn fresh(folder: &Path) -> Result<(), Failure> {
    let cleared = if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) };
    cleared.and_then(|()| fs::create_dir_all(folder)).map_err(|e| Failure(format!("{} cannot be made anew: {e}", folder.display())))
}

fn copy(from: &Path, to: &Path, names: &[&str]) -> Result<(), Failure> {
    for name in names {
        fs::copy(from.join(name), to.join(name)).map_err(|e| Failure(format!("{name} cannot be copied from {} to {}: {e}", from.display(), to.display())))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| Failure(format!("{} cannot be read: {e}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure(format!("{} cannot be written: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_gets_the_version_of_the_workspace() {
        let template = read(&crate::root().join("crates/web/npm/package.json")).unwrap();
        let made = versioned(&template, "1.2.3");
        assert!(made.contains("\"version\": \"1.2.3\"") && !made.contains("0.0.0"), "{made}");
    }

    #[test]
    fn the_package_lists_every_file_that_is_put_into_it() {
        let template = read(&crate::root().join("crates/web/npm/package.json")).unwrap();
        for file in [
            "index.js",
            "index.d.ts",
            "reader.js",
            "wgrad.js",
            "wgrad.d.ts",
            "wgrad_bg.wasm",
            "wgrad_checks.js",
            "wgrad_checks_bg.wasm",
            "LICENSE-MIT",
            "LICENSE-APACHE",
        ] {
            assert!(template.contains(&format!("\"{file}\"")), "{file}");
        }
    }
}
