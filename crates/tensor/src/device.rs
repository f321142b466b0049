//! A device with its plan cache.

use crate::compile::{Compiled, Request};
use crate::lower::Options;
use crate::trace::{Leaf, Trace};
use crate::{Data, Error, Step, Tensor, Variable};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use wgrad_kernels::{Caps, Value};
use wgrad_runtime::Select;

/// A GPU (or a software adapter) that tensors live on. Clones are handles on the same device.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    runtime: wgrad_runtime::Device,
    plans: Mutex<HashMap<String, Arc<Compiled>>>,
    variants: Mutex<Vec<(String, String)>>,
}

impl Device {
    /// Opens the adapter that `select` names.
    ///
    /// # Errors
    /// Where there is no such adapter, or it cannot be opened.
    pub async fn open(select: &Select) -> Result<Self, Error> {
        Ok(Self::from_runtime(wgrad_runtime::Device::open(select).await?))
    }

    /// Opens the adapter that `select` names, blocking the thread.
    ///
    /// # Errors
    /// Where there is no such adapter, or it cannot be opened.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_blocking(select: &Select) -> Result<Self, Error> {
        pollster::block_on(Self::open(select))
    }

    /// A device over an opened runtime.
    pub fn from_runtime(runtime: wgrad_runtime::Device) -> Self {
        Self(Arc::new(Inner { runtime, plans: Mutex::default(), variants: Mutex::default() }))
    }

    /// The runtime beneath: counters, facts, synchronisation.
    pub fn runtime(&self) -> &wgrad_runtime::Device {
        &self.0.runtime
    }

    /// What the adapter can do.
    pub fn caps(&self) -> &Caps {
        self.0.runtime.caps()
    }

    /// Whether both are handles on one device.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Forces variants by op name (`[("matmul", "naive")]`) for all that is compiled from now on: a variant that cannot run
    /// is an error, never replaced.
    pub fn force_variants(&self, variants: &[(&str, &str)]) {
        let owned = variants.iter().map(|(o, v)| ((*o).to_owned(), (*v).to_owned())).collect();
        *self.0.variants.lock().unwrap_or_else(PoisonError::into_inner) = owned;
    }

    /// Traces and compiles a computation once, to run it many times: the tensors to fetch, and the new values of variables.
    ///
    /// # Errors
    /// Where the tensors live on another device, are stale, or the plan does not fit the device.
    pub fn step(&self, fetch: &[&Tensor], updates: &[(&Variable, &Tensor)]) -> Result<Step, Error> {
        // The variables' own leaves are traced too: an update may replace a variable that nothing reads.
        let values: Vec<Tensor> = updates.iter().map(|(variable, _)| variable.value()).collect();
        let roots: Vec<&Tensor> = fetch.iter().copied().chain(updates.iter().map(|u| u.1)).chain(&values).collect();
        if roots.iter().any(|t| !t.device().same(self)) {
            return Err(Error::Devices);
        }
        let trace = Trace::new(&roots)?;
        // invariant: every root was traced.
        let value = |t: &Tensor| trace.value(t).unwrap_or(Value(u32::MAX));
        let pairs: Vec<(Value, Value)> = values.iter().zip(updates).map(|(leaf, (_, new))| (value(leaf), value(new))).collect();
        let leaf_number = |v: Value| trace.graph.leaves().position(|l| l == v);
        // A fetched tensor that is a leaf, or the new value of a variable, is read where it lies.
        let mut wanted: Vec<Value> = Vec::new();
        let mut fetched = Vec::new();
        for tensor in fetch {
            let v = value(tensor);
            let home = pairs.iter().find(|(_, new)| *new == v).map(|(leaf, _)| *leaf);
            let old = pairs.iter().any(|(leaf, _)| *leaf == v);
            let place = match home.or(Some(v).filter(|_| !old)).and_then(leaf_number) {
                Some(leaf) => leaf,
                None => {
                    wanted.push(v);
                    trace.leaves.len() + wanted.len() - 1
                }
            };
            fetched.push((tensor.ty().clone(), place));
        }
        let outputs = wanted
            .iter()
            .map(|v| {
                let ty = wgrad_kernels::Builder::ty(&trace.graph, *v);
                self.runtime().alloc(ty.bytes(), &format!("fetched {ty}"))
            })
            .collect::<Result<_, _>>()?;
        let options = Options { variants: self.0.variants.lock().unwrap_or_else(PoisonError::into_inner).clone(), fault: None };
        let compiled = self.compiled(&Request { graph: &trace.graph, fetch: wanted, updates: pairs, options })?;
        let updated = updates.iter().map(|(v, _)| (*v).clone()).collect();
        Ok(Step { device: self.clone(), compiled, leaves: trace.leaves, outputs, fetched, updated })
    }

    fn compiled(&self, request: &Request<'_>) -> Result<Arc<Compiled>, Error> {
        let key = request.key();
        if let Some(found) = self.0.plans.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let compiled = Arc::new(request.compile(self.runtime())?);
        self.0.plans.lock().unwrap_or_else(PoisonError::into_inner).insert(key, compiled.clone());
        Ok(compiled)
    }

    /// The number of plans compiled so far: it stops growing once every structure has been seen.
    pub fn plans(&self) -> usize {
        self.0.plans.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Computes tensors and keeps their data, and updates variables, in one submit.
    ///
    /// # Errors
    /// Where the device fails or a tensor is stale.
    pub fn run(&self, tensors: &[&Tensor], updates: &[(&Variable, &Tensor)]) -> Result<(), Error> {
        let waiting: Vec<&Tensor> = tensors.iter().copied().filter(|t| t.buffer().is_none()).collect();
        if waiting.is_empty() && updates.is_empty() {
            return Ok(());
        }
        let step = self.step(&waiting, updates)?;
        step.run()?;
        step.keep(&waiting);
        Ok(())
    }

    /// Computes tensors, keeps their data and reads them. Works where nothing may block.
    ///
    /// # Errors
    /// Where the device fails or a tensor is stale.
    pub async fn read(&self, tensors: &[&Tensor]) -> Result<Vec<Data>, Error> {
        let step = self.step(tensors, &[])?;
        let pending = step.run_and_read()?;
        step.keep(tensors);
        pending.wait().await
    }
}

impl Step {
    /// Hands the fetched data to the tensors that they were computed for.
    fn keep(&self, tensors: &[&Tensor]) {
        let leaves = self.leaves.len();
        for (tensor, (_, external)) in tensors.iter().zip(&self.fetched) {
            if let Some(buffer) = external.checked_sub(leaves).map(|k| &self.outputs[k]) {
                tensor.set_buffer(buffer.clone());
            }
        }
    }

    /// The variables among the leaves.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.leaves.iter().filter_map(|l| match l {
            Leaf::Variable(variable) => Some(variable),
            Leaf::Buffer(_) => None,
        })
    }
}
