//! Tensors in safetensors files, for `wgrad op`.

use crate::Failure;
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;
use wgrad_nn::files::atomic_write;
use wgrad_tensor::kernels::Array;
use wgrad_tensor::{DType, Data, TensorType};

/// Every tensor of a file with its name.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Array)>, Failure> {
    let file = path.display();
    let bytes = std::fs::read(path).map_err(|e| format!("{file}: {e}"))?;
    let stored = SafeTensors::deserialize(&bytes).map_err(|e| format!("{file}: no whole safetensors file: {e}"))?;
    let mut tensors = Vec::new();
    for (name, view) in stored.iter() {
        tensors.push((name.to_owned(), array(&view).map_err(|e| format!("{file}: tensor {name:?}: {e}"))?));
    }
    Ok(tensors)
}

/// The elements of a stored tensor, of the nearest type that there is here.
fn array(view: &TensorView<'_>) -> Result<Array, String> {
    let words = || view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let (dtype, data): (DType, Vec<f64>) = match view.dtype() {
        Dtype::F32 => (DType::F32, words().map(|b| f64::from(f32::from_le_bytes(b))).collect()),
        Dtype::F16 => (DType::F16, view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f64()).collect()),
        Dtype::I32 => (DType::I32, words().map(|b| f64::from(i32::from_le_bytes(b))).collect()),
        Dtype::U32 => (DType::U32, words().map(|b| f64::from(u32::from_le_bytes(b))).collect()),
        Dtype::BOOL => (DType::Bool, view.data().iter().map(|&b| f64::from(u8::from(b != 0))).collect()),
        Dtype::I64 => (DType::I32, narrowed(view.data())?),
        other => return Err(format!("its type {other:?} is none of F32, F16, I32, U32, BOOL, I64")),
    };
    Ok(Array::new(TensorType::new(view.shape().to_vec(), dtype), data))
}

/// 64-bit integers that fit 32 bits.
fn narrowed(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let values = bytes.chunks_exact(8).map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]));
    values.map(|v| i32::try_from(v).map(f64::from).map_err(|_| format!("{v} does not fit the 32-bit integers of a device"))).collect()
}

/// Writes tensors by name; the file is replaced in one step.
pub(crate) fn write(path: &Path, tensors: &[(String, Array)]) -> Result<(), Failure> {
    let stored: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, array)| {
            let (dtype, bytes) = match array.ty.dtype {
                // One byte in the file, four on the device.
                DType::Bool => (Dtype::BOOL, array.data.iter().map(|&v| u8::from(v != 0.0)).collect()),
                DType::F32 => (Dtype::F32, Data::from_array(array).bytes),
                DType::F16 => (Dtype::F16, Data::from_array(array).bytes),
                DType::I32 => (Dtype::I32, Data::from_array(array).bytes),
                DType::U32 => (Dtype::U32, Data::from_array(array).bytes),
            };
            (name.as_str(), dtype, array.ty.shape.to_vec(), bytes)
        })
        .collect();
    let mut views = Vec::new();
    for (name, dtype, shape, bytes) in &stored {
        views.push((*name, TensorView::new(*dtype, shape.clone(), bytes)?));
    }
    let bytes = safetensors::serialize(views, None)?;
    Ok(atomic_write(path, &bytes)?)
}
