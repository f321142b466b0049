//! `cargo xtask oracle`: wgrad's ops against PyTorch's, on random cases. The comparison itself is in `xtask/oracle`, in Python.

use crate::run::{Command, Failure};
use crate::{adapter, apt};
use std::path::{Path, PathBuf};

/// The judge: another version may have other rules at kinks.
const TORCH: &str = "torch==2.15.0";

/// Its build without CUDA, a third of the size.
const CPU_INDEX: &str = "https://download.pytorch.org/whl/cpu";

/// What it and the scripts import besides.
const OTHERS: [&str; 8] = ["numpy", "safetensors", "filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions"];

const USAGE: &str = "\
cargo xtask oracle [--cases N] [--seed N] [--only OP[:CASE]] [--device ADAPTER] [--json] [--yes]

Compares every op that PyTorch has too with PyTorch in f64, forward and backward, on random cases.

  --cases    how many (2000)
  --seed     another seed draws other cases (1)
  --only     this op alone; OP:CASE is one case alone, by the number that a failure names
  --device   the adapter, as for wgrad; cpu is wgrad's own f64 reference
  --json     JSON instead of a table
  --yes      installs what is missing on Debian or Ubuntu without a question";

/// Runs `xtask/oracle/oracle.py` with these arguments. Where there is no Python or no PyTorch for it, says so: that is no failure.
pub(crate) fn run(yes: bool, args: &[&str]) -> Result<(), Failure> {
    let scripts = crate::root().join("xtask/oracle");
    let target = crate::target();
    if args.contains(&"--help") || args.contains(&"-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let python = match environment(&target.join("oracle"), &scripts, yes) {
        Ok(python) => python,
        Err(Failure(why)) if args.contains(&"--json") => {
            println!("{{\"skipped\": {why:?}}}");
            return Ok(());
        }
        Err(Failure(why)) => {
            println!("oracle: skipped, nothing was compared: {why}");
            return Ok(());
        }
    };
    adapter::ensure(yes)?;
    eprintln!("Building wgrad (release; a few minutes the first time)");
    crate::cargo(&["build", "--quiet", "--release", "--package", "wgrad-cli"]).run()?;
    let program = target.join("release").join(format!("wgrad{}", std::env::consts::EXE_SUFFIX));
    let (script, program) = (scripts.join("oracle.py"), program.display().to_string());
    let done = Command::new(python).args(&[&script.display().to_string(), "--wgrad", &program]).args(args).run();
    done.map_err(|_| Failure("the oracle found a difference, or could not run: see above".to_owned()))
}

/// A Python that can import PyTorch: in a virtual environment under the target folder, made where it is not there yet. The error says
/// what is missing.
fn environment(folder: &Path, scripts: &Path, yes: bool) -> Result<PathBuf, Failure> {
    let venv = folder.join("venv");
    let python = if cfg!(windows) { venv.join("Scripts/python.exe") } else { venv.join("bin/python") };
    let mark = folder.join("ready");
    if std::fs::read_to_string(&mark).is_ok_and(|made_of| made_of == TORCH) && python.is_file() {
        return Ok(python);
    }
    let system = ["python3", "python"].into_iter().find(|p| Command::new(p).args(&["-c", "import sys; assert sys.version_info >= (3, 10)"]).quiet());
    let Some(system) = system else {
        return Err(Failure("there is no Python of version 3.10 or newer; on Debian or Ubuntu: apt-get install python3-venv".to_owned()));
    };
    // Debian keeps what makes environments in a package of its own.
    if !Command::new(system).args(&["-c", "import venv, ensurepip"]).quiet() {
        if !apt::available() {
            return Err(Failure(format!("{system} has no modules venv and ensurepip")));
        }
        apt::install("Python's virtual environments", &["python3-venv"], yes)?;
    }
    eprintln!("Installing PyTorch for the processor under {} (once; 0.2 to 0.6 GB to fetch)", folder.display());
    Command::new(system).args(&["-m", "venv", "--clear", &venv.display().to_string()]).output()?;
    install(&python, scripts)?;
    std::fs::write(&mark, TORCH).map_err(|e| Failure(format!("{}: {e}", mark.display())))?;
    Ok(python)
}

/// Puts PyTorch into an environment.
fn install(python: &Path, scripts: &Path) -> Result<(), Failure> {
    let pip = |args: &[&str]| Command::new(python).args(&["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]).args(args);
    // Elsewhere than on Linux the ordinary package has no CUDA in it.
    let small = cfg!(target_os = "linux") && pip(&["--no-deps", "--retries", "1", "--timeout", "15", "--index-url", CPU_INDEX, TORCH]).quiet();
    if !small {
        pip(&["--no-deps", TORCH]).output().map_err(|Failure(why)| Failure(format!("PyTorch could not be installed: {why}")))?;
    }
    pip(&OTHERS).output()?;
    let works = || Command::new(python).args(&["-c", "import torch; (torch.ones(2, 2) @ torch.ones(2, 2)).sum().item()"]);
    if works().quiet() {
        return Ok(());
    }
    if !["cc", "readelf"].iter().all(|tool| Command::new(tool).args(&["--version"]).quiet()) {
        let why = "the package index has PyTorch with CUDA alone, and what stands in for CUDA's libraries is made by cc and readelf; on Debian or \
                   Ubuntu: apt-get install gcc libc6-dev binutils";
        return Err(Failure(why.to_owned()));
    }
    let site = Command::new(python).args(&["-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]).output()?;
    Command::new(python).args(&[&scripts.join("stubs.py").display().to_string(), site.trim()]).output()?;
    works().output().map(|_| ()).map_err(|Failure(why)| Failure(format!("PyTorch was installed and cannot be imported: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_of_the_script_is_in_the_help() {
        let script = include_str!("../oracle/oracle.py");
        let names = script.split("add_argument(\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|&n| n != "--wgrad");
        let unnamed: Vec<&str> = names.filter(|n| !USAGE.contains(&format!("\n  {n} "))).collect();
        assert!(unnamed.is_empty(), "{unnamed:?}");
    }
}
