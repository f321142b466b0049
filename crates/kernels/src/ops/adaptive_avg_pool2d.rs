//! `adaptive_avg_pool2d`: means over windows that share the image out, whatever its size (as PyTorch's AdaptiveAvgPool2d).
//!
//! x [N, C, H, W] in f32 or f16 gives y [N, C, h, w]: row o has the rows from ⌊o·H/h⌋ to ⌈(o+1)·H/h⌉ of x, columns alike; neighbours
//! overlap where H is no multiple of h. h may be larger than H. Where both are multiples this is `avg_pool2d`, and one window is a
//! mean over both axes: their kernels run. Gradient: `adaptive_avg_pool2d_backward`.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{AdaptiveAvgPool2dBackward, AvgPool2d, Reduce, ReduceKind};
use crate::reduction::MAX_TURNS;
use crate::resample::{Line, Resample, Rule};
use crate::window::images;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// The mean of windows that share the image out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAvgPool2d {
    /// Windows down and across.
    pub output_size: [usize; 2],
}

/// Both axes between images of `places` and `windows`.
///
/// # Errors
/// Where an extent is 0, or too large for the kernel.
pub(crate) fn lines(op: &str, places: [usize; 2], windows: [usize; 2]) -> Result<[Line; 2], OpError> {
    let refuse = |message: String| Err(OpError::new(op, message));
    if places.contains(&0) || windows.contains(&0) {
        return refuse(format!("images of {places:?} in {windows:?} windows: every extent must be at least 1"));
    }
    let lines = [0, 1].map(|a| Line { rule: Rule::Adaptive, places: places[a], windows: windows[a] });
    let large = |l: &Line| (l.places as u64).saturating_add(1).saturating_mul((l.windows as u64).saturating_add(1)) > 1 << 31;
    let long = |l: &Line| windows != [1, 1] && l.turns(false).max(l.turns(true)) > MAX_TURNS / 2;
    if let Some(l) = lines.iter().find(|l| large(l) || long(l)) {
        return refuse(format!("{} places in {} windows are too many for one step; pool in two", l.places, l.windows));
    }
    Ok(lines)
}

impl AdaptiveAvgPool2d {
    /// The plain pooling that does the same, where there is one.
    fn plain(&self, size: [usize; 2]) -> Option<AvgPool2d> {
        let even = [0, 1].iter().all(|&a| size[a].is_multiple_of(self.output_size[a]));
        even.then(|| AvgPool2d::new([0, 1].map(|a| size[a] / self.output_size[a])))
    }
}

impl Kernel for AdaptiveAvgPool2d {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("adaptive_avg_pool2d", format!("takes 1 input, got {}", inputs.len())));
        };
        let (_, size) = images("adaptive_avg_pool2d", x)?;
        lines("adaptive_avg_pool2d", size, self.output_size)?;
        let [h, w] = self.output_size;
        Ok(vec![TensorType::new([x.shape[0], x.shape[1], h, w], x.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let shape = &facts.inputs[0].layout.shape;
        let size = [shape[2], shape[3]];
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        if self.output_size == [1, 1] {
            return Reduce::new(ReduceKind::Mean, Some(vec![2, 3]), true).lower(facts);
        }
        if let Some(plain) = self.plain(size).filter(|p| p.spans("", size).is_ok()) {
            return plain.lower(facts);
        }
        let lines = lines("adaptive_avg_pool2d", size, self.output_size)?;
        Resample { planes: shape[0] * shape[1], lines, transposed: false }.lower("adaptive_avg_pool2d", facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &inputs[0].ty.shape;
        // invariant: `infer` accepted the extents.
        let lines = lines("", [shape[2], shape[3]], self.output_size);
        let data = lines.map(|lines| Resample { planes: shape[0] * shape[1], lines, transposed: false }.reference(inputs[0])).unwrap_or_default();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let shape = b.shape(node.inputs[0]);
        vec![Some(b.op(AdaptiveAvgPool2dBackward { input_size: [shape[2], shape[3]] }, &[node.grad()]))]
    }
}

/// Images and windows: even and uneven, fewer and more, one.
pub(crate) fn shapes() -> Vec<([usize; 4], [usize; 2])> {
    vec![
        ([1, 1, 1, 1], [1, 1]),
        ([2, 3, 7, 7], [1, 1]),
        ([2, 3, 8, 12], [4, 3]),
        ([2, 3, 7, 5], [3, 2]),
        ([1, 2, 10, 13], [7, 6]),
        ([1, 2, 3, 4], [5, 9]),
        ([1, 2, 6, 1], [1, 4]),
        ([2, 1, 1, 17], [1, 5]),
        ([1, 3, 14, 9], [7, 9]),
        // Windows of 300 x 300: one axis after the other.
        ([1, 1, 601, 600], [2, 2]),
    ]
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: String, input: Input, output_size: [usize; 2]| {
        let shape = &input.ty.shape;
        let window = (shape[2] / output_size[0] + 2) * (shape[3] / output_size[1] + 2);
        let tolerance = Tolerance::reduction(window).times(2.0).stored_as(input.ty.dtype);
        Case::new(format!("adaptive_avg_pool2d {name}"), AdaptiveAvgPool2d { output_size }, vec![input]).tolerance(tolerance)
    };
    let named =
        |shape: [usize; 4], [h, w]: [usize; 2]| case(format!("{h}x{w} of {}x{}x{}x{}", shape[0], shape[1], shape[2], shape[3]), Input::f32(shape), [h, w]);
    let mut cases: Vec<Case> = shapes().into_iter().map(|(shape, output)| named(shape, output)).collect();
    cases.push(case("3x2 of 2x3x7x5 transposed".to_owned(), Input::f32([2, 3, 7, 5]).view(View::Transposed), [3, 2]));
    cases.push(case("no images".to_owned(), Input::f32([2, 0, 7, 5]), [3, 2]));
    let half = |shape: [usize; 4]| Input::new(shape, DType::F16, Fill::Uniform(-2.0, 2.0));
    cases.push(case("f16 3x2 of 2x3x7x5".to_owned(), half([2, 3, 7, 5]), [3, 2]));
    cases.push(case("f16 1x1 of 2x3x7x5".to_owned(), half([2, 3, 7, 5]), [1, 1]));
    let about = "y[o] = mean of x from ⌊o·H/h⌋ to ⌈(o+1)·H/h⌉, down and across (as PyTorch's AdaptiveAvgPool2d)";
    vec![Entry::new("adaptive_avg_pool2d", about, &AdaptiveAvgPool2d { output_size: [1, 1] }, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_enormous_extents_are_refused() {
        let refused =
            |shape: [usize; 4], output_size: [usize; 2]| AdaptiveAvgPool2d { output_size }.infer(&[TensorType::new(shape, DType::F32)]).unwrap_err().message;
        assert!(refused([1, 1, 4, 4], [0, 2]).contains("at least 1"));
        assert!(refused([1, 1, 0, 4], [1, 2]).contains("at least 1"));
        assert!(refused([1, 1, 1, 1 << 20], [1, 1 << 12]).contains("pool in two"));
        assert!(refused([1, 1, 1, 100_000], [1, 2]).contains("pool in two"));
        let lines = AdaptiveAvgPool2d { output_size: [2, 2] }.infer(&[TensorType::new([4, 4, 4], DType::F32)]).unwrap_err();
        assert!(lines.message.contains("[N, C, H, W]"));
    }
}
