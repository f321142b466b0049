//! `conv_transpose2d`: the transpose of `conv2d` as a linear map: each input pixel is spread over the window, y[n, o, i·s − p + a·d, …] += x[n, c,
//! i, j] · w[c, o, a, b] (ONNX ConvTranspose). It is the gradient of `conv2d` by its images, too.
//!
//! x [N, C, H, W], w [C, O/group, kh, kw] to [N, O, H', W'] with H' = (H − 1)·s − pads + d·(kh − 1) + 1 + output_padding. Sums run in f32 in
//! a fixed order: every output gathers what was spread to it. An epilogue may follow, as for `conv2d`.
//!
//! Variants: those of `matmul`, whose tiles it shares; `few` and `few_tall` as in `conv2d`.

use super::conv_launch;
use super::conv_window::{self, Window};
use super::{Conv2d, Conv2dWeightGrad};
use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::map::Map;
use crate::{Array, Builder, Op, OpError, TensorType, Value};
use serde::{Deserialize, Serialize};

/// A transposed convolution of images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConvTranspose2d {
    /// How the window moves in the convolution that this is the transpose of.
    #[serde(flatten)]
    pub window: Window,
    /// Rows and columns added at the bottom and the right, each less than its stride.
    pub output_padding: [usize; 2],
    /// A chain through which every output passes before it is stored. Made by fusion.
    #[serde(skip)]
    pub epilogue: Option<Map>,
}

impl ConvTranspose2d {
    fn plain(&self, inputs: &[TensorType]) -> Result<TensorType, OpError> {
        let op = "conv_transpose2d";
        self.window.check(op)?;
        let [x, w] = conv_window::operands(op, ["images", "weights [C, O/group, kh, kw]"], inputs, self.epilogue.is_some())?;
        conv_window::weights(op, &x.shape, &w.shape, w.shape[0], self.window.group)?;
        let Window { strides, pads, group, .. } = self.window;
        let mut extents = [0; 2];
        for axis in 0..2 {
            let rest = self.output_padding[axis];
            if rest >= strides[axis] {
                let what = format!("output_padding {:?} must be less than the strides {strides:?}", self.output_padding);
                return Err(OpError::new(op, what));
            }
            let steps = x.shape[2 + axis].saturating_sub(1).saturating_mul(strides[axis]);
            let spread = steps.saturating_add(self.window.reach(axis, w.shape[2 + axis])).saturating_add(rest);
            let cut = pads[axis] + pads[axis + 2];
            if x.shape[2 + axis] == 0 || spread <= cut {
                let what = format!("images {} with pads {pads:?} leave nothing: {spread} pixels along an axis, of which the pads cut {cut}", x.shape);
                return Err(OpError::new(op, what));
            }
            extents[axis] = spread - cut;
        }
        Ok(TensorType::new([x.shape[0], w.shape[1] * group, extents[0], extents[1]], x.dtype))
    }
}

impl Kernel for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        conv_window::with_epilogue("conv_transpose2d", self.plain(inputs)?, self.epilogue.as_ref(), inputs.get(2..).unwrap_or_default())
    }

    fn accepts(&self, index: usize, layout: &crate::Layout) -> bool {
        index > 1 || layout.is_contiguous()
    }

    fn with_epilogue(&self, chain: &Map) -> Option<Op> {
        self.epilogue.is_none().then(|| Self { epilogue: Some(chain.clone()), ..self.clone() }.into())
    }

    fn epilogue(&self) -> Option<&Map> {
        self.epilogue.as_ref()
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        let none = Map::copy(&facts.outputs[0].shape);
        conv_launch::variants(facts, &conv_launch::transposed(facts, &self.window, &none))
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let none = Map::copy(&facts.outputs[0].shape);
        let chain = self.epilogue.as_ref().unwrap_or(&none);
        conv_launch::lower("conv_transpose2d", facts, &conv_launch::transposed(facts, &self.window, chain))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (x, w) = (inputs[0], inputs[1]);
        let (from, to) = (&x.ty.shape, &outputs[0].shape);
        let Window { strides, pads, dilations, group } = self.window;
        let outs = to[1] / group;
        let mut out = vec![0.0; to.numel()];
        for (at, &value) in x.data.iter().enumerate() {
            let (j, i) = (at % from[3], at / from[3] % from[2]);
            let (c, n) = (at / (from[2] * from[3]) % from[1], at / (from[1] * from[2] * from[3]));
            let first = c / (from[1] / group) * outs;
            for o in 0..outs {
                for a in 0..w.ty.shape[2] {
                    let Some(y) = (i * strides[0] + a * dilations[0]).checked_sub(pads[0]).filter(|&y| y < to[2]) else { continue };
                    for b in 0..w.ty.shape[3] {
                        let Some(x_at) = (j * strides[1] + b * dilations[1]).checked_sub(pads[1]).filter(|&x| x < to[3]) else { continue };
                        let weight = w.data[((c * outs + o) * w.ty.shape[2] + a) * w.ty.shape[3] + b];
                        out[((n * to[1] + first + o) * to[2] + y) * to[3] + x_at] += value * weight;
                    }
                }
            }
        }
        let plain = Array::new(TensorType::new(to.clone(), x.ty.dtype), out);
        match &self.epilogue {
            Some(chain) => vec![Array::new(outputs[0].clone(), chain.eval(Some(&plain), &inputs[2..]).data)],
            None => vec![plain],
        }
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (x, w) = (node.inputs[0], node.inputs[1]);
        let (g, extra) = match &self.epilogue {
            Some(chain) => {
                let plain = b.op(Self { epilogue: None, ..self.clone() }, &[x, w]);
                let (head, extra) = chain.backward(b, Some(plain), &node.inputs[2..], node.grad());
                (head.unwrap_or(node.grad()), extra)
            }
            None => (node.grad(), Vec::new()),
        };
        let kernel = b.shape(w);
        let by_images = b.op(Conv2d::new(self.window.clone()), &[g, w]);
        let by_weights = b.op(Conv2dWeightGrad { window: self.window.clone(), kernel_shape: [kernel[2], kernel[3]] }, &[g, x]);
        let mut grads = vec![Some(by_images), Some(by_weights)];
        grads.extend(extra);
        grads
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let about = "y[n,o,i·s−p+a·d,j·s−p+b·d] += x[n,c,i,j]·w[c,o,a,b] (ONNX ConvTranspose)";
    vec![Entry::new("conv_transpose2d", about, &ConvTranspose2d::default(), super::conv_cases::transposed())]
}
