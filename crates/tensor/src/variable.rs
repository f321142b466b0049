//! Variables: tensors whose data live on the device from step to step.

use crate::{Data, Device, Error, Tensor};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use wgrad_kernels::TensorType;
use wgrad_runtime::Buffer;

/// A named tensor that steps update in place: a parameter, an optimiser's moment, a running sum. Clones are handles on the
/// same data.
#[derive(Clone)]
pub struct Variable(Arc<VariableInner>);

pub(crate) struct VariableInner {
    name: String,
    device: Device,
    ty: TensorType,
    buffer: Buffer,
    /// The leaf that stands for the present value.
    current: Mutex<Option<Tensor>>,
}

impl Variable {
    /// A variable on `device` with the given first value.
    ///
    /// # Errors
    /// Where the device has no memory left or is lost.
    pub fn new(device: &Device, name: impl Into<String>, data: &Data) -> Result<Self, Error> {
        let name = name.into();
        let buffer = device.runtime().alloc(data.ty.bytes(), &name)?;
        device.runtime().write(&buffer, 0, &data.bytes)?;
        Ok(Self(Arc::new(VariableInner { name, device: device.clone(), ty: data.ty.clone(), buffer, current: Mutex::new(None) })))
    }

    /// Its name: the path in the model, the key in a checkpoint.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Shape and element type.
    pub fn ty(&self) -> &TensorType {
        &self.0.ty
    }

    /// The device that it lives on.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// The present value as a tensor. After an update, tensors made from an older value can no longer be computed
    /// ([`Error::Stale`]).
    pub fn value(&self) -> Tensor {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.get_or_insert_with(|| Tensor::leaf(&self.0.device, self.0.ty.clone(), self.0.buffer.clone(), Arc::downgrade(&self.0))).clone()
    }

    /// Replaces the value from the host.
    ///
    /// # Errors
    /// Where the type differs or the device fails.
    pub fn write(&self, data: &Data) -> Result<(), Error> {
        self.value().write(data)?;
        self.updated();
        Ok(())
    }

    /// Reads the value.
    ///
    /// # Errors
    /// Where the device fails.
    pub async fn read(&self) -> Result<Data, Error> {
        self.value().read().await
    }

    pub(crate) fn from_inner(inner: Arc<VariableInner>) -> Self {
        Self(inner)
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        &self.0.buffer
    }

    /// The data have changed: tensors that still wait for the old ones must not be computed from the new.
    pub(crate) fn updated(&self) {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = current.as_ref()
            && Arc::strong_count(&old.node) > 1
        {
            old.node.stale.store(true, Ordering::Release);
            *current = None;
        }
    }
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Variable({}, {})", self.0.name, self.0.ty)
    }
}
