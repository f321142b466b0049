//! Rewrites that need no device: constants folded, neutral operands dropped, equal nodes merged.

use crate::Graph;
use std::collections::HashMap;
use wgrad_kernels::ops::{Binary, BinaryKind, Full};
use wgrad_kernels::{Array, Builder, Op, TensorType, Value};

/// The graph without the work that can be seen to be needless, and where each old value is now. Leaves keep their order.
/// Only nodes before `roots` in the backward direction are kept.
pub(crate) fn simplify(graph: &Graph, roots: &[Value]) -> (Graph, Vec<Value>) {
    let needed = reachable(graph, roots);
    let mut out = Graph::default();
    let mut map = vec![Value(u32::MAX); graph.values()];
    let mut seen: HashMap<(String, Vec<Value>), Vec<Value>> = HashMap::new();
    for (n, node) in graph.nodes().iter().enumerate() {
        let Some(op) = &node.op else {
            map[node.outputs[0].0 as usize] = out.leaf(graph.ty(node.outputs[0]).clone());
            continue;
        };
        if !needed[n] {
            continue;
        }
        let inputs: Vec<Value> = node.inputs.iter().map(|v| map[v.0 as usize]).collect();
        let types: Vec<TensorType> = node.outputs.iter().map(|&v| graph.ty(v).clone()).collect();
        let outputs = match rewrite(&out, op, &inputs, &types) {
            Some(Rewrite::Same(value)) => vec![value],
            found => {
                let (op, inputs) = match found {
                    Some(Rewrite::Constant(value)) => (Op::Full(Full { shape: types[0].shape.clone(), dtype: types[0].dtype, value }), Vec::new()),
                    _ => (op.clone(), inputs),
                };
                let key = (format!("{op:?}"), inputs.clone());
                seen.entry(key).or_insert_with(|| out.append(Some(op), inputs, types)).clone()
            }
        };
        for (old, new) in node.outputs.iter().zip(outputs) {
            map[old.0 as usize] = new;
        }
    }
    (out, map)
}

enum Rewrite {
    Same(Value),
    Constant(f64),
}

/// A simpler form of an op with one output, if there is one.
fn rewrite(out: &Graph, op: &Op, inputs: &[Value], types: &[TensorType]) -> Option<Rewrite> {
    let constant = |v: &Value| match out.op_of(*v) {
        Some(Op::Full(full)) => Some(full.value),
        _ => None,
    };
    let same_type = |v: Value| *out.ty(v) == types[0];
    match op {
        Op::Reshape(_) | Op::Broadcast(_) => {
            if let Some(value) = inputs.first().and_then(&constant) {
                return Some(Rewrite::Constant(value));
            }
            return same_type(inputs[0]).then_some(Rewrite::Same(inputs[0]));
        }
        Op::Cast(_) if same_type(inputs[0]) => return Some(Rewrite::Same(inputs[0])),
        Op::Binary(Binary(kind)) => {
            let [a, b] = [inputs[0], inputs[1]].map(|v| constant(&v));
            let neutral = |value: f64| match kind {
                BinaryKind::Add | BinaryKind::Sub => value == 0.0,
                BinaryKind::Mul | BinaryKind::Div => value == 1.0,
                _ => false,
            };
            let commutes = matches!(kind, BinaryKind::Add | BinaryKind::Mul);
            if b.is_some_and(neutral) && same_type(inputs[0]) {
                return Some(Rewrite::Same(inputs[0]));
            }
            if commutes && a.is_some_and(neutral) && same_type(inputs[1]) {
                return Some(Rewrite::Same(inputs[1]));
            }
        }
        _ => {}
    }
    let elementwise = matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Where(_) | Op::Cast(_));
    let values: Option<Vec<f64>> = if elementwise { inputs.iter().map(constant).collect() } else { None };
    let scalars: Vec<Array> = inputs.iter().zip(values?).map(|(&v, value)| Array::new(TensorType::new([], out.ty(v).dtype), vec![value])).collect();
    let ty = TensorType::new([], types[0].dtype);
    let result = op.kernel().reference(&scalars.iter().collect::<Vec<_>>(), &[ty]);
    result[0].data.first().copied().filter(|v| v.is_finite()).map(Rewrite::Constant)
}

/// Which nodes the roots depend on.
fn reachable(graph: &Graph, roots: &[Value]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes().len()];
    let mut stack: Vec<usize> = roots.iter().map(|&v| graph.maker(v)).collect();
    while let Some(n) = stack.pop() {
        if !std::mem::replace(&mut needed[n], true) {
            stack.extend(graph.nodes()[n].inputs.iter().map(|&v| graph.maker(v)));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgrad_kernels::{DType, Shape};

    #[test]
    fn constants_fold_and_neutral_operands_vanish() {
        let mut g = Graph::default();
        let x = g.leaf(TensorType::new([3], DType::F32));
        let b: &mut dyn Builder = &mut g;
        let half = b.constant(0.5, x);
        let two = b.constant(2.0, x);
        let one = b.mul(half, two);
        let one = b.broadcast(one, Shape(vec![3]));
        let y = b.mul(x, one);
        let (out, map) = simplify(&g, &[y]);
        assert_eq!(map[y.0 as usize], map[x.0 as usize], "{out}");
    }

    #[test]
    fn equal_nodes_merge() {
        let mut g = Graph::default();
        let x = g.leaf(TensorType::new([3], DType::F32));
        let b: &mut dyn Builder = &mut g;
        let (p, q) = (b.neg(x), b.neg(x));
        let y = b.add(p, q);
        let (out, _) = simplify(&g, &[y]);
        assert_eq!(out.nodes().len(), 3, "{out}");
    }
}
