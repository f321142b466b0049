//! Shapes and tensor types.

use crate::{DType, OpError};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// The extents of a tensor, outermost first; row-major. A scalar has no axes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// The number of elements: 1 for a scalar, 0 where an axis is empty.
    pub fn numel(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of elements, where kernels can address them: they count in 32 bits.
    ///
    /// # Errors
    /// Where there are more.
    pub fn addressable(&self, op: &str) -> Result<usize, OpError> {
        let most = u32::MAX as usize;
        let count = if self.0.contains(&0) { Some(0) } else { self.0.iter().try_fold(1usize, |all, &n| all.checked_mul(n)) };
        count
            .filter(|&n| n <= most)
            .ok_or_else(|| OpError::new(op, format!("a tensor of shape {self} has more than the {most} elements that a kernel can address; make it smaller")))
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Row-major strides in elements.
    pub fn strides(&self) -> Vec<isize> {
        let mut strides = vec![1isize; self.0.len()];
        for axis in (1..self.0.len()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis] as isize;
        }
        strides
    }

    /// `axis`, counted from the end where negative, as an index.
    ///
    /// # Errors
    /// Where the axis lies outside the shape.
    pub fn axis(&self, op: &str, axis: i64) -> Result<usize, OpError> {
        let rank = self.0.len() as i64;
        let index = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&index) {
            Ok(index as usize)
        } else {
            Err(OpError::new(op, format!("axis {axis} is out of range for shape {self}, which has {rank} axes (valid: {}..={})", -rank, rank - 1)))
        }
    }

    /// The axes named, sorted and without repeats; all of them where `axes` is `None`.
    ///
    /// # Errors
    /// Where an axis lies outside the shape or is named twice.
    pub fn axes(&self, op: &str, axes: Option<&[i64]>) -> Result<Vec<usize>, OpError> {
        let Some(axes) = axes else {
            return Ok((0..self.rank()).collect());
        };
        let mut out = axes.iter().map(|&a| self.axis(op, a)).collect::<Result<Vec<_>, _>>()?;
        out.sort_unstable();
        let len = out.len();
        out.dedup();
        if out.len() != len {
            return Err(OpError::new(op, format!("axes {axes:?} name an axis of shape {self} twice")));
        }
        Ok(out)
    }

    /// The shape that `a` and `b` broadcast to by NumPy's rule: aligned at the last axis, an extent of 1 stretches.
    ///
    /// # Errors
    /// Where two extents differ and neither is 1; both shapes are named.
    pub fn broadcast(op: &str, a: &Shape, b: &Shape) -> Result<Shape, OpError> {
        let rank = a.rank().max(b.rank());
        let extent = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(1, |j| s.0[j]);
        (0..rank)
            .map(|i| match (extent(a, i), extent(b, i)) {
                (x, y) if x == y => Ok(x),
                (1, y) => Ok(y),
                (x, 1) => Ok(x),
                (x, y) => Err(OpError::new(
                    op,
                    format!("shapes {a} and {b} do not broadcast: axis {i} of the result would be both {x} and {y}; extents must be equal or 1"),
                )),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Shape)
    }

    /// This shape with the extents of `axes` set to 1 (`keepdims`) or left out.
    pub fn reduced(&self, axes: &[usize], keepdims: bool) -> Shape {
        let keep = |i: &usize| keepdims || !axes.contains(i);
        Shape((0..self.rank()).filter(keep).map(|i| if axes.contains(&i) { 1 } else { self.0[i] }).collect())
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(v: Vec<usize>) -> Self {
        Self(v)
    }
}

impl From<&[usize]> for Shape {
    fn from(v: &[usize]) -> Self {
        Self(v.to_vec())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(v: [usize; N]) -> Self {
        Self(v.to_vec())
    }
}

/// Shape and element type of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorType {
    /// The extents.
    pub shape: Shape,
    /// The element type.
    pub dtype: DType,
}

impl TensorType {
    /// A type of the given extents and element type.
    pub fn new(shape: impl Into<Shape>, dtype: DType) -> Self {
        Self { shape: shape.into(), dtype }
    }

    /// Bytes that a contiguous tensor of this type takes.
    pub fn bytes(&self) -> u64 {
        self.shape.numel() as u64 * self.dtype.bytes() as u64
    }
}

impl std::fmt::Display for TensorType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}
