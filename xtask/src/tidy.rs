//! The project's own rules, as far as a machine can hold them. ARCHITECTURE.md says why each is there.

use crate::licence;
use crate::run::{Command, Failure};
use std::collections::BTreeSet;
use std::path::Path;

/// Lines of a file beyond which it should be two.
const MAX_LINES: usize = 500;

/// The library's packages, all dependencies counted.
const MAX_PACKAGES: usize = 150;

/// Unsafe code is denied in the whole workspace but for these: wgpu's unchecked shader modules and pipeline caches.
const UNSAFE: [&str; 1] = ["crates/runtime/src/pipeline.rs"];

/// Names of ops that are ordinary words of Rust or of graphics APIs too.
const WORDS: [&str; 13] = ["map", "mod", "select", "full", "slice", "cast", "pad", "reduce", "concat", "gather", "copy", "where", "broadcast"];

/// Checks every rule and lists all that is broken.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let files = tracked(root)?;
    let mut broken = Vec::new();
    for file in &files {
        broken.extend(text_rules(&file.path, &file.text));
    }
    broken.extend(runtime_knows_no_op(&files));
    broken.extend(shaders_are_listed(&files));
    broken.extend(licences(root)?);
    broken.extend(package_count(root)?);
    if broken.is_empty() {
        println!("tidy: {} files, no rule broken", files.len());
        return Ok(());
    }
    Err(Failure(format!("{} broken:\n  {}", if broken.len() == 1 { "a rule is" } else { "rules are" }, broken.join("\n  "))))
}

/// A text file of the project.
struct File {
    /// Relative to the root, with forward slashes.
    path: String,
    text: String,
}

/// The files that git knows or would add, and that are text.
fn tracked(root: &Path) -> Result<Vec<File>, Failure> {
    let list = Command::new("git").args(&["ls-files", "--cached", "--others", "--exclude-standard"]).dir(root.to_path_buf()).output()?;
    let paths: BTreeSet<&str> = list.lines().collect();
    // A file that is no UTF-8 is an image or data; one that is gone was deleted and not committed yet.
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok().map(|text| File { path: path.to_owned(), text });
    Ok(paths.into_iter().filter_map(read).collect())
}

fn ends(path: &str, endings: &[&str]) -> bool {
    endings.iter().any(|e| path.ends_with(e))
}

/// Rules about one file's text.
fn text_rules(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let code = ends(path, &[".rs", ".wgsl"]);
    let lines = text.lines().count();
    if code && lines > MAX_LINES {
        broken.push(format!("{path}: {lines} lines; split it ({MAX_LINES} at most)"));
    }
    if path.ends_with(".wgsl") && !text.starts_with("//") {
        broken.push(format!("{path}: opens with no comment; say the formula, the buffers, the workgroups"));
    }
    if path.ends_with(".rs") && !text.starts_with("//!") && !text.starts_with("#!") {
        broken.push(format!("{path}: opens with no `//!` line"));
    }
    if code && text.lines().any(|l| l.ends_with([' ', '\t'])) {
        broken.push(format!("{path}: spaces at a line's end"));
    }
    // This file spells out what it looks for.
    if path == "xtask/src/tidy.rs" {
        return broken;
    }
    if path == "crates/kernels/Cargo.toml" && text.contains("wgpu") {
        broken.push(format!("{path}: names wgpu; kernels are pure"));
    }
    for (number, line) in text.lines().enumerate() {
        let at = |what: &str| format!("{path}:{}: {what}", number + 1);
        if code && ["todo!", "unimplemented!", "TODO", "FIXME", "XXX", "HACK"].iter().any(|w| line.contains(w)) {
            broken.push(at("unfinished work; finish it, or write down the limit in the docs"));
        }
        // `/home/x` is nobody's: tests use it.
        let line_of_nobody = line.replace("/home/x", "");
        if ["/home/", "/root/", "/work/", "/Users/", "C:\\Users"].iter().any(|w| line_of_nobody.contains(w)) {
            broken.push(at("a path of somebody's machine"));
        }
        if path.ends_with(".rs") && !UNSAFE.contains(&path) && is_unsafe(line) {
            broken.push(at(&format!("unsafe code outside of {}", UNSAFE.join(", "))));
        }
        if path.ends_with(".rs") && path.starts_with("crates/kernels/") && line.contains("wgpu::") {
            broken.push(at("kernels are pure: no wgpu here"));
        }
    }
    broken
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or("");
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "(unsafe_code)"].iter().any(|w| code.contains(w))
}

/// The part of a source file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or("")
}

/// The runtime runs recordings; which op a dispatch belongs to is none of its business.
fn runtime_knows_no_op(files: &[File]) -> Vec<String> {
    let mut stems: BTreeSet<&str> = BTreeSet::new();
    for file in files {
        let stem = file.path.strip_prefix("crates/kernels/src/ops/").and_then(|p| p.strip_suffix(".rs"));
        stems.extend(stem.or_else(|| file.path.strip_prefix("shaders/").and_then(|p| p.strip_suffix(".wgsl")).filter(|p| !p.contains('/'))));
    }
    let mut broken = Vec::new();
    for file in files.iter().filter(|f| f.path.starts_with("crates/runtime/src/")) {
        for (number, line) in without_tests(&file.text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let named = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|w| stems.contains(w) && !WORDS.contains(w));
            let ops = ["kernels::ops", "kernels::Op", "Op::"].into_iter().find(|w| code.contains(w));
            if let Some(word) = named.or(ops) {
                broken.push(format!("{}:{}: names {word}; the runtime knows no op", file.path, number + 1));
            }
        }
    }
    broken
}

/// Every shader file is compiled in, and every compiled-in name has its file.
fn shaders_are_listed(files: &[File]) -> Vec<String> {
    const LIST: &str = "crates/kernels/src/shaders.rs";
    let Some(list) = files.iter().find(|f| f.path == LIST) else { return vec![format!("{LIST} is missing")] };
    let names: BTreeSet<&str> = files.iter().filter_map(|f| f.path.strip_prefix("shaders/").and_then(|p| p.strip_suffix(".wgsl"))).collect();
    let listed: BTreeSet<&str> =
        without_tests(&list.text).split("files![").skip(1).flat_map(|rest| rest.split(']').next().unwrap_or("").split('"').skip(1).step_by(2)).collect();
    let unlisted = names.difference(&listed).map(|n| format!("shaders/{n}.wgsl is in no list of {LIST}"));
    unlisted.chain(listed.difference(&names).map(|n| format!("{LIST} lists {n}, and there is no shaders/{n}.wgsl"))).collect()
}

/// Every package that any target or test uses has a permissive licence.
fn licences(root: &Path) -> Result<Vec<String>, Failure> {
    let args = ["tree", "--workspace", "--locked", "--target", "all", "--edges", "normal,build,dev", "--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"];
    let tree = crate::cargo(&args).dir(root.to_path_buf()).output()?;
    let packages: BTreeSet<(&str, &str)> = tree.lines().filter_map(|l| l.split_once('\t')).collect();
    let bad = packages.iter().filter(|(_, licence)| !licence::allowed(licence));
    Ok(bad.map(|(package, licence)| format!("{package}: the licence {licence:?} is not among the allowed ones (xtask/src/licence.rs)")).collect())
}

fn package_count(root: &Path) -> Result<Vec<String>, Failure> {
    let args = ["tree", "--package", "wgrad", "--locked", "--edges", "normal", "--prefix", "none", "--no-dedupe", "--format", "{p}"];
    let tree = crate::cargo(&args).dir(root.to_path_buf()).output()?;
    let packages: BTreeSet<&str> = tree.lines().filter_map(|l| l.split(" (").next()).filter(|l| !l.is_empty()).collect();
    println!("tidy: the library uses {} packages", packages.len());
    let over = packages.len() >= MAX_PACKAGES;
    Ok(over.then(|| format!("the library uses {} packages; {MAX_PACKAGES} are too many", packages.len())).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn clean_text_breaks_no_rule() {
        assert_eq!(text_rules("crates/nn/src/a.rs", "//! A.\nfn a() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn each_text_rule_can_be_broken() {
        let long = format!("//! Long.\n{}", "fn a() {}\n".repeat(MAX_LINES));
        let cases = [
            ("a.rs", long.as_str(), "split it"),
            ("a.wgsl", "fn main() {}\n", "no comment"),
            ("a.rs", "fn main() {}\n", "no `//!`"),
            ("a.rs", "//! A.\nfn a() {} \n", "spaces"),
            ("a.rs", "//! A.\n// FIXME\n", "unfinished"),
            ("README.md", "cd /home/me\n", "somebody's machine"),
            ("crates/nn/src/a.rs", "//! A.\nfn a() { unsafe { b() } }\n", "unsafe"),
            ("crates/kernels/Cargo.toml", "wgpu = \"30\"\n", "pure"),
            ("crates/kernels/src/a.rs", "//! A.\nuse wgpu::Buffer;\n", "pure"),
        ];
        for (path, text, expected) in cases {
            let broken = text_rules(path, text);
            assert!(broken.iter().any(|b| b.contains(expected)), "{path} {expected}: {broken:?}");
        }
    }

    #[test]
    fn an_op_in_the_runtime_is_found_but_not_in_its_tests() {
        let stem = file("shaders/softmax.wgsl", "// s");
        let named = file("crates/runtime/src/a.rs", "//! A.\nlet x = \"softmax\";\n");
        let tested = file("crates/runtime/src/b.rs", "//! B, not softmax.\n#[cfg(test)]\nlet x = \"softmax\";\n");
        let broken = runtime_knows_no_op(&[stem, named, tested]);
        assert_eq!(broken, ["crates/runtime/src/a.rs:2: names softmax; the runtime knows no op"]);
    }

    #[test]
    fn a_shader_without_an_entry_and_an_entry_without_a_shader_are_found() {
        let list = file("crates/kernels/src/shaders.rs", "static A: T = files![\n    \"here\",\n    \"gone\"\n];\nstatic B: T = files![\"lib/c\"];\n");
        let files = [list, file("shaders/here.wgsl", "//"), file("shaders/new.wgsl", "//"), file("shaders/lib/c.wgsl", "//")];
        let broken = shaders_are_listed(&files);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].contains("new") && broken[1].contains("gone"), "{broken:?}");
    }
}
