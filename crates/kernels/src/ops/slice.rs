//! `slice`: every step-th element of a window (ONNX Slice with starts, ends, axes and steps as attributes): y\[i\] = x[start + step·i].
//! A view.
//!
//! Indices below zero count from the end; starts and ends beyond the extent are clamped, for negative steps to -1 as the
//! end. To run down to element 0 with a negative step, give an end below -extent.

use crate::op::{Entry, Kernel, Node};
use crate::ops::SliceBackward;
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// A strided window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// The first index along each of `axes`.
    pub starts: Vec<i64>,
    /// The index before which to stop, along each of `axes`.
    pub ends: Vec<i64>,
    /// The axes, counted from the end where negative; the first ones where absent.
    pub axes: Option<Vec<i64>>,
    /// The steps, none of them 0; all 1 where absent.
    pub steps: Option<Vec<i64>>,
}

/// A window resolved on a shape: along each axis the first index, the step and the number of elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) start: Vec<usize>,
    pub(crate) step: Vec<isize>,
    pub(crate) len: Vec<usize>,
}

impl Slice {
    /// A window of step 1 along one axis.
    pub fn along(axis: usize, start: usize, end: usize) -> Self {
        Self { starts: vec![start as i64], ends: vec![end as i64], axes: Some(vec![axis as i64]), steps: None }
    }

    /// The window on `shape`.
    pub(crate) fn window(&self, op: &str, shape: &Shape) -> Result<Window, OpError> {
        let wrong = |why: String| Err(OpError::new(op, why));
        let n = self.starts.len();
        let axes = self.axes.clone().unwrap_or_else(|| (0..n as i64).collect());
        let steps = self.steps.clone().unwrap_or_else(|| vec![1; n]);
        if [self.ends.len(), axes.len(), steps.len()] != [n; 3] {
            return wrong(format!(
                "starts, ends, axes and steps must be of one length, got {:?}, {:?}, {:?} and {:?}",
                self.starts, self.ends, self.axes, self.steps
            ));
        }
        // Refuses repeats; the order is kept below.
        shape.axes(op, Some(&axes))?;
        let mut window = Window { start: vec![0; shape.rank()], step: vec![1; shape.rank()], len: shape.to_vec() };
        for k in 0..n {
            let axis = shape.axis(op, axes[k])?;
            let (extent, step) = (shape[axis] as i64, steps[k]);
            if step == 0 {
                return wrong(format!("the step along axis {axis} is 0; give a positive or a negative one"));
            }
            if extent == 0 {
                continue;
            }
            let from_end = |i: i64| if i < 0 { i.saturating_add(extent) } else { i };
            let (low, high) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
            let start = from_end(self.starts[k]).clamp(low.max(0), high);
            let end = from_end(self.ends[k]).clamp(low, high);
            let span = if step > 0 { end - start } else { start - end };
            let len = if span > 0 { (span as u64).div_ceil(step.unsigned_abs()) } else { 0 };
            window.len[axis] = len as usize;
            // Fewer than two elements need no step, and none no start: any i64 is allowed as a step.
            window.start[axis] = if len == 0 { 0 } else { start as usize };
            window.step[axis] = if len > 1 { step as isize } else { 1 };
        }
        Ok(window)
    }
}

impl Kernel for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new("slice", format!("takes 1 input, got {}", inputs.len())));
        };
        Ok(vec![TensorType::new(self.window("slice", &x.shape)?.len, x.dtype)])
    }

    fn is_view(&self) -> bool {
        true
    }

    fn view(&self, input: &Layout) -> Option<Layout> {
        let window = self.window("slice", &input.shape).ok()?;
        Some(input.slice(&window.start, &window.step, &window.len))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        // By the definition, independent of layouts: the coordinates of each output element, mapped axis by axis.
        let x = inputs[0];
        let shape = &outputs[0].shape;
        let Ok(window) = self.window("slice", &x.ty.shape) else {
            return vec![Array::new(outputs[0].clone(), vec![0.0; shape.numel()])];
        };
        let element = |flat: usize| {
            let (mut rest, mut at, mut stride) = (flat, 0, 1);
            for axis in (0..shape.rank()).rev() {
                let index = rest % shape[axis];
                rest /= shape[axis];
                at += (window.start[axis] as isize + window.step[axis] * index as isize) as usize * stride;
                stride *= x.ty.shape[axis];
            }
            x.data[at]
        };
        vec![Array::new(outputs[0].clone(), (0..shape.numel()).map(element).collect())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        if !b.ty(node.inputs[0]).dtype.is_float() {
            return vec![None];
        }
        let shape = b.shape(node.inputs[0]);
        vec![Some(b.op(SliceBackward { shape, slice: self.clone() }, &[node.grad()]))]
    }
}

/// Windows worth testing, for `slice` and its gradient: name, shape, attributes.
pub(crate) fn windows() -> Vec<(&'static str, Vec<usize>, Slice)> {
    let along = |axes: &[i64], starts: &[i64], ends: &[i64], steps: &[i64]| Slice {
        starts: starts.to_vec(),
        ends: ends.to_vec(),
        axes: Some(axes.to_vec()),
        steps: Some(steps.to_vec()),
    };
    vec![
        ("1 of 1", vec![1], along(&[0], &[0], &[1], &[1])),
        ("13 whole", vec![13], Slice { starts: vec![0], ends: vec![i64::MAX], axes: None, steps: None }),
        ("7x13 rows 2..5", vec![7, 13], along(&[0], &[2], &[5], &[1])),
        ("7x13 last columns", vec![7, 13], along(&[-1], &[-4], &[i64::MAX], &[1])),
        ("6x8 both axes out of order", vec![6, 8], along(&[1, 0], &[4, 1], &[8, -1], &[1, 1])),
        ("5x16 every third", vec![5, 16], along(&[1], &[1], &[16], &[3])),
        ("5x7 reversed", vec![5, 7], along(&[0, 1], &[-1, -1], &[i64::MIN, i64::MIN], &[-1, -1])),
        ("11 down by 4", vec![11], along(&[0], &[100], &[-100], &[-4])),
        ("4x6x8 middle axis by -2", vec![4, 6, 8], along(&[1], &[4], &[0], &[-2])),
        ("4x6x8 aligned block", vec![4, 6, 8], along(&[0, 2], &[1, 4], &[3, 8], &[1, 1])),
        ("5 clamped", vec![5], along(&[0], &[-50], &[50], &[2])),
        ("one element by a huge step", vec![9], along(&[0], &[3], &[9], &[i64::MAX])),
        ("2x3x4x5x3 five axes", vec![2, 3, 4, 5, 3], along(&[0, 1, 2, 3, 4], &[0, 1, 3, 1, 2], &[2, 3, 0, 5, -4], &[1, 1, -1, 2, -1])),
        ("to nothing", vec![4, 3], along(&[0], &[3], &[2], &[1])),
        ("of nothing", vec![0, 3], along(&[0, 1], &[0, 0], &[4, 2], &[-1, 1])),
    ]
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, input: Input, op: Slice| Case::new(format!("slice {name}"), op, vec![input]).tolerance(Tolerance::EXACT);
    let mut cases: Vec<Case> = windows().into_iter().map(|(name, shape, op)| case(name, Input::f32(shape), op)).collect();
    let rows = || Slice { starts: vec![1, -2], ends: vec![4, -9], axes: None, steps: Some(vec![2, -1]) };
    cases.push(case("of a transposed 5x7", Input::f32([5, 7]).view(View::Transposed), rows()));
    cases.push(case("of a sliced 5x7", Input::f32([5, 7]).view(View::Sliced), rows()));
    cases.push(case("i32", Input::new([5, 7], DType::I32, Fill::Uniform(-9.0, 9.0)), rows()).no_grad());
    cases.push(case("f16", Input::new([5, 7], DType::F16, Fill::Uniform(-2.0, 2.0)), rows()));
    cases.push(case("more than 65535 groups", Input::f32([65_537 * 64 + 5]), Slice { starts: vec![1], ends: vec![i64::MAX], axes: None, steps: None }));
    vec![Entry::new("slice", "y[i] = x[start + step·i] along `axes` (ONNX Slice)", &Slice::default(), cases)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(extent: usize, start: i64, end: i64, step: i64) -> Vec<f64> {
        let op = Slice { starts: vec![start], ends: vec![end], axes: None, steps: Some(vec![step]) };
        let x = Array::new(TensorType::new([extent], DType::F32), (0..extent).map(|i| i as f64).collect());
        let outputs = op.infer(std::slice::from_ref(&x.ty)).unwrap();
        let y = op.reference(&[&x], &outputs).swap_remove(0);
        assert_eq!(x.view(&op.view(&Layout::contiguous(&x.ty.shape)).unwrap()), y, "view and reference");
        y.data
    }

    #[test]
    fn indices_are_clamped_and_counted_as_in_onnx() {
        assert_eq!(picked(5, 1, 4, 1), [1.0, 2.0, 3.0]);
        assert_eq!(picked(5, -3, -1, 1), [2.0, 3.0]);
        assert_eq!(picked(5, 0, 1000, 2), [0.0, 2.0, 4.0]);
        assert_eq!(picked(5, 20, 0, -2), [4.0, 2.0]);
        assert_eq!(picked(5, 20, i64::MIN, -2), [4.0, 2.0, 0.0]);
        assert_eq!(picked(5, -1, -6, -1), [4.0, 3.0, 2.0, 1.0, 0.0]);
        assert_eq!(picked(5, 3, 3, 1), [0.0; 0]);
        assert_eq!(picked(5, 9, 20, 1), [0.0; 0]);
        // The specification clamps a start to 0 or more for either sign of the step, unlike NumPy.
        assert_eq!(picked(5, -9, -7, -1), [0.0]);
        assert_eq!(picked(0, -1, i64::MIN, -1), [0.0; 0]);
    }

    #[test]
    fn a_step_of_zero_and_uneven_attributes_are_refused() {
        let x = TensorType::new([4, 4], DType::F32);
        let refused = |op: Slice| op.infer(std::slice::from_ref(&x)).unwrap_err().message;
        assert!(refused(Slice { starts: vec![0], ends: vec![1], axes: None, steps: Some(vec![0]) }).contains("step along axis 0 is 0"));
        assert!(refused(Slice { starts: vec![0, 1], ends: vec![1], axes: None, steps: None }).contains("one length"));
        assert!(refused(Slice { starts: vec![0, 0], ends: vec![1, 1], axes: Some(vec![1, -1]), steps: None }).contains("twice"));
    }
}
