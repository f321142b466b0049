//! One file a command: its arguments as `Args`, its work as `run`.

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod info;
pub(crate) mod op;
pub(crate) mod predict;
pub(crate) mod recipes;
pub(crate) mod summary;
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

/// Loss and accuracy for people: `loss 0.0912, accuracy 97.43 % (10000 samples)`.
pub(crate) fn score(test: &wgrad_nn::Evaluation) -> String {
    let loss = if test.loss.abs() >= 1e-3 { format!("{:.4}", test.loss) } else { format!("{:.2e}", test.loss) };
    let accuracy = test.accuracy.map(|a| format!(", accuracy {:.2} %", 100.0 * a)).unwrap_or_default();
    format!("loss {loss}{accuracy} ({} samples)", test.samples)
}
