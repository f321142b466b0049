//! `conv2d_weight_grad`: the gradient of a convolution by its weights, dw[o, c, a, b] = Σ over n, i, j of dy[n, o, i, j] · x[n, c, i·s − p + a·d, j·s − p
//! + b·d].
//!
//! x [N, C, H, W], dy [N, O, H', W'] to [O, C/group, kh, kw]; `kernel_shape` says which of the windows that give H' and W' is meant. The
//! sums are long (all pixels of all images) and the outputs few: k is cut into pieces that are summed apart and added up in order by a
//! second pass, so the same inputs give the same bytes.
//!
//! Variants: those of `matmul`, whose tiles it shares; `few` where a group has up to four output channels (depthwise: one); `taps`
//! where it has few input channels, as a first layer, and subgroups have one fixed size (`conv_taps.rs`).

use super::conv_launch;
use super::conv_window::{self, Window};
use super::{Conv2d, ConvTranspose2d};
use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::map::Map;
use crate::{Array, Builder, OpError, TensorType, Value};
use serde::{Deserialize, Serialize};

/// The gradient of a convolution by its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv2dWeightGrad {
    /// How the window moved.
    #[serde(flatten)]
    pub window: Window,
    /// Height and width of the window.
    pub kernel_shape: [usize; 2],
}

impl Default for Conv2dWeightGrad {
    fn default() -> Self {
        Self { window: Window::default(), kernel_shape: [1, 1] }
    }
}

impl Kernel for Conv2dWeightGrad {
    fn name(&self) -> &'static str {
        "conv2d_weight_grad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let op = "conv2d_weight_grad";
        self.window.check(op)?;
        let [x, dy] = conv_window::operands(op, ["images", "gradients [N, O, H', W']"], inputs, false)?;
        let group = self.window.group;
        let wrong = |what: String| Err(OpError::new(op, what));
        if self.kernel_shape.contains(&0) {
            return wrong(format!("kernel_shape {:?} is empty; both must be at least 1", self.kernel_shape));
        }
        if !x.shape[1].is_multiple_of(group) || !dy.shape[1].is_multiple_of(group) || x.shape[1] == 0 || dy.shape[1] == 0 {
            return wrong(format!("the channels of {} and {} cannot be shared out over {group} groups", x.shape, dy.shape));
        }
        let extent = |axis: usize| self.window.output(op, axis, x.shape[2 + axis], self.kernel_shape[axis]);
        let (height, width) = (extent(0)?, extent(1)?);
        if dy.shape[0] != x.shape[0] || dy.shape[2..] != [height, width] {
            return wrong(format!("images {} give outputs of {} images of {height}×{width}, and the gradients are {}", x.shape, x.shape[0], dy.shape));
        }
        let [kh, kw] = self.kernel_shape;
        Ok(vec![TensorType::new([dy.shape[1], x.shape[1] / group, kh, kw], x.dtype)])
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        let none = Map::copy(&facts.outputs[0].shape);
        conv_launch::variants(facts, &conv_launch::weight_grad(facts, &self.window, &none).into())
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let none = Map::copy(&facts.outputs[0].shape);
        conv_launch::lower("conv2d_weight_grad", facts, &conv_launch::weight_grad(facts, &self.window, &none).into())
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (x, dy) = (inputs[0], inputs[1]);
        let (from, to, w) = (&x.ty.shape, &dy.ty.shape, &outputs[0].shape);
        let Window { strides, pads, dilations, group } = self.window;
        let mut out = vec![0.0; w.numel()];
        for (at, &value) in dy.data.iter().enumerate() {
            let (j, i) = (at % to[3], at / to[3] % to[2]);
            let (o, n) = (at / (to[2] * to[3]) % to[1], at / (to[1] * to[2] * to[3]));
            let first = o / (to[1] / group) * w[1];
            for c in 0..w[1] {
                for a in 0..w[2] {
                    let Some(y) = (i * strides[0] + a * dilations[0]).checked_sub(pads[0]).filter(|&y| y < from[2]) else { continue };
                    for b in 0..w[3] {
                        let Some(x_at) = (j * strides[1] + b * dilations[1]).checked_sub(pads[1]).filter(|&x| x < from[3]) else { continue };
                        out[((o * w[1] + c) * w[2] + a) * w[3] + b] += value * x.data[((n * from[1] + first + c) * from[2] + y) * from[3] + x_at];
                    }
                }
            }
        }
        vec![Array::new(outputs[0].clone(), out)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (x, dy, g) = (node.inputs[0], node.inputs[1], node.grad());
        let from = b.shape(x);
        let output_padding = [0, 1].map(|a| self.window.rest(a, from[2 + a], self.kernel_shape[a]));
        let by_images = b.op(ConvTranspose2d { window: self.window.clone(), output_padding, epilogue: None }, &[dy, g]);
        let by_outputs = b.op(Conv2d::new(self.window.clone()), &[x, g]);
        vec![Some(by_images), Some(by_outputs)]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let about = "dw[o,c,a,b] = Σ dy[n,o,i,j]·x[n,c,i·s−p+a·d,j·s−p+b·d], the gradient of conv2d by its weights";
    vec![Entry::new("conv2d_weight_grad", about, &Conv2dWeightGrad::default(), super::conv_cases::weight_grad())]
}
