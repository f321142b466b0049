//! The graph: ops on values, in an order in which every value is made before it is used.

use std::fmt;
use wgrad_kernels::{Builder, Op, OpError, TensorType, Value};

/// One op of a graph, or a leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphNode {
    /// The op; `None` for a leaf, whose data come from outside.
    pub op: Option<Op>,
    /// What it reads.
    pub inputs: Vec<Value>,
    /// What it makes.
    pub outputs: Vec<Value>,
}

/// Ops on values. Printing it gives one line a node, which describes its structure completely: the key of the plan cache.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    nodes: Vec<GraphNode>,
    types: Vec<TensorType>,
    made_by: Vec<usize>,
}

impl Graph {
    /// The nodes in order.
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// The number of values.
    pub fn values(&self) -> usize {
        self.types.len()
    }

    /// The index of the node that makes a value.
    pub fn maker(&self, value: Value) -> usize {
        self.made_by[value.0 as usize]
    }

    /// The op that makes a value; `None` for a leaf.
    pub fn op_of(&self, value: Value) -> Option<&Op> {
        self.nodes[self.maker(value)].op.as_ref()
    }

    /// The leaves in order.
    pub fn leaves(&self) -> impl Iterator<Item = Value> + '_ {
        self.nodes.iter().filter(|n| n.op.is_none()).map(|n| n.outputs[0])
    }

    /// Appends a leaf.
    pub fn leaf(&mut self, ty: TensorType) -> Value {
        self.append(None, Vec::new(), vec![ty])[0]
    }

    /// Appends an op.
    ///
    /// # Errors
    /// Where the operands do not fit.
    pub fn push(&mut self, op: Op, inputs: &[Value]) -> Result<Vec<Value>, OpError> {
        let types: Vec<TensorType> = inputs.iter().map(|&v| self.ty(v).clone()).collect();
        let outputs = op.infer(&types)?;
        Ok(self.append(Some(op), inputs.to_vec(), outputs))
    }

    /// Appends a node whose output types are known to be right.
    pub(crate) fn append(&mut self, op: Option<Op>, inputs: Vec<Value>, types: Vec<TensorType>) -> Vec<Value> {
        let first = self.types.len() as u32;
        let outputs: Vec<Value> = (first..first + types.len() as u32).map(Value).collect();
        self.made_by.extend(std::iter::repeat_n(self.nodes.len(), types.len()));
        self.types.extend(types);
        self.nodes.push(GraphNode { op, inputs, outputs: outputs.clone() });
        outputs
    }

    /// For each value, the nodes that read it, each once.
    pub(crate) fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.types.len()];
        for (n, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                let list: &mut Vec<usize> = &mut readers[input.0 as usize];
                if list.last() != Some(&n) {
                    list.push(n);
                }
            }
        }
        readers
    }
}

impl Builder for Graph {
    fn emit(&mut self, op: Op, inputs: &[Value]) -> Vec<Value> {
        // invariant: backward rules build well-typed nodes; the gradient checks of every op's cases hold them to it.
        self.push(op, inputs).unwrap_or_else(|e| panic!("a backward rule built an ill-typed node: {e}"))
    }

    fn ty(&self, value: Value) -> &TensorType {
        &self.types[value.0 as usize]
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            for (k, output) in node.outputs.iter().enumerate() {
                write!(f, "{}%{}: {}", if k > 0 { ", " } else { "" }, output.0, self.ty(*output))?;
            }
            match &node.op {
                None => f.write_str(" = leaf")?,
                Some(op) => write!(f, " = {op:?}")?,
            }
            for input in &node.inputs {
                write!(f, " %{}", input.0)?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
