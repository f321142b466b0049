//! `dropout`: y = x/(1 - ratio) with probability 1 - ratio, else 0 (ONNX Dropout in training; Srivastava et al. 2014).
//!
//! Inputs: x and the key, u32\[3\]; see [`crate::random`]. Element i is kept where its random number u ≥ ratio. The decision is exact
//! and the same on every device. The gradient is the same op with the same key and stream: no mask is stored.

use crate::body::{self, Body, Step};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::random_uniform::key;
use crate::random;
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Program, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Invocations a workgroup; each makes four elements.
const WORKGROUP: u32 = 64;

/// Random elements set to 0, the others scaled up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share that is dropped, in [0, 1).
    pub ratio: f64,
    /// Tells the nodes of a graph apart: two with one key and one stream drop the same elements.
    pub stream: u32,
}

/// Refuses a ratio for which nothing would be left to scale.
pub(crate) fn check_ratio(op: &str, ratio: f64) -> Result<(), OpError> {
    if (0.0..1.0).contains(&ratio) { Ok(()) } else { Err(OpError::new(op, format!("the ratio must be in [0, 1), got {ratio}"))) }
}

/// What each element is multiplied by.
pub(crate) fn mask(key: &Array, stream: u32, ratio: f64, n: usize) -> impl Iterator<Item = f64> {
    random::words(key, stream).take(n).map(move |word| if random::uniform(word) >= ratio { 1.0 / (1.0 - ratio) } else { 0.0 })
}

/// The launch: the body made of `steps` and `inputs`, masked. `key` is the number of the input that holds the key.
pub(crate) fn masked(ratio: f64, stream: u32, key: usize, steps: &[Step], inputs: &[Operand], facts: &Lowering<'_>) -> Lowered {
    let output = &facts.outputs[0];
    let count = output.shape.numel();
    if count == 0 {
        return Lowered::default();
    }
    let vector = body::vectorizes(&output.shape, steps, inputs);
    let groups = count.div_ceil(4);
    let mut program = Program::new("dropout").u32("WORKGROUP", WORKGROUP);
    program.aliases.extend(body::aliases(vector));
    program.code = random::store4(2, output.dtype, count);
    program.code.push_str(if vector {
        "fn read4(block: u32) -> vec4<f32> { return value(block); }\n"
    } else {
        "fn read4(block: u32) -> vec4<f32> {\n  let at = vec4<u32>(0u, 1u, 2u, 3u) + block * 4u;\n  \
         let safe = min(at, vec4<u32>(params.count - 1u));\n  \
         return vec4<f32>(value(safe.x), value(safe.y), value(safe.z), value(safe.w));\n}\n"
    });
    program.f16 = output.dtype == DType::F16;
    // u ≥ ratio exactly where the upper 24 bits reach this whole number.
    let threshold = (ratio * 2f64.powi(24)).ceil() as u32;
    let scale = (1.0 / (1.0 - ratio)) as f32;
    let mut args = vec![(Arg::Block(0), Access::Read), (Arg::Input(key), Access::Read), (Arg::Output(0), Access::ReadWrite)];
    let mut blocks = vec![vec![groups as u32, count as u32, stream, threshold, scale.to_bits(), 0, 0, 0]];
    Body { shape: &output.shape, steps, inputs, head: None, in_place: None }.emit(3, vector).attach(&mut program, &mut args, &mut blocks, 0);
    let read: usize = inputs.iter().map(|o| o.layout.shape.numel() * o.dtype.bytes()).sum();
    let work = Work { flops: count as f64, bytes: read as f64 + output.bytes() as f64 };
    let grid = facts.caps.fold((groups as u64).div_ceil(u64::from(WORKGROUP)));
    Lowered::one(Launch { program, args, blocks, grid, work })
}

impl Kernel for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x, key] = inputs else {
            return Err(OpError::new("dropout", format!("takes 2 inputs (x, key), got {}", inputs.len())));
        };
        random::check_key("dropout", key)?;
        check_ratio("dropout", self.ratio)?;
        if !x.dtype.is_float() {
            return Err(OpError::new("dropout", format!("is not defined for {x}; cast it to f32")));
        }
        Ok(vec![x.clone()])
    }

    fn accepts(&self, index: usize, layout: &Layout) -> bool {
        index == 0 || layout.is_contiguous()
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        Ok(masked(self.ratio, self.stream, 1, &[], &facts.inputs[..1], facts))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let x = inputs[0];
        let mask = mask(inputs[1], self.stream, self.ratio, x.data.len());
        vec![Array::new(outputs[0].clone(), x.data.iter().zip(mask).map(|(x, m)| x * m).collect())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        vec![Some(b.op(self.clone(), &[node.grad(), node.inputs[1]])), None]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, x: Input, ratio: f64| {
        let tolerance = Tolerance::ulp(1.0).stored_as(x.ty.dtype);
        Case::new(format!("dropout {name}"), Dropout { ratio, stream: 11 }, vec![x, key()]).tolerance(tolerance).backward(tolerance)
    };
    let cases = vec![
        case("scalar", Input::f32([]), 0.5),
        case("1", Input::f32([1]), 0.5),
        case("7x13 by 0.3", Input::f32([7, 13]), 0.3),
        case("16x16 by 0.5", Input::f32([16, 16]), 0.5),
        case("63x4 by 0.9", Input::f32([63, 4]), 0.9),
        case("259 by 0: a copy", Input::f32([259]), 0.0),
        case("5x12 transposed", Input::f32([5, 12]).view(View::Transposed), 0.25),
        case("5x7 transposed", Input::f32([5, 7]).view(View::Transposed), 0.25),
        case("4x8 sliced", Input::f32([4, 8]).view(View::Sliced), 0.25),
        case("empty", Input::f32([0, 3]), 0.5),
        case("more than 65535 groups", Input::f32([65_537 * 256 + 1]), 0.5).no_grad(),
        case("f16", Input::new([6, 4], DType::F16, Fill::Uniform(-2.0, 2.0)), 0.3),
        case("f16 13", Input::new([13], DType::F16, Fill::Uniform(-2.0, 2.0)), 0.3),
    ];
    let example = Dropout { ratio: 0.5, stream: 0 };
    vec![Entry::new("dropout", "y = x/(1 - ratio) with probability 1 - ratio, else 0, by the key (ONNX Dropout)", &example, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_dropped_is_the_ratio() {
        let key = Array::new(TensorType::new([3], DType::U32), vec![1.0, 2.0, 3.0]);
        for ratio in [0.0, 0.1, 0.5, 0.9] {
            let n = 40_000;
            let dropped = mask(&key, 0, ratio, n).filter(|&m| m == 0.0).count() as f64 / n as f64;
            // Four standard errors.
            assert!((dropped - ratio).abs() <= 4.0 * (ratio * (1.0 - ratio) / n as f64).sqrt(), "{ratio}: {dropped}");
        }
    }

    #[test]
    fn a_ratio_of_one_is_refused() {
        let inputs = [TensorType::new([4], DType::F32), TensorType::new([3], DType::U32)];
        for ratio in [1.0, -0.1, f64::NAN] {
            assert!(Dropout { ratio, stream: 0 }.infer(&inputs).unwrap_err().message.contains("[0, 1)"));
        }
        assert!(Dropout { ratio: 0.5, stream: 0 }.infer(&[inputs[0].clone(), inputs[0].clone()]).unwrap_err().message.contains("u32[3]"));
    }
}
