//! `conv2d`: y[n, o, i, j] = Σ over c, a, b of x[n, c, i·s − p + a·d, j·s − p + b·d] · w[o, c, a, b], zeros outside the image (ONNX Conv;
//! a cross-correlation, as everywhere in the field).
//!
//! x [N, C, H, W], w [O, C/group, kh, kw] to [N, O, H', W'] with H' = ⌊(H + pads − d·(kh − 1) − 1) / s⌋ + 1. Group g's outputs see only
//! its C/group input channels. Sums run in f32 in a fixed order. A fused epilogue (bias, activation) is applied to each sum before it is
//! stored; 1-D convolutions are those with H = kh = 1.
//!
//! Variants: those of `matmul`, whose tiles it shares (`conv_launch.rs`); `few` where a group has up to four output channels
//! (depthwise: one), and `few_tall` where moreover a window of up to four by four moves pixel by pixel over rows of whole fours.

use super::conv_launch;
use super::conv_window::{self, Window};
use super::{Conv2dWeightGrad, ConvTranspose2d};
use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::map::Map;
use crate::{Array, Builder, Op, OpError, Shape, TensorType, Value};
use serde::{Deserialize, Serialize};

/// A convolution of images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    /// How the window moves.
    #[serde(flatten)]
    pub window: Window,
    /// A chain through which every output passes before it is stored; inputs 2, 3, … of the op are its inputs. Made by fusion.
    #[serde(skip)]
    pub epilogue: Option<Map>,
}

impl Conv2d {
    /// A convolution without epilogue.
    pub fn new(window: Window) -> Self {
        Self { window, epilogue: None }
    }

    /// The type of the result before the epilogue.
    fn plain(&self, inputs: &[TensorType]) -> Result<TensorType, OpError> {
        let op = "conv2d";
        self.window.check(op)?;
        let [x, w] = conv_window::operands(op, ["images", "weights [O, C/group, kh, kw]"], inputs, self.epilogue.is_some())?;
        conv_window::weights(op, &x.shape, &w.shape, w.shape[1].saturating_mul(self.window.group), self.window.group)?;
        let extent = |axis: usize| self.window.output(op, axis, x.shape[2 + axis], w.shape[2 + axis]);
        Ok(TensorType::new([x.shape[0], w.shape[0], extent(0)?, extent(1)?], x.dtype))
    }
}

impl Kernel for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        conv_window::with_epilogue("conv2d", self.plain(inputs)?, self.epilogue.as_ref(), inputs.get(2..).unwrap_or_default())
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
        conv_launch::variants(facts, &conv_launch::forward(facts, &self.window, &none))
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let none = Map::copy(&facts.outputs[0].shape);
        let chain = self.epilogue.as_ref().unwrap_or(&none);
        conv_launch::lower("conv2d", facts, &conv_launch::forward(facts, &self.window, chain))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let (x, w) = (inputs[0], inputs[1]);
        let shape = &outputs[0].shape;
        let (channels, group) = (w.ty.shape[1], self.window.group);
        let (height, width) = (x.ty.shape[2], x.ty.shape[3]);
        let [kh, kw] = [w.ty.shape[2], w.ty.shape[3]];
        let Window { strides, pads, dilations, .. } = self.window;
        let mut out = Vec::with_capacity(shape.numel());
        for n in 0..shape[0] {
            for o in 0..shape[1] {
                let first = o / (shape[1] / group) * channels;
                for i in 0..shape[2] {
                    for j in 0..shape[3] {
                        let mut sum = 0.0;
                        for c in 0..channels {
                            for a in 0..kh {
                                let y = (i * strides[0] + a * dilations[0]).checked_sub(pads[0]).filter(|&y| y < height);
                                let Some(y) = y else { continue };
                                for b in 0..kw {
                                    let Some(x_at) = (j * strides[1] + b * dilations[1]).checked_sub(pads[1]).filter(|&x| x < width) else { continue };
                                    let pixel = x.data[((n * x.ty.shape[1] + first + c) * height + y) * width + x_at];
                                    sum += pixel * w.data[((o * channels + c) * kh + a) * kw + b];
                                }
                            }
                        }
                        out.push(sum);
                    }
                }
            }
        }
        let plain = Array::new(TensorType::new(shape.clone(), x.ty.dtype), out);
        match &self.epilogue {
            Some(chain) => vec![Array::new(outputs[0].clone(), chain.eval(Some(&plain), &inputs[2..]).data)],
            None => vec![plain],
        }
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (x, w) = (node.inputs[0], node.inputs[1]);
        let (g, extra) = match &self.epilogue {
            Some(chain) => {
                let plain = b.op(Self::new(self.window.clone()), &[x, w]);
                let (head, extra) = chain.backward(b, Some(plain), &node.inputs[2..], node.grad());
                (head.unwrap_or(node.grad()), extra)
            }
            None => (node.grad(), Vec::new()),
        };
        let (from, kernel): (Shape, Shape) = (b.shape(x), b.shape(w));
        let mut grads = vec![Some(input_grad(b, &self.window, &from, &kernel, g, w)), Some(weight_grad(b, &self.window, &kernel, x, g))];
        grads.extend(extra);
        grads
    }
}

/// The gradient of a convolution's images of shape `from`: the transposed convolution that undoes its sizes.
fn input_grad(b: &mut dyn Builder, window: &Window, from: &Shape, kernel: &Shape, g: Value, w: Value) -> Value {
    let output_padding = [0, 1].map(|a| window.rest(a, from[2 + a], kernel[2 + a]));
    b.op(ConvTranspose2d { window: window.clone(), output_padding, epilogue: None }, &[g, w])
}

/// The gradient of its weights of shape `kernel`.
fn weight_grad(b: &mut dyn Builder, window: &Window, kernel: &Shape, x: Value, g: Value) -> Value {
    b.op(Conv2dWeightGrad { window: window.clone(), kernel_shape: [kernel[2], kernel[3]] }, &[x, g])
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let about = "y[n,o,i,j] = Σ x[n,c,i·s−p+a·d,j·s−p+b·d]·w[o,c,a,b] (ONNX Conv)";
    vec![Entry::new("conv2d", about, &Conv2d::default(), super::conv_cases::forward())]
}
