//! The reference: any graph, op by op, in f64 on the CPU.

use crate::{Error, Graph};
use wgrad_kernels::{Array, Builder, OpError, TensorType};

/// Every value of a graph, given its leaves in order.
///
/// # Errors
/// Where the leaves do not fit the graph.
pub fn interpret(graph: &Graph, leaves: &[Array]) -> Result<Vec<Array>, Error> {
    let mut given = leaves.iter();
    let mut values: Vec<Array> = Vec::with_capacity(graph.values());
    for node in graph.nodes() {
        let types: Vec<TensorType> = node.outputs.iter().map(|&v| graph.ty(v).clone()).collect();
        let Some(op) = &node.op else {
            let leaf = given.next().filter(|a| a.ty == types[0]);
            values.push(leaf.cloned().ok_or_else(|| OpError::new("leaf", format!("needs data of type {}", types[0])))?);
            continue;
        };
        let inputs: Vec<&Array> = node.inputs.iter().map(|v| &values[v.0 as usize]).collect();
        let outputs = op.kernel().reference(&inputs, &types);
        values.extend(outputs);
    }
    Ok(values)
}
