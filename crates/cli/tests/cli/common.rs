//! Running the program and looking at what it did.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A network small enough to train in a tenth of a second, with dropout and random transforms, so that random numbers are part of what must
/// repeat.
pub(crate) const SMALL: &str = r#"
name = "small"
seed = 3
epochs = 4
batch_size = 16
save_every = 3
loss = "cross_entropy"
[data]
source = "digits"
train = 160
test = 50
augment = [{ kind = "random_rotation", degrees = 5 }]
[optimizer]
kind = "adam"
learning_rate = 0.003
[[layers]]
kind = "flatten"
[[layers]]
kind = "linear"
units = 24
[[layers]]
kind = "relu"
[[layers]]
kind = "dropout"
ratio = 0.2
[[layers]]
kind = "linear"
units = 10
"#;

/// A folder of its own to run the program in.
pub(crate) struct Place(TempDir);

/// How the program ended.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The program, to be run in the folder: away from the user's data, with one pipeline cache for all tests.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wgrad"));
        self.prepare(&mut command).args(args);
        command
    }

    /// The folder and the environment of a test.
    pub(crate) fn prepare<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        command.current_dir(self.0.path()).env("XDG_CACHE_HOME", cache).env_remove("WGRAD_DATA").env_remove("WGRAD_LOG").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output().unwrap())
    }

    /// Runs the program and expects it to succeed.
    #[track_caller]
    pub(crate) fn good(&self, args: &[&str]) -> Done {
        let done = self.run(args);
        assert_eq!(done.code, Some(0), "{args:?}\n{}\n{}", done.stdout, done.stderr);
        done
    }

    /// Runs the program and expects code 2 and an error that holds all of `texts`, and no panic.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str], texts: &[&str]) -> Done {
        let done = self.run(args);
        done.expect_refusal(&format!("{args:?}"), texts);
        done
    }
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn expect_refusal(&self, what: &str, texts: &[&str]) {
        assert_eq!(self.code, Some(2), "{what}\n{}\n{}", self.stdout, self.stderr);
        // The driver's own lines begin with `error:` too: ours is the last message.
        let at = self.stderr.rfind("\nerror: ").map_or(0, |at| at + 1);
        let error = &self.stderr[at..];
        assert!(error.starts_with("error: "), "{what}: no error message\n{}", self.stderr);
        for text in texts {
            assert!(error.contains(text), "{what}: {text:?} is not in\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{what}\n{}", self.stderr);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}\n{}", self.stdout))
    }
}
