//! What can be wrong with an op's operands.

/// An op that cannot be applied: the message names the op, the operands and the rule that they break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {message}")]
pub struct OpError {
    /// The op's name.
    pub op: String,
    /// What is wrong, with both shapes, and how to mend it.
    pub message: String,
}

impl OpError {
    /// An error of `op`.
    pub fn new(op: impl Into<String>, message: impl Into<String>) -> Self {
        Self { op: op.into(), message: message.into() }
    }
}
