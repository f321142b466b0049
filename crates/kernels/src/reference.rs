//! Tensors of the CPU reference: every element as f64, which holds f32, f16, i32, u32 and bool exactly.

use crate::{DType, Layout, Shape, TensorType};

/// A contiguous tensor on the CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Shape and type. The data are not rounded to the type unless [`Array::stored`] did so.
    pub ty: TensorType,
    /// Row-major elements.
    pub data: Vec<f64>,
}

impl Array {
    /// Elements in row-major order; their number must be the shape's.
    pub fn new(ty: TensorType, data: Vec<f64>) -> Self {
        debug_assert_eq!(ty.shape.numel(), data.len());
        Self { ty, data }
    }

    /// A float scalar.
    pub fn scalar(value: f64) -> Self {
        Self::new(TensorType::new([], DType::F32), vec![value])
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.ty.shape
    }

    /// The same elements rounded to what the type can store.
    pub fn stored(mut self) -> Self {
        let dtype = self.ty.dtype;
        self.data.iter_mut().for_each(|v| *v = dtype.store(*v));
        self
    }

    /// The elements seen through a layout on this array.
    pub fn view(&self, layout: &Layout) -> Self {
        let data = layout.indices().map(|i| self.data[i]).collect();
        Self::new(TensorType::new(layout.shape.clone(), self.ty.dtype), data)
    }

    /// Stretched to `shape`, which must be known to be broadcastable.
    pub fn broadcast(&self, shape: &Shape) -> Self {
        if *shape == self.ty.shape {
            return self.clone();
        }
        self.view(&Layout::contiguous(&self.ty.shape).broadcast(shape))
    }
}
