//! The tensor handle.

use crate::variable::VariableInner;
use crate::{Data, Device, Error};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use wgrad_kernels::{DType, Op, OpError, Shape, TensorType};
use wgrad_runtime::Buffer;

/// A tensor on a device: a handle on a node of a lazy graph, cheap to clone. Nothing runs until a result is read or
/// [realised](Tensor::realize).
///
/// Methods panic, at the caller's line, where shapes or types do not fit: that is a mistake in the program. Whatever can
/// go wrong from outside (device, memory) comes as an [`Error`] from reading.
#[derive(Clone)]
pub struct Tensor {
    pub(crate) node: Arc<Node>,
    pub(crate) index: usize,
}

/// A node: a leaf with data, or an op that waits.
pub(crate) struct Node {
    /// Unique in the process.
    pub(crate) id: u64,
    pub(crate) device: Device,
    pub(crate) op: Option<Op>,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) types: Vec<TensorType>,
    /// The data of each output, once there.
    buffers: Mutex<Vec<Option<Buffer>>>,
    /// For the value of a variable: which, and whether it was updated since.
    pub(crate) variable: Weak<VariableInner>,
    pub(crate) stale: AtomicBool,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Node {
    pub(crate) fn new(
        device: &Device,
        op: Option<Op>,
        inputs: Vec<Tensor>,
        types: Vec<TensorType>,
        buffers: Vec<Option<Buffer>>,
        variable: Weak<VariableInner>,
    ) -> Arc<Self> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, device: device.clone(), op, inputs, types, buffers: Mutex::new(buffers), variable, stale: AtomicBool::new(false) })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Long chains must not overflow the stack: take the inputs apart in a loop.
        let mut stack = std::mem::take(&mut self.inputs);
        while let Some(tensor) = stack.pop() {
            if let Some(mut node) = Arc::into_inner(tensor.node) {
                stack.append(&mut node.inputs);
            }
        }
    }
}

impl Tensor {
    /// A leaf on `device` with the given data.
    ///
    /// # Errors
    /// Where the device has no memory left or is lost.
    pub fn from_data(device: &Device, data: &Data) -> Result<Self, Error> {
        let buffer = device.runtime().alloc(data.ty.bytes(), "tensor")?;
        device.runtime().write(&buffer, 0, &data.bytes)?;
        Ok(Self::leaf(device, data.ty.clone(), buffer, Weak::new()))
    }

    /// A leaf of f32 values.
    ///
    /// # Errors
    /// Where their number is not the shape's, or the device fails.
    pub fn from_f32(device: &Device, shape: impl Into<Shape>, values: &[f32]) -> Result<Self, Error> {
        Self::from_data(device, &Data::f32(shape, values)?)
    }

    /// A leaf of i32 values.
    ///
    /// # Errors
    /// Where their number is not the shape's, or the device fails.
    pub fn from_i32(device: &Device, shape: impl Into<Shape>, values: &[i32]) -> Result<Self, Error> {
        Self::from_data(device, &Data::i32(shape, values)?)
    }

    pub(crate) fn leaf(device: &Device, ty: TensorType, buffer: Buffer, variable: Weak<VariableInner>) -> Self {
        Self { node: Node::new(device, None, Vec::new(), vec![ty], vec![Some(buffer)], variable), index: 0 }
    }

    /// The result of an op; its first output.
    ///
    /// # Errors
    /// Where the operands do not fit, or lie on different devices.
    pub fn try_op(device: &Device, op: impl Into<Op>, inputs: &[&Tensor]) -> Result<Vec<Tensor>, Error> {
        let op = op.into();
        if inputs.iter().any(|t| !t.node.device.same(device)) {
            return Err(Error::Devices);
        }
        let types = op.infer(&inputs.iter().map(|t| t.ty().clone()).collect::<Vec<_>>())?;
        Ok(Self::node(device, op, inputs.iter().map(|&t| t.clone()).collect(), types))
    }

    pub(crate) fn node(device: &Device, op: Op, inputs: Vec<Tensor>, types: Vec<TensorType>) -> Vec<Tensor> {
        let outputs = types.len();
        let node = Node::new(device, Some(op), inputs, types, vec![None; outputs], Weak::new());
        (0..outputs).map(|index| Self { node: node.clone(), index }).collect()
    }

    /// Replaces the data of a leaf: the way to feed the next batch to a [`Step`](crate::Step).
    ///
    /// # Errors
    /// Where the types differ, the tensor is not a leaf, or the device fails.
    pub fn write(&self, data: &Data) -> Result<(), Error> {
        if data.ty != *self.ty() {
            return Err(OpError::new("write", format!("data of {} do not fit a tensor of {}", data.ty, self.ty())).into());
        }
        self.write_bytes(&data.bytes)
    }

    /// Replaces the data of a leaf by bytes in device representation.
    ///
    /// # Errors
    /// Where their number is wrong, the tensor is not a leaf, or the device fails.
    pub fn write_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() as u64 != self.ty().bytes() {
            return Err(Error::Length { given: bytes.len() / self.dtype().bytes(), needed: self.shape().numel(), ty: self.ty().clone() });
        }
        match self.buffer() {
            Some(buffer) if self.node.op.is_none() => Ok(self.node.device.runtime().write(&buffer, 0, bytes)?),
            _ => Err(OpError::new("write", "only a leaf can be written; this tensor is computed from others").into()),
        }
    }

    /// Shape and element type.
    pub fn ty(&self) -> &TensorType {
        &self.node.types[self.index]
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.ty().shape
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.ty().dtype
    }

    /// The device that it lives on.
    pub fn device(&self) -> &Device {
        &self.node.device
    }

    /// The data, where they have been computed.
    pub(crate) fn buffer(&self) -> Option<Buffer> {
        self.node.buffers.lock().unwrap_or_else(PoisonError::into_inner)[self.index].clone()
    }

    pub(crate) fn set_buffer(&self, buffer: Buffer) {
        self.node.buffers.lock().unwrap_or_else(PoisonError::into_inner)[self.index] = Some(buffer);
    }

    /// Computes the tensor, and keeps its data.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn realize(&self) -> Result<(), Error> {
        self.node.device.run(&[self], &[])
    }

    /// Computes the tensor and reads it. Works where nothing may block.
    ///
    /// # Errors
    /// Where the device fails.
    pub async fn read(&self) -> Result<Data, Error> {
        self.node.device.read(&[self]).await.map(|mut all| all.swap_remove(0))
    }

    /// Computes the tensor and reads it, blocking the thread.
    ///
    /// # Errors
    /// Where the device fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read_blocking(&self) -> Result<Data, Error> {
        pollster::block_on(self.read())
    }

    /// The elements as f32, blocking the thread.
    ///
    /// # Errors
    /// Where the device fails or the elements are not floats.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_vec(&self) -> Result<Vec<f32>, Error> {
        self.read_blocking()?.f32s()
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = if self.buffer().is_some() { "on the device" } else { "not computed yet" };
        write!(f, "Tensor({}, {state})", self.ty())
    }
}
