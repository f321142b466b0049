//! Starting other programs.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What went wrong, in words for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program with its arguments.
pub(crate) struct Command {
    inner: std::process::Command,
    shown: String,
}

impl Command {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        let program = program.into();
        let name = PathBuf::from(&program).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        Self { inner: std::process::Command::new(program), shown: name }
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        for arg in args {
            self.shown.push(' ');
            self.shown.push_str(arg);
        }
        self.inner.args(args);
        self
    }

    pub(crate) fn dir(mut self, dir: PathBuf) -> Self {
        self.inner.current_dir(dir);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Runs it with this terminal's input and output.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let status = self.inner.status().map_err(|e| Failure(format!("`{}` could not be started: {e}", self.shown)))?;
        if status.success() { Ok(()) } else { Err(Failure(format!("`{}` failed ({status})", self.shown))) }
    }

    /// Takes a variable of this process's environment away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.inner.env_remove(name);
        self
    }

    /// Runs it in silence and ends it when the time is over, which is then no success either.
    pub(crate) fn within(mut self, limit: Duration) -> bool {
        let Ok(mut child) = self.inner.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else { return false };
        let start = Instant::now();
        while start.elapsed() < limit {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                Ok(Some(status)) => return status.success(),
                Err(_) => break,
            }
        }
        // It may have ended by itself in between; there is nothing to do about either.
        let _ = child.kill();
        let _ = child.wait();
        false
    }

    /// Runs it in silence; whether it ended well.
    pub(crate) fn quiet(mut self) -> bool {
        let status = self.inner.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|s| s.success())
    }

    /// Its standard output.
    pub(crate) fn output(mut self) -> Result<String, Failure> {
        let out = self.inner.stdin(Stdio::null()).output().map_err(|e| Failure(format!("`{}` could not be started: {e}", self.shown)))?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if out.status.success() {
            return Ok(text);
        }
        Err(Failure(format!("`{}` failed ({}): {}", self.shown, out.status, String::from_utf8_lossy(&out.stderr).trim_end())))
    }
}
