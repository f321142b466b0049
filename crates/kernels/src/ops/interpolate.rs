//! `interpolate`: images in another size (ONNX Resize over two axes; the arithmetic of torch.nn.functional.interpolate).
//!
//! x [N, C, H, W] in f32 or f16 gives y [N, C, h, w], with h and w from `sizes` or ⌊scale·extent⌋. `nearest` takes the place
//! ⌊o·H/h⌋ (⌊o/scale⌋ where scales are given); `bilinear` weighs the four places around (o + ½)·H/h − ½, and with `align_corners`
//! around o·(H − 1)/(h − 1). Positions are f32. Nothing is smoothed where an image shrinks. Gradient: `interpolate_backward`.

use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::InterpolateBackward;
use crate::reduction::MAX_TURNS;
use crate::resample::{Line, Resample, Rule};
use crate::window::images;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Where values between the places come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterpolateMode {
    /// The nearest place, in PyTorch's sense: the one on which the division rounds down.
    Nearest,
    /// The four places around, by their distances.
    Bilinear,
}

/// Images in another size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interpolate {
    /// How.
    pub mode: InterpolateMode,
    /// The new height and width.
    pub sizes: Option<[usize; 2]>,
    /// The new extents over the old ones; instead of `sizes`.
    pub scales: Option<[f64; 2]>,
    /// For bilinear: whether corners lie on corners, not edges on edges.
    pub align_corners: bool,
}

impl Interpolate {
    /// To a size.
    pub fn to(mode: InterpolateMode, sizes: [usize; 2]) -> Self {
        Self { mode, sizes: Some(sizes), scales: None, align_corners: false }
    }

    /// By factors.
    pub fn by(mode: InterpolateMode, scales: [f64; 2]) -> Self {
        Self { mode, sizes: None, scales: Some(scales), align_corners: false }
    }

    /// Both axes for images of `size`.
    pub(crate) fn lines(&self, op: &str, size: [usize; 2]) -> Result<[Line; 2], OpError> {
        let refuse = |message: String| Err(OpError::new(op, message));
        if self.align_corners && self.mode == InterpolateMode::Nearest {
            return refuse("align_corners is for bilinear; nearest has no corners to align".to_owned());
        }
        let windows = match (self.sizes, self.scales) {
            (Some(sizes), None) => sizes,
            (None, Some(scales)) => {
                if let Some(scale) = scales.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
                    return refuse(format!("scales must be above 0, got {scale}"));
                }
                [0, 1].map(|a| (size[a] as f64 * scales[a]).floor() as usize)
            }
            _ => return refuse(format!("takes either sizes or scales, got {:?} and {:?}", self.sizes, self.scales)),
        };
        if size.contains(&0) || windows.contains(&0) {
            return refuse(format!("from {size:?} to {windows:?}: every extent must be at least 1"));
        }
        let line = |a: usize| {
            let (n, m) = (size[a], windows[a]);
            let corners = if m > 1 { (n - 1) as f64 / (m - 1) as f64 } else { 0.0 };
            let scale = self.scales.map_or(n as f64 / m as f64, |scales| 1.0 / scales[a]);
            let rule = match self.mode {
                _ if n == m && self.scales.is_none_or(|s| s[a] == 1.0) => Rule::Same,
                InterpolateMode::Nearest => Rule::Nearest(scale),
                InterpolateMode::Bilinear if self.align_corners => Rule::Linear(corners, true),
                InterpolateMode::Bilinear => Rule::Linear(scale, false),
            };
            Line { rule, places: n, windows: m }
        };
        let lines = [0, 1].map(line);
        match lines.iter().find(|l| l.turns(true) > MAX_TURNS / 2) {
            Some(l) => refuse(format!("from {} to {} is too far for one step; go in two", l.places, l.windows)),
            None => Ok(lines),
        }
    }
}

impl Kernel for Interpolate {
    fn name(&self) -> &'static str {
        "interpolate"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("interpolate", format!("takes 1 input, got {}", inputs.len())));
        };
        let (_, size) = images("interpolate", x)?;
        let [h, w] = self.lines("interpolate", size)?;
        Ok(vec![TensorType::new([x.shape[0], x.shape[1], h.windows, w.windows], x.dtype)])
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let shape = &facts.inputs[0].layout.shape;
        let lines = self.lines("interpolate", [shape[2], shape[3]])?;
        Resample { planes: shape[0] * shape[1], lines, transposed: false }.lower("interpolate", facts)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &inputs[0].ty.shape;
        // invariant: `infer` accepted the sizes.
        let lines = self.lines("", [shape[2], shape[3]]);
        let data = lines.map(|lines| Resample { planes: shape[0] * shape[1], lines, transposed: false }.reference(inputs[0])).unwrap_or_default();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let shape = b.shape(node.inputs[0]);
        vec![Some(b.op(InterpolateBackward { input_size: [shape[2], shape[3]], interpolate: self.clone() }, &[node.grad()]))]
    }
}

/// Images and maps: up, down, by whole factors and others, corners, one place.
pub(crate) fn maps() -> Vec<(&'static str, [usize; 4], Interpolate)> {
    use InterpolateMode::{Bilinear, Nearest};
    let corners = |sizes| Interpolate { align_corners: true, ..Interpolate::to(Bilinear, sizes) };
    vec![
        ("nearest 1x1 to 1x1", [1, 1, 1, 1], Interpolate::to(Nearest, [1, 1])),
        ("nearest 4x6 by 2", [2, 3, 4, 6], Interpolate::by(Nearest, [2.0, 2.0])),
        ("nearest 5x7 to 8x3", [1, 2, 5, 7], Interpolate::to(Nearest, [8, 3])),
        // In f32, 41·(2/82) is below 1.
        ("nearest 2x3 to 82x41", [1, 1, 2, 3], Interpolate::to(Nearest, [82, 41])),
        ("nearest 5x7 by 1.3 and 0.6", [1, 2, 5, 7], Interpolate::by(Nearest, [1.3, 0.6])),
        ("nearest 7x1 to 7x5", [1, 2, 7, 1], Interpolate::to(Nearest, [7, 5])),
        ("bilinear 1x1 to 3x4", [2, 1, 1, 1], Interpolate::to(Bilinear, [3, 4])),
        ("bilinear 4x6 by 2", [2, 3, 4, 6], Interpolate::by(Bilinear, [2.0, 2.0])),
        ("bilinear 5x7 to 8x3", [1, 2, 5, 7], Interpolate::to(Bilinear, [8, 3])),
        ("bilinear 13x11 to 4x5", [1, 2, 13, 11], Interpolate::to(Bilinear, [4, 5])),
        ("bilinear 5x7 by 1.3 and 0.6", [1, 2, 5, 7], Interpolate::by(Bilinear, [1.3, 0.6])),
        ("bilinear 3x2 to 17x19", [1, 1, 3, 2], Interpolate::to(Bilinear, [17, 19])),
        ("bilinear 5x7 to 8x3 corners", [1, 2, 5, 7], corners([8, 3])),
        ("bilinear 5x7 to 1x1 corners", [1, 2, 5, 7], corners([1, 1])),
        ("bilinear 1x4 to 6x8 corners", [1, 2, 1, 4], corners([6, 8])),
        ("bilinear 6x5 to 6x9", [1, 2, 6, 5], Interpolate::to(Bilinear, [6, 9])),
    ]
}

/// How exact a value is: its weights come from positions in f32.
pub(crate) fn tolerance(dtype: DType) -> Tolerance {
    Tolerance::ulp(64.0).stored_as(dtype)
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, input: Input, op: Interpolate| {
        let tolerance = tolerance(input.ty.dtype);
        Case::new(format!("interpolate {name}"), op, vec![input]).tolerance(tolerance)
    };
    let mut cases: Vec<Case> = maps().into_iter().map(|(name, shape, op)| case(name, Input::f32(shape), op)).collect();
    let twice = |mode| Interpolate::by(mode, [2.0, 2.0]);
    cases.push(case("bilinear 5x3 by 2 transposed", Input::f32([1, 2, 5, 3]).view(View::Transposed), twice(InterpolateMode::Bilinear)));
    cases.push(case("nearest no images", Input::f32([0, 2, 5, 3]), twice(InterpolateMode::Nearest)));
    let half = Input::new([1, 2, 5, 3], DType::F16, Fill::Uniform(-2.0, 2.0));
    cases.push(case("f16 nearest 5x3 by 2", half.clone(), twice(InterpolateMode::Nearest)));
    cases.push(case("f16 bilinear 5x3 by 2", half, twice(InterpolateMode::Bilinear)));
    cases.push(case("more than 65535 groups", Input::f32([65_537, 16, 1, 1]), twice(InterpolateMode::Nearest)).no_grad());
    let example = Interpolate { mode: InterpolateMode::Nearest, sizes: None, scales: None, align_corners: false };
    let about = "images [N, C, H, W] in another size, nearest or bilinear, by `sizes` or `scales` (ONNX Resize; as torch's interpolate)";
    vec![Entry::new("interpolate", about, &example, cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |op: Interpolate| op.infer(&[TensorType::new([1, 1, 4, 5], DType::F32)]).unwrap_err().message;
        use InterpolateMode::{Bilinear, Nearest};
        assert!(refused(Interpolate { sizes: None, ..Interpolate::to(Nearest, [1, 1]) }).contains("either sizes or scales"));
        assert!(refused(Interpolate { scales: Some([1.0; 2]), ..Interpolate::to(Nearest, [1, 1]) }).contains("either sizes or scales"));
        assert!(refused(Interpolate { align_corners: true, ..Interpolate::to(Nearest, [1, 1]) }).contains("bilinear"));
        assert!(refused(Interpolate::to(Bilinear, [0, 3])).contains("at least 1"));
        assert!(refused(Interpolate::by(Bilinear, [0.2, 1.0])).contains("at least 1"));
        assert!(refused(Interpolate::by(Bilinear, [f64::NAN, 1.0])).contains("above 0"));
        assert!(refused(Interpolate::by(Bilinear, [-1.0, 1.0])).contains("above 0"));
        assert!(refused(Interpolate::by(Nearest, [1e5, 1.0])).contains("go in two"));
    }
}
