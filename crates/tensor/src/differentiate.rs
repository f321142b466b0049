//! Reverse-mode differentiation, graph to graph: the gradient's nodes are appended to the graph that they differentiate.

use crate::Graph;
use wgrad_kernels::op::Node;
use wgrad_kernels::ops::Full;
use wgrad_kernels::{Builder, Op, Shape, Value};

/// Appends d`loss`/d`wrt` for each of `wrt`, of the same shape; `None` where the loss does not depend on it.
///
/// The sum over axes that an op broadcast is done here, once for all ops. `loss` is a float scalar.
pub fn differentiate(graph: &mut Graph, loss: Value, wrt: &[Value]) -> Vec<Option<Value>> {
    let end = graph.maker(loss) + 1;
    let mut depends = vec![false; graph.values()];
    wrt.iter().for_each(|v| depends[v.0 as usize] = true);
    for node in &graph.nodes()[..end] {
        if node.inputs.iter().any(|v| depends[v.0 as usize]) {
            node.outputs.iter().for_each(|v| depends[v.0 as usize] = true);
        }
    }
    let mut grads: Vec<Option<Value>> = vec![None; graph.values()];
    if depends[loss.0 as usize] {
        let dtype = graph.ty(loss).dtype;
        let seed = graph.emit(Op::Full(Full { shape: Shape::default(), dtype, value: 1.0 }), &[])[0];
        let builder: &mut dyn Builder = graph;
        let shape = builder.shape(loss);
        grads[loss.0 as usize] = Some(builder.reshape(seed, shape));
    }
    for n in (0..end).rev() {
        let node = graph.nodes()[n].clone();
        let Some(op) = &node.op else { continue };
        let incoming: Vec<Option<Value>> = node.outputs.iter().map(|v| grads[v.0 as usize]).collect();
        let wanted = node.inputs.iter().any(|v| depends[v.0 as usize]);
        if !wanted || incoming.iter().all(Option::is_none) {
            continue;
        }
        let found = op.kernel().vjp(graph, Node { inputs: &node.inputs, outputs: &node.outputs, grads: &incoming });
        let builder: &mut dyn Builder = graph;
        for (&input, grad) in node.inputs.iter().zip(found) {
            let Some(grad) = grad.filter(|_| depends[input.0 as usize]) else { continue };
            let shape = builder.shape(input);
            let grad = builder.sum_to(grad, &shape);
            let slot = &mut grads[input.0 as usize];
            *slot = Some(match *slot {
                Some(sum) => builder.add(sum, grad),
                None => grad,
            });
        }
    }
    wrt.iter().map(|v| grads[v.0 as usize]).collect()
}
