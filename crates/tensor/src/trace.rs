//! From tensor handles to a graph, and back.

use crate::{Error, Graph, Tensor, Variable};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wgrad_kernels::{Builder, Value};
use wgrad_runtime::Buffer;

/// Where the data of a leaf are.
#[derive(Clone)]
pub(crate) enum Leaf {
    /// The present value of a variable.
    Variable(Variable),
    /// A tensor with data.
    Buffer(Buffer),
}

impl Leaf {
    pub(crate) fn buffer(&self) -> &Buffer {
        match self {
            Leaf::Variable(variable) => variable.buffer(),
            Leaf::Buffer(buffer) => buffer,
        }
    }
}

/// A graph made of what some tensors wait for.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) graph: Graph,
    pub(crate) leaves: Vec<Leaf>,
    /// The tensor behind each value.
    tensors: Vec<Tensor>,
    values: HashMap<(u64, usize), Value>,
}

impl Trace {
    /// The graph of everything that `roots` depend on and that has not been computed yet.
    pub(crate) fn new(roots: &[&Tensor]) -> Result<Self, Error> {
        let mut trace = Self::default();
        trace.walk(roots, Tensor::buffer);
        match trace.tensors.iter().find(|t| t.node.stale.load(Ordering::Acquire)) {
            Some(stale) => {
                let variable = stale.node.variable.upgrade().map(Variable::from_inner);
                Err(Error::Stale { name: variable.map_or_else(|| "a variable that is gone".to_owned(), |v| v.name().to_owned()) })
            }
            None => Ok(trace),
        }
    }

    /// The graph of everything that `roots` depend on, computed or not: derivatives flow through values that were read.
    /// What has become stale is found when the derivatives are computed, if they need it.
    pub(crate) fn history(roots: &[&Tensor]) -> Self {
        let mut trace = Self::default();
        trace.walk(roots, |tensor| if tensor.node.op.is_none() { tensor.buffer() } else { None });
        trace
    }

    /// Visits what `roots` depend on; `leaf` gives the data of a tensor at which the walk ends.
    fn walk(&mut self, roots: &[&Tensor], leaf: impl Fn(&Tensor) -> Option<Buffer>) {
        // Depth first without recursion: a tensor is visited once to push its inputs and once, after them, to be added.
        let mut stack: Vec<(Tensor, bool)> = roots.iter().rev().map(|&t| (t.clone(), false)).collect();
        while let Some((tensor, ready)) = stack.pop() {
            if self.values.contains_key(&(tensor.node.id, tensor.index)) {
                continue;
            }
            if let Some(buffer) = leaf(&tensor) {
                self.leaf(tensor, buffer);
            } else if ready {
                self.add(&tensor);
            } else {
                let inputs: Vec<Tensor> = tensor.node.inputs.clone();
                stack.push((tensor, true));
                stack.extend(inputs.into_iter().rev().map(|t| (t, false)));
            }
        }
    }

    /// The value of a tensor that was traced.
    pub(crate) fn value(&self, tensor: &Tensor) -> Option<Value> {
        self.values.get(&(tensor.node.id, tensor.index)).copied()
    }

    fn leaf(&mut self, tensor: Tensor, buffer: Buffer) {
        let leaf = match tensor.node.variable.upgrade() {
            Some(variable) => Leaf::Variable(Variable::from_inner(variable)),
            None => Leaf::Buffer(buffer),
        };
        let value = self.graph.leaf(tensor.ty().clone());
        self.leaves.push(leaf);
        self.values.insert((tensor.node.id, tensor.index), value);
        self.tensors.push(tensor);
    }

    fn add(&mut self, tensor: &Tensor) {
        let node = &tensor.node;
        let inputs: Vec<Value> = node.inputs.iter().filter_map(|t| self.value(t)).collect();
        let outputs = self.graph.append(node.op.clone(), inputs, node.types.clone());
        for (index, value) in outputs.into_iter().enumerate() {
            self.values.entry((node.id, index)).or_insert(value);
            self.tensors.push(Tensor { node: Arc::clone(node), index });
        }
    }

    /// Tensors for values of the graph, those that were appended to it after tracing included.
    pub(crate) fn tensors(mut self, values: &[Option<Value>]) -> Vec<Option<Tensor>> {
        let Some(device) = self.tensors.first().map(|t| t.device().clone()) else { return vec![None; values.len()] };
        for n in 0..self.graph.nodes().len() {
            let node = &self.graph.nodes()[n];
            // Nodes are in order, so a node is new where its first output has no tensor yet.
            if node.outputs[0].0 as usize == self.tensors.len()
                && let Some(op) = node.op.clone()
            {
                let inputs = node.inputs.iter().map(|v| self.tensors[v.0 as usize].clone()).collect();
                let types = node.outputs.iter().map(|&v| self.graph.ty(v).clone()).collect();
                self.tensors.extend(Tensor::node(&device, op, inputs, types));
            }
        }
        values.iter().map(|v| v.map(|v| self.tensors[v.0 as usize].clone())).collect()
    }
}
