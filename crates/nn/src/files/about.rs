//! What a checkpoint tells of itself.

use crate::data::{Dataset, Normalize};
use serde::{Deserialize, Serialize};

/// What a trained network must be given, so that it can be used without the data that it was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// Names of the classes; empty for regression.
    pub classes: Vec<String>,
    /// How the values are shifted and scaled, bytes being divided by 255 before.
    pub normalize: Option<Normalize>,
}

impl Input {
    /// What samples of this set look like.
    pub fn of(set: &Dataset) -> Self {
        Self { shape: set.input_shape().to_vec(), classes: set.classes().to_vec(), normalize: set.normalize().cloned() }
    }
}

/// How a checkpoint came to be: enough to build its network again and to feed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The recipe, as TOML.
    pub recipe: String,
    /// The samples.
    pub input: Input,
}
