//! A case as a graph.

use crate::{Error, Graph, differentiate};
use wgrad_kernels::case::{Case, View, weights};
use wgrad_kernels::ops::{Permute, Slice};
use wgrad_kernels::{Array, Builder, DType, Operand, TensorType, Value};

/// A case as a graph: leaves as they lie in memory, views over them, then the op.
pub(super) struct Scene {
    pub(super) graph: Graph,
    pub(super) leaves: Vec<Array>,
    inputs: Vec<Value>,
    pub(super) outputs: Vec<Value>,
}

impl Scene {
    pub(super) fn new(case: &Case) -> Result<Self, Error> {
        let mut graph = Graph::default();
        let mut leaves = Vec::new();
        let mut views = Vec::new();
        for (array, input) in case.arrays().into_iter().zip(&case.inputs) {
            let (stored, view) = stored(array, input.view);
            views.push((graph.leaf(stored.ty.clone()), view));
            leaves.push(stored);
        }
        let mut inputs = Vec::new();
        for (leaf, view) in views {
            inputs.push(match view {
                Some(op) => graph.push(op, &[leaf])?[0],
                None => leaf,
            });
        }
        let outputs = graph.push(case.op.clone(), &inputs)?;
        Ok(Self { graph, leaves, inputs, outputs })
    }

    /// Appends the gradients of the case's float inputs, for a loss that weighs every float output by random numbers.
    pub(super) fn backward(&mut self, case: &Case) -> Result<Vec<(usize, Value)>, Error> {
        let mut loss: Option<Value> = None;
        for (n, &output) in self.outputs.iter().enumerate() {
            let Some(w) = weights(self.graph.ty(output), n) else { continue };
            let leaf = self.graph.leaf(w.ty.clone());
            self.leaves.push(w);
            let b: &mut dyn Builder = &mut self.graph;
            let product = b.mul(output, leaf);
            let term = b.sum(product, None, false);
            // Outputs of one op may differ in type.
            let term = b.cast(term, DType::F32);
            loss = Some(match loss {
                Some(sum) => b.add(sum, term),
                None => term,
            });
        }
        let Some(loss) = loss else { return Ok(Vec::new()) };
        let wanted: Vec<usize> = (0..self.inputs.len()).filter(|&n| case.differentiable(n)).collect();
        let wrt: Vec<Value> = wanted.iter().map(|&n| self.inputs[n]).collect();
        let grads = differentiate(&mut self.graph, loss, &wrt);
        Ok(wanted.into_iter().zip(grads).filter_map(|(n, g)| g.map(|g| (n, g))).collect())
    }

    /// The operands as the op's lowering will see them.
    pub(super) fn operands(&self) -> Vec<Operand> {
        self.inputs
            .iter()
            .map(|&v| {
                let ty = self.graph.ty(v);
                let view = self.graph.op_of(v).and_then(|op| {
                    let leaf = self.graph.ty(self.graph.nodes()[self.graph.maker(v)].inputs[0]);
                    op.kernel().view(&Operand::contiguous(leaf).layout)
                });
                Operand { layout: view.unwrap_or_else(|| Operand::contiguous(ty).layout), dtype: ty.dtype }
            })
            .collect()
    }
}

/// An array as it is stored for a view, and the op that gives the array back.
fn stored(array: Array, view: View) -> (Array, Option<wgrad_kernels::Op>) {
    let shape = array.ty.shape.clone();
    let rank = shape.rank();
    match view {
        View::Transposed if rank >= 2 => {
            let back: Vec<usize> = (0..rank).rev().collect();
            let layout = Operand::contiguous(&array.ty).layout.permute(&back);
            (array.view(&layout), Some(Permute { perm: Some(back) }.into()))
        }
        View::Sliced if rank >= 1 => {
            // One element of margin before and two behind, along every axis.
            let outer: Vec<usize> = shape.iter().map(|n| n + 3).collect();
            let ty = TensorType::new(outer, array.ty.dtype);
            let window = Operand::contiguous(&ty).layout.slice(&vec![1; rank], &vec![1; rank], &shape);
            let mut data = vec![ty.dtype.store(77.0); ty.shape.numel()];
            window.indices().zip(&array.data).for_each(|(at, &v)| data[at] = v);
            let ends = shape.iter().map(|&n| n as i64 + 1).collect();
            let slice = Slice { starts: vec![1; rank], ends, axes: None, steps: None };
            (Array::new(ty, data), Some(slice.into()))
        }
        _ => (array, None),
    }
}
