//! One file a command: its arguments as `Args`, its work as `run`.

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod info;
pub(crate) mod op;
pub(crate) mod predict;
pub(crate) mod recipes;
pub(crate) mod train;
pub(crate) mod verify;

use crate::Failure;
use std::io::Write;

/// Writes a line to standard output. A reader that has gone away (`wgrad … | head`) is no error.
pub(crate) fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Writes a value to standard output as indented JSON.
pub(crate) fn say_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    say(serde_json::to_string_pretty(value)?);
    Ok(())
}
