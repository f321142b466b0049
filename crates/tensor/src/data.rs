//! Tensors on the host, as bytes of their element type.

use crate::Error;
use half::f16;
use wgrad_kernels::{Array, DType, Shape, TensorType};

/// The elements of a tensor on the host, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Shape and element type.
    pub ty: TensorType,
    /// The elements in device representation, little-endian; bool as u32.
    pub bytes: Vec<u8>,
}

impl Data {
    /// f32 elements.
    ///
    /// # Errors
    /// Where their number is not the shape's.
    pub fn f32(shape: impl Into<Shape>, values: &[f32]) -> Result<Self, Error> {
        Self::of(TensorType::new(shape, DType::F32), values.len(), bytemuck::cast_slice(values))
    }

    /// i32 elements.
    ///
    /// # Errors
    /// Where their number is not the shape's.
    pub fn i32(shape: impl Into<Shape>, values: &[i32]) -> Result<Self, Error> {
        Self::of(TensorType::new(shape, DType::I32), values.len(), bytemuck::cast_slice(values))
    }

    /// u32 elements.
    ///
    /// # Errors
    /// Where their number is not the shape's.
    pub fn u32(shape: impl Into<Shape>, values: &[u32]) -> Result<Self, Error> {
        Self::of(TensorType::new(shape, DType::U32), values.len(), bytemuck::cast_slice(values))
    }

    fn of(ty: TensorType, given: usize, bytes: &[u8]) -> Result<Self, Error> {
        let needed = ty.shape.numel();
        if given == needed { Ok(Self { ty, bytes: bytes.to_vec() }) } else { Err(Error::Length { given, needed, ty }) }
    }

    /// The elements of a reference array, rounded to its type.
    pub fn from_array(array: &Array) -> Self {
        let values = array.data.iter().map(|&v| array.ty.dtype.store(v));
        let bytes = match array.ty.dtype {
            DType::F32 => values.flat_map(|v| (v as f32).to_le_bytes()).collect(),
            DType::F16 => values.flat_map(|v| f16::from_f64(v).to_le_bytes()).collect(),
            DType::I32 => values.flat_map(|v| (v as i32).to_le_bytes()).collect(),
            DType::U32 | DType::Bool => values.flat_map(|v| (v as u32).to_le_bytes()).collect(),
        };
        Self { ty: array.ty.clone(), bytes }
    }

    /// The elements as a reference array.
    pub fn array(&self) -> Array {
        let words = || self.bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
        let data = match self.ty.dtype {
            DType::F32 => words().map(|b| f64::from(f32::from_le_bytes(b))).collect(),
            DType::F16 => self.bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f64()).collect(),
            DType::I32 => words().map(|b| f64::from(i32::from_le_bytes(b))).collect(),
            DType::U32 | DType::Bool => words().map(|b| f64::from(u32::from_le_bytes(b))).collect(),
        };
        Array { ty: self.ty.clone(), data }
    }

    /// The elements as f32; f16 is widened.
    ///
    /// # Errors
    /// For integers and bool.
    pub fn f32s(&self) -> Result<Vec<f32>, Error> {
        match self.ty.dtype {
            DType::F32 => Ok(bytemuck::pod_collect_to_vec(&self.bytes)),
            DType::F16 => Ok(self.array().data.into_iter().map(|v| v as f32).collect()),
            _ => Err(Error::Type { ty: self.ty.clone(), wanted: DType::F32 }),
        }
    }

    /// The elements as i32.
    ///
    /// # Errors
    /// For other types.
    pub fn i32s(&self) -> Result<Vec<i32>, Error> {
        match self.ty.dtype {
            DType::I32 => Ok(bytemuck::pod_collect_to_vec(&self.bytes)),
            _ => Err(Error::Type { ty: self.ty.clone(), wanted: DType::I32 }),
        }
    }
}
