//! A traced computation that runs again and again: a training step.

use crate::compile::Compiled;
use crate::trace::Leaf;
use crate::{Data, Device, Error, Variable};
use std::sync::Arc;
use wgrad_kernels::TensorType;
use wgrad_runtime::{Buffer, Plan, Profile, Readback};

/// A computation compiled from tensors: fetches some, updates some variables. Feed it by writing the leaves that it was
/// traced from ([`Tensor::write`](crate::Tensor::write)); each [`run`](Step::run) is one submit.
pub struct Step {
    pub(crate) device: Device,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) outputs: Vec<Buffer>,
    /// For each fetched tensor: its type and its number among the externals.
    pub(crate) fetched: Vec<(TensorType, usize)>,
    pub(crate) updated: Vec<Variable>,
}

impl Step {
    /// Submits the step without reading anything.
    ///
    /// # Errors
    /// Where the device was lost or ran out of memory; the error names the step.
    pub fn run(&self) -> Result<(), Error> {
        self.submit(&[]).map(|_| ())
    }

    /// Submits the step and, in the same submit, copies the fetched tensors out.
    ///
    /// # Errors
    /// Where the device was lost or ran out of memory; the error names the step.
    pub fn run_and_read(&self) -> Result<Pending, Error> {
        let read: Vec<(usize, u64, u64)> = self.fetched.iter().map(|(ty, external)| (*external, 0, ty.bytes())).collect();
        let readback = self.submit(&read)?;
        Ok(Pending { readback, types: self.fetched.iter().map(|(ty, _)| ty.clone()).collect() })
    }

    fn submit(&self, read: &[(usize, u64, u64)]) -> Result<Option<Readback>, Error> {
        let externals = self.externals();
        let readback = self.compiled.executable.run(&externals, read)?;
        self.updated.iter().for_each(Variable::updated);
        Ok(readback)
    }

    fn externals(&self) -> Vec<Buffer> {
        self.leaves.iter().map(|l| l.buffer().clone()).chain(self.outputs.iter().cloned()).collect()
    }

    /// The memory plan: every buffer's bytes, known before the first run.
    pub fn plan(&self) -> &Plan {
        self.compiled.executable.plan()
    }

    /// Runs the step once with a timestamp around every dispatch.
    ///
    /// # Errors
    /// Where the device fails.
    pub async fn profile(&self) -> Result<Profile, Error> {
        let profile = self.compiled.executable.profile(&self.externals()).await?;
        self.updated.iter().for_each(Variable::updated);
        Ok(profile)
    }

    /// The device that it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// Results on their way to the host.
pub struct Pending {
    readback: Option<Readback>,
    types: Vec<TensorType>,
}

impl Pending {
    /// Waits for the results, in the order in which they were fetched. Works where nothing may block.
    ///
    /// # Errors
    /// Where the device was lost, or the wait timed out.
    pub async fn wait(self) -> Result<Vec<Data>, Error> {
        let Some(readback) = self.readback else { return Ok(Vec::new()) };
        let bytes = readback.wait().await?;
        Ok(self.types.into_iter().zip(bytes).map(|(ty, bytes)| Data { ty, bytes }).collect())
    }

    /// Waits for the results, blocking the thread.
    ///
    /// # Errors
    /// Where the device was lost, or the wait timed out.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait_blocking(self) -> Result<Vec<Data>, Error> {
        pollster::block_on(self.wait())
    }
}
