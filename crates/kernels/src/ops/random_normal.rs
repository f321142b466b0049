//! `random_normal`: y = mean + scale·z, z of the standard normal distribution (ONNX RandomNormal), by Box and Muller (1958).
//!
//! Two random words give two elements: with v = (w₀ >> 8)·2⁻²⁴ in [0, 1) and θ = 2π((w₁ >> 8)·2⁻²⁴ - ½) in [-π, π),
//! r = √(-2 ln(1 - v)), z₀ = r cos θ, z₁ = r sin θ. 1 - v is exact in f32 and never 0, so |z| ≤ √(-2 ln 2⁻²⁴) = 5.77.
//! Input: the key, u32\[3\]; see [`crate::random`]. The shader trusts a device's log only away from 1 and no device's sine (WGSL
//! grants 2⁻¹¹, SwiftShader is 2·10⁻⁴ off): series stand in, and z is good to 2·10⁻⁶ everywhere.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::random_uniform::{fill, key};
use crate::random;
use crate::{Array, Builder, Case, DType, OpError, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// Normal random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomNormal {
    /// The extents.
    pub shape: Shape,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub scale: f64,
    /// Tells the nodes of a graph apart: two with one key and one stream draw the same numbers.
    pub stream: u32,
    /// A float type.
    pub dtype: DType,
}

impl Kernel for RandomNormal {
    fn name(&self) -> &'static str {
        "random_normal"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [key] = inputs else {
            return Err(OpError::new("random_normal", format!("takes 1 input (the key), got {}", inputs.len())));
        };
        random::check_key("random_normal", key)?;
        if !self.dtype.is_float() {
            return Err(OpError::new("random_normal", format!("makes f32 or f16, not {}; cast the result", self.dtype)));
        }
        Ok(vec![TensorType::new(self.shape.clone(), self.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let words = [(self.mean as f32).to_bits(), (self.scale as f32).to_bits(), 0, 0];
        Ok(fill("random_normal", self.stream, words, 20.0, facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let n = outputs[0].shape.numel();
        let words: Vec<u32> = random::words(inputs[0], self.stream).take(n.next_multiple_of(2)).collect();
        let mut z = Vec::with_capacity(words.len());
        for pair in words.chunks_exact(2) {
            let r = (-2.0 * (1.0 - random::uniform(pair[0])).ln()).sqrt();
            let theta = 2.0 * std::f64::consts::PI * (random::uniform(pair[1]) - 0.5);
            z.extend([r * theta.cos(), r * theta.sin()].map(|z| self.mean + self.scale * z));
        }
        z.truncate(n);
        vec![Array::new(outputs[0].clone(), z)]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        vec![None]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: &[usize], mean, scale: f64, dtype| {
        let op = RandomNormal { shape: shape.into(), mean, scale, stream: 7, dtype };
        let tolerance = Tolerance { rtol: 5e-7, atol: 2e-6 * scale }.stored_as(dtype);
        Case::new(format!("random_normal {name}"), op, vec![key()]).tolerance(tolerance).no_grad()
    };
    let cases = vec![
        case("scalar", &[], 0.0, 1.0, DType::F32),
        case("1", &[1], 0.0, 1.0, DType::F32),
        case("3", &[3], 0.0, 1.0, DType::F32),
        case("7x13", &[7, 13], 0.0, 1.0, DType::F32),
        case("64x64", &[64, 64], 0.0, 1.0, DType::F32),
        case("259 around 2", &[259], 2.0, 0.02, DType::F32),
        case("empty", &[0, 3], 0.0, 1.0, DType::F32),
        case("65537x7", &[65_537, 7], 0.0, 1.0, DType::F32),
        case("f16", &[6, 4], 0.0, 1.0, DType::F16),
        case("f16 13", &[13], 0.0, 1.0, DType::F16),
    ];
    let example = RandomNormal { shape: Shape::default(), mean: 0.0, scale: 1.0, stream: 0, dtype: DType::F32 };
    vec![Entry::new("random_normal", "y = mean + scale·z, z standard normal from the key (ONNX RandomNormal)", &example, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_normal_distribution() {
        let op = RandomNormal { shape: [40_000].into(), mean: 1.0, scale: 2.0, stream: 3, dtype: DType::F32 };
        let key = Array::new(TensorType::new([3], DType::U32), vec![1.0, 2.0, 3.0]);
        let y = op.reference(&[&key], &op.infer(std::slice::from_ref(&key.ty)).unwrap()).swap_remove(0).data;
        let moment = |p: i32| y.iter().map(|v| ((v - 1.0) / 2.0).powi(p)).sum::<f64>() / y.len() as f64;
        // Four standard errors: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n).
        assert!(moment(1).abs() < 0.020 && (moment(2) - 1.0).abs() < 0.029, "{} {}", moment(1), moment(2));
        assert!(moment(3).abs() < 0.078 && (moment(4) - 3.0).abs() < 0.196, "{} {}", moment(3), moment(4));
        // Neighbours share a radius but must not correlate.
        let pairs = y.chunks_exact(2).map(|p| (p[0] - 1.0) * (p[1] - 1.0)).sum::<f64>() / (y.len() / 2) as f64;
        assert!(pairs.abs() < 4.0 * 4.0 / 20_000f64.sqrt(), "{pairs}");
    }
}
