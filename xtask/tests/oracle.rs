//! What can be held of `cargo xtask oracle` without PyTorch: that no op is forgotten, and that it is skipped with a word.

use std::collections::BTreeSet;
use std::path::Path;
use wgrad_kernels::op::catalogue;

/// The scripts that declare twins, one after the other.
fn scripts() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/twins");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "py")).collect();
    files.sort();
    files.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
}

/// The ops with a twin: `@twin("softmax")`, or a function that declares one, called as `unary("exp", …)` at a line's beginning.
fn twins(text: &str) -> Vec<&str> {
    let name = |line: &'_ str| -> Option<(usize, usize)> {
        let call = line.find("(\"")?;
        let callee = line[..call].strip_prefix('@').unwrap_or(&line[..call]);
        let end = line[call + 2..].find('"')?;
        (!callee.is_empty() && callee.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).then_some((call + 2, call + 2 + end))
    };
    text.lines().filter_map(|line| name(line).map(|(start, end)| &line[start..end])).collect()
}

/// The ops without one, each with the reason.
fn without(text: &str) -> Vec<(&str, &str)> {
    let list = text.split("WITHOUT = {").nth(1).unwrap().split('}').next().unwrap();
    list.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")?.split_once("\": \"")).collect()
}

#[test]
fn every_op_has_a_twin_or_a_reason() {
    let text = scripts();
    let (twins, without) = (twins(&text), without(&text));
    let known: BTreeSet<&str> = catalogue().iter().map(|e| e.name).collect();
    let named: Vec<&str> = twins.iter().copied().chain(without.iter().map(|w| w.0)).collect();
    let once: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), once.len(), "an op is named twice: {named:?}");
    let (missing, unknown): (Vec<_>, Vec<_>) = (known.difference(&once).collect(), once.difference(&known).collect());
    assert!(missing.is_empty(), "without a twin in xtask/oracle/twins, or a reason in WITHOUT there: {missing:?}");
    assert!(unknown.is_empty(), "xtask/oracle/twins names ops that do not exist: {unknown:?}");
    assert!(without.iter().all(|(_, reason)| reason.len() > 20), "{without:?}");
}

#[cfg(unix)]
mod machines {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};
    use tempfile::TempDir;

    /// Runs the command where PATH leads to these programs alone.
    fn run(programs: &[(&str, &str)], args: &[&str]) -> (bool, String) {
        let machine = TempDir::new().unwrap();
        for (name, script) in programs {
            let path = machine.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("oracle").args(args).env("PATH", machine.path()).env("CARGO_TARGET_DIR", machine.path()).env_remove("CI");
        let done = command.stdin(Stdio::null()).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap())
    }

    #[test]
    fn without_python_it_is_skipped() {
        let (good, text) = run(&[], &[]);
        assert!(good && text.starts_with("oracle: skipped") && text.contains("no Python") && text.contains("apt-get install python3-venv"), "{text}");
        let (good, text) = run(&[], &["--json"]);
        assert!(good && text.starts_with("{\"skipped\": \"there is no Python"), "{text}");
    }

    #[test]
    fn without_environments_it_is_skipped() {
        let python = ("python3", "case \"$*\" in *venv*) exit 1;; esac");
        let (good, text) = run(&[python], &[]);
        assert!(good && text.starts_with("oracle: skipped") && text.contains("venv"), "{text}");
        // Debian's package for it, where nobody agrees to install it.
        let (good, text) = run(&[python, ("apt-get", "exit 0"), ("id", "echo 1000")], &[]);
        assert!(good && text.contains("apt-get install --yes --no-install-recommends python3-venv"), "{text}");
    }

    #[test]
    fn without_pytorch_it_is_skipped() {
        // An environment whose pip finds nothing.
        let pip = "mkdir -p \"$4/bin\"; printf '#!/bin/sh\\necho no matching distribution >&2; exit 1\\n' > \"$4/bin/python\"; chmod +x \"$4/bin/python\"";
        let tools = [("mkdir", "exec /bin/mkdir \"$@\""), ("chmod", "exec /bin/chmod \"$@\"")];
        let python = format!("case \"$*\" in *--clear*) {pip};; esac");
        let (good, text) = run(&[("python3", &python), tools[0], tools[1]], &[]);
        assert!(good && text.contains("PyTorch could not be installed") && text.contains("no matching distribution"), "{text}");
    }

    #[test]
    fn help_needs_nothing() {
        let (good, text) = run(&[], &["--help"]);
        assert!(good && text.contains("--cases") && text.contains("--seed"), "{text}");
    }
}
