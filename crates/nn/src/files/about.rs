//! What a checkpoint tells of itself.

use crate::data::framing::Framing;
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
    /// How pictures are brought to that shape; absent: stretched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Framing>,
}

impl Input {
    /// What samples of this set look like.
    pub fn of(set: &Dataset) -> Self {
        Self { shape: set.input_shape().to_vec(), classes: set.classes().to_vec(), normalize: set.normalize().cloned(), picture: set.framing() }
    }

    /// Shifts and scales the values of one sample, or of several, as the network was trained on them.
    pub fn normalized(&self, mut values: Vec<f32>) -> Vec<f32> {
        if let Some(normalize) = &self.normalize {
            let each = self.shape.iter().product::<usize>().max(1);
            values.chunks_mut(each).for_each(|sample| normalize.apply(sample));
        }
        values
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
