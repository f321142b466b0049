//! `random_uniform`: y = low + (high - low)·u with u uniform in [0, 1) (ONNX RandomUniform): u is the upper 24 bits of a random word.
//!
//! Input: the key, u32\[3\]; see [`crate::random`]. u is the same to the bit on every device; scaling and a store as f16 round,
//! so `high` itself may come out.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::random;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Program, Shape, TensorType, Tolerance, Value};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup; each makes four numbers.
const WORKGROUP: u32 = 64;

/// Uniform random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomUniform {
    /// The extents.
    pub shape: Shape,
    /// The smallest value.
    pub low: f64,
    /// The value before which they end.
    pub high: f64,
    /// Tells the nodes of a graph apart: two with one key and one stream draw the same numbers.
    pub stream: u32,
    /// A float type.
    pub dtype: DType,
}

/// The launch of an op that fills its output from the key by `stem`, with these words after (blocks, count, stream, 0).
pub(crate) fn fill(stem: &'static str, stream: u32, words: [u32; 4], flops: f64, facts: &Lowering<'_>) -> Lowered {
    let output = &facts.outputs[0];
    let count = output.shape.numel();
    if count == 0 {
        return Lowered::default();
    }
    let groups = count.div_ceil(4);
    let mut program = Program::new(stem).u32("WORKGROUP", WORKGROUP);
    program.code = random::store4(2, output.dtype, count);
    program.f16 = output.dtype == DType::F16;
    Lowered::one(Launch {
        program,
        args: vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read), (Arg::Output(0), Access::ReadWrite)],
        blocks: vec![[[groups as u32, count as u32, stream, 0], words].concat()],
        grid: facts.caps.fold((groups as u64).div_ceil(u64::from(WORKGROUP))),
        work: Work { flops: flops * count as f64, bytes: output.bytes() as f64 },
    })
}

impl Kernel for RandomUniform {
    fn name(&self) -> &'static str {
        "random_uniform"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [key] = inputs else {
            return Err(OpError::new("random_uniform", format!("takes 1 input (the key), got {}", inputs.len())));
        };
        random::check_key("random_uniform", key)?;
        if !self.dtype.is_float() {
            return Err(OpError::new("random_uniform", format!("makes f32 or f16, not {}; cast the result", self.dtype)));
        }
        Ok(vec![TensorType::new(self.shape.clone(), self.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let span = ((self.high - self.low) as f32).to_bits();
        Ok(fill("random_uniform", self.stream, [(self.low as f32).to_bits(), span, 0, 0], 2.0, facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let words = random::words(inputs[0], self.stream).take(outputs[0].shape.numel());
        vec![Array::new(outputs[0].clone(), words.map(|w| self.low + (self.high - self.low) * random::uniform(w)).collect())]
    }

    fn vjp(&self, _b: &mut dyn Builder, _node: Node<'_>) -> Vec<Option<Value>> {
        vec![None]
    }
}

/// A key for cases, with words over the whole range.
pub(crate) fn key() -> Input {
    Input::new([3], DType::U32, Fill::Values(vec![3_735_928_559.0, 4_294_967_295.0, 41.0]))
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, shape: &[usize], low, high, dtype| {
        let op = RandomUniform { shape: shape.into(), low, high, stream: 5, dtype };
        // One product and one sum of the size of the larger end.
        let tolerance = if (low, high) == (0.0, 1.0) { Tolerance::EXACT } else { Tolerance::ulp(4.0) };
        Case::new(format!("random_uniform {name}"), op, vec![key()]).tolerance(tolerance.stored_as(dtype)).no_grad()
    };
    let cases = vec![
        case("scalar", &[], 0.0, 1.0, DType::F32),
        case("1", &[1], 0.0, 1.0, DType::F32),
        case("2", &[2], 0.0, 1.0, DType::F32),
        case("7x13", &[7, 13], 0.0, 1.0, DType::F32),
        case("16x16", &[16, 16], 0.0, 1.0, DType::F32),
        case("63x4", &[63, 4], -0.5, 0.5, DType::F32),
        case("259 in -1 to 2", &[259], -1.0, 2.0, DType::F32),
        case("empty", &[0, 3], 0.0, 1.0, DType::F32),
        case("more than 65535 groups", &[65_537 * 256 + 1], 0.0, 1.0, DType::F32),
        case("f16", &[6, 4], 0.0, 1.0, DType::F16),
        case("f16 13", &[13], -1.0, 1.0, DType::F16),
    ];
    let example = RandomUniform { shape: Shape::default(), low: 0.0, high: 1.0, stream: 0, dtype: DType::F32 };
    vec![Entry::new("random_uniform", "y = low + (high - low)·u, u uniform in [0, 1) from the key (ONNX RandomUniform)", &example, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(stream: u32, key: [f64; 3], n: usize) -> Vec<f64> {
        let op = RandomUniform { shape: [n].into(), low: 0.0, high: 1.0, stream, dtype: DType::F32 };
        let key = Array::new(TensorType::new([3], DType::U32), key.to_vec());
        op.reference(&[&key], &op.infer(std::slice::from_ref(&key.ty)).unwrap()).swap_remove(0).data
    }

    #[test]
    fn moments_are_those_of_the_uniform_distribution() {
        let y = drawn(0, [1.0, 2.0, 3.0], 40_000);
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let variance = y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / y.len() as f64;
        // Four standard errors: sqrt(1/12/n) and sqrt(1/180/n).
        assert!((mean - 0.5).abs() < 0.0058 && (variance - 1.0 / 12.0).abs() < 0.0015, "{mean} {variance}");
        assert!(y.iter().all(|&v| (0.0..1.0).contains(&v)));
    }

    #[test]
    fn every_part_of_the_key_changes_the_numbers() {
        let base = drawn(0, [1.0, 2.0, 3.0], 8);
        assert_eq!(base, drawn(0, [1.0, 2.0, 3.0], 8));
        for other in [drawn(1, [1.0, 2.0, 3.0], 8), drawn(0, [2.0, 2.0, 3.0], 8), drawn(0, [1.0, 3.0, 3.0], 8), drawn(0, [1.0, 2.0, 4.0], 8)] {
            assert!(base.iter().zip(&other).all(|(a, b)| a != b));
        }
    }
}
