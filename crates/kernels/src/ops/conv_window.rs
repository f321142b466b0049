//! What all convolutions share: the window's attributes, their checks and the sizes that follow from them.

use crate::{OpError, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// How a window moves over an image. Names, order and meaning are ONNX's; two numbers are (height, width).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// Pixels from one place of the window to the next.
    pub strides: [usize; 2],
    /// Zeros around the image: top, left, bottom, right.
    pub pads: [usize; 4],
    /// Pixels from one tap of the window to the next.
    pub dilations: [usize; 2],
    /// Groups of channels that do not see each other.
    pub group: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { strides: [1, 1], pads: [0; 4], dilations: [1, 1], group: 1 }
    }
}

impl Window {
    /// The same number of zeros on all sides, or (vertical, horizontal).
    pub fn padded(vertical: usize, horizontal: usize) -> Self {
        Self { pads: [vertical, horizontal, vertical, horizontal], ..Self::default() }
    }

    /// Attributes that mean something.
    pub(super) fn check(&self, op: &str) -> Result<(), OpError> {
        let small = |n: usize| n <= 1 << 16;
        if self.strides.contains(&0) || self.dilations.contains(&0) || self.group == 0 {
            let what = format!("strides {:?}, dilations {:?} and group {} must all be at least 1", self.strides, self.dilations, self.group);
            return Err(OpError::new(op, what));
        }
        if !self.strides.iter().chain(&self.dilations).chain(&self.pads).all(|&n| small(n)) {
            let what = format!("strides {:?}, dilations {:?} and pads {:?} must not be above 65536", self.strides, self.dilations, self.pads);
            return Err(OpError::new(op, what));
        }
        Ok(())
    }

    /// Pixels that a window of `taps` covers along an axis.
    pub(super) fn reach(&self, axis: usize, taps: usize) -> usize {
        self.dilations[axis].saturating_mul(taps.saturating_sub(1)).saturating_add(1)
    }

    /// The output's extent along an axis of a convolution, or an error that names what is too small.
    pub(super) fn output(&self, op: &str, axis: usize, extent: usize, taps: usize) -> Result<usize, OpError> {
        let padded = extent.saturating_add(self.pads[axis] + self.pads[axis + 2]);
        let reach = self.reach(axis, taps);
        if padded < reach {
            let name = ["height", "width"][axis];
            return Err(OpError::new(
                op,
                format!(
                    "the window's {name} of {taps} taps with dilation {} covers {reach} pixels, and the image has {extent} and {} of padding; use a smaller window or more padding",
                    self.dilations[axis],
                    padded - extent
                ),
            ));
        }
        Ok((padded - reach) / self.strides[axis] + 1)
    }

    /// What is left over at the end of an axis: the extra extent that a transposed convolution needs to undo this one.
    pub(super) fn rest(&self, axis: usize, extent: usize, taps: usize) -> usize {
        extent.saturating_add(self.pads[axis] + self.pads[axis + 2]).saturating_sub(self.reach(axis, taps)) % self.strides[axis]
    }
}

/// Two operands of four axes and one float type, of which no weight is empty.
pub(super) fn operands<'t>(op: &str, names: [&str; 2], inputs: &'t [TensorType], epilogue: bool) -> Result<[&'t TensorType; 2], OpError> {
    let [x, w, extra @ ..] = inputs else {
        return Err(OpError::new(op, format!("takes 2 inputs, got {}", inputs.len())));
    };
    if !epilogue && !extra.is_empty() {
        return Err(OpError::new(op, format!("takes 2 inputs, got {}; add a bias of shape [channels, 1, 1] to the result", inputs.len())));
    }
    if x.shape.rank() != 4 || w.shape.rank() != 4 {
        return Err(OpError::new(op, format!("needs {} [N, C, H, W] and {} of 4 axes, got {} and {}", names[0], names[1], x.shape, w.shape)));
    }
    if x.shape[1..].contains(&0) {
        return Err(OpError::new(op, format!("{} {} hold no pixel; only the first axis may be empty", names[0], x.shape)));
    }
    if x.dtype != w.dtype || !x.dtype.is_float() {
        return Err(OpError::new(op, format!("needs two operands of one float type, got {x} and {w}; cast them")));
    }
    Ok([x, w])
}

/// Whether weights [first, second, kernel height, kernel width] hold anything and fit the channels of the images.
pub(super) fn weights(op: &str, x: &Shape, w: &Shape, channels: usize, group: usize) -> Result<(), OpError> {
    if w.contains(&0) {
        return Err(OpError::new(op, format!("the weights {w} are empty; every axis must be at least 1")));
    }
    if !w[0].is_multiple_of(group) {
        return Err(OpError::new(op, format!("{} weights in {w} cannot be shared out over {group} groups; group must divide the first axis", w[0])));
    }
    if x[1] != channels {
        return Err(OpError::new(op, format!("images {x} have {} channels, and weights {w} with group {group} want {channels}", x[1])));
    }
    Ok(())
}

/// The output with a fused chain over it: its type, where the chain and its inputs fit.
pub(super) fn with_epilogue(op: &str, plain: TensorType, chain: Option<&super::Map>, extra: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
    let Some(chain) = chain else { return Ok(vec![plain]) };
    if chain.shape != plain.shape {
        return Err(OpError::new(op, format!("has an epilogue over {}, and its result is {}", chain.shape, plain.shape)));
    }
    if let Some(input) = extra.iter().find(|t| Shape::broadcast(op, &t.shape, &plain.shape).ok().as_ref() != Some(&plain.shape)) {
        return Err(OpError::new(op, format!("an epilogue's input of shape {} does not broadcast to {}", input.shape, plain.shape)));
    }
    let dtype = chain.steps.last().map_or(plain.dtype, |s| s.dtype);
    Ok(vec![TensorType::new(plain.shape, dtype)])
}
