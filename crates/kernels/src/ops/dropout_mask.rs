//! `dropout_mask`: what `dropout` multiplies by: 1/(1 - ratio) with probability 1 - ratio, else 0. For uses where one mask meets several
//! tensors; a layer should use `dropout`, which stores none. The shader is `dropout`'s, reading ones.

use crate::body::Step;
use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::random_uniform::key;
use crate::ops::{Full, dropout};
use crate::random;
use crate::{Array, Builder, Case, DType, OpError, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// A random mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutMask {
    /// The extents.
    pub shape: Shape,
    /// The share that is dropped, in [0, 1).
    pub ratio: f64,
    /// Tells the nodes of a graph apart.
    pub stream: u32,
}

impl Kernel for DropoutMask {
    fn name(&self) -> &'static str {
        "dropout_mask"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [key] = inputs else {
            return Err(OpError::new("dropout_mask", format!("takes 1 input (the key), got {}", inputs.len())));
        };
        random::check_key("dropout_mask", key)?;
        dropout::check_ratio("dropout_mask", self.ratio)?;
        Ok(vec![TensorType::new(self.shape.clone(), DType::F32)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let ones = Full { shape: self.shape.clone(), dtype: DType::F32, value: 1.0 };
        let steps = [Step { op: ones.into(), args: vec![], dtype: DType::F32 }];
        Ok(dropout::masked(self.ratio, self.stream, 0, &steps, &[], facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let n = outputs[0].shape.numel();
        vec![Array::new(outputs[0].clone(), dropout::mask(inputs[0], self.stream, self.ratio, n).collect())]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        vec![None]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: &[usize], ratio| {
        let op = DropoutMask { shape: shape.into(), ratio, stream: 11 };
        Case::new(format!("dropout_mask {name}"), op, vec![key()]).tolerance(Tolerance::ulp(1.0)).no_grad()
    };
    let cases = vec![case("scalar", &[], 0.5), case("7x13 by 0.3", &[7, 13], 0.3), case("16x16 by 0.5", &[16, 16], 0.5), case("empty", &[0, 3], 0.5)];
    let example = DropoutMask { shape: Shape::default(), ratio: 0.5, stream: 0 };
    vec![Entry::new("dropout_mask", "y = 1/(1 - ratio) with probability 1 - ratio, else 0, by the key", &example, cases)]
}
