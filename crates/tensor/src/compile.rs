//! From a traced graph to an executable: simplify, fuse, lower, plan. Done once a structure.

use crate::fuse::fuse;
use crate::lower::{Options, lower};
use crate::simplify::simplify;
use crate::{Error, Graph};
use wgrad_kernels::{Caps, Value};
use wgrad_runtime::Executable;

/// An executable with the shape of its call: externals are the leaves, then the fetched values.
pub(crate) struct Compiled {
    pub(crate) executable: Executable,
}

/// A graph, what is wanted of it, and which leaves are replaced: the identity of a plan.
pub(crate) struct Request<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) fetch: Vec<Value>,
    /// (leaf, new value)
    pub(crate) updates: Vec<(Value, Value)>,
    pub(crate) options: Options,
}

impl Request<'_> {
    /// The key of the plan cache: the printed structure. Equal keys mean equal plans.
    pub(crate) fn key(&self) -> String {
        format!("{}fetch {:?} update {:?} {:?}", self.graph, self.fetch, self.updates, self.options)
    }

    /// The fused graph, with what is fetched and updated in its terms.
    pub(crate) fn fused(&self) -> (Graph, Vec<Value>, Vec<(Value, Value)>) {
        let roots: Vec<Value> = self.fetch.iter().copied().chain(self.updates.iter().map(|u| u.1)).collect();
        let (simple, now) = simplify(self.graph, &roots);
        let roots: Vec<Value> = roots.iter().map(|v| now[v.0 as usize]).collect();
        let (fused, then) = fuse(&simple, &roots);
        // invariant: `simplify` and `fuse` keep the roots and the leaves.
        let at = |v: Value| then[now[v.0 as usize].0 as usize].unwrap_or(v);
        let fetch = self.fetch.iter().map(|&v| at(v)).collect();
        let updates = self.updates.iter().map(|&(leaf, value)| (at(leaf), at(value))).collect();
        (fused, fetch, updates)
    }

    pub(crate) fn compile(&self, runtime: &wgrad_runtime::Device) -> Result<Compiled, Error> {
        let caps: &Caps = runtime.caps();
        let (graph, fetch, updates) = self.fused();
        log::debug!("graph, fused:\n{graph}");
        let lowered = lower(&graph, &fetch, &updates, caps, &self.options)?;
        log::debug!("recording:\n{}", lowered.recording);
        Ok(Compiled { executable: runtime.compile(lowered.recording)? })
    }
}
