//! Rewrites that need no device: constants folded, neutral operands dropped, equal nodes merged, reshapes moved behind what a product or
//! a convolution can do in its epilogue.

use crate::Graph;
use std::collections::HashMap;
use wgrad_kernels::ops::{Binary, BinaryKind, Full, Reshape};
use wgrad_kernels::{Array, Builder, Op, Shape, TensorType, Value};

/// The graph without the work that can be seen to be needless, and where each old value is now. Leaves keep their order.
/// Only nodes before `roots` in the backward direction are kept.
pub(crate) fn simplify(graph: &Graph, roots: &[Value]) -> (Graph, Vec<Value>) {
    let (out, mut map, moved) = pass(graph, roots);
    if !moved {
        return (out, map);
    }
    // Where a reshape moved, the old one may have no reader left, and would keep what it reads from being fused.
    let now: Vec<Value> = roots.iter().map(|v| map[v.0 as usize]).collect();
    let (out, again, _) = pass(&out, &now);
    map.iter_mut().filter(|v| v.0 != u32::MAX).for_each(|v| *v = again[v.0 as usize]);
    (out, map)
}

/// One pass over the graph, and whether a reshape moved.
fn pass(graph: &Graph, roots: &[Value]) -> (Graph, Vec<Value>, bool) {
    let mut moved = false;
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
        let mut made = |out: &mut Graph, op: Op, inputs: Vec<Value>, types: Vec<TensorType>| {
            let key = (format!("{op:?}"), inputs.clone());
            seen.entry(key).or_insert_with(|| out.append(Some(op), inputs, types)).clone()
        };
        let outputs = match rewrite(&out, op, &inputs, &types) {
            Some(Rewrite::Same(value)) => vec![value],
            Some(Rewrite::Constant(value)) => made(&mut out, full(&types[0], value), Vec::new(), types),
            None => match unshaped(&out, op, &inputs) {
                Some((inner, shape)) => {
                    moved = true;
                    let inner_type = TensorType::new(shape, types[0].dtype);
                    let value = made(&mut out, op.clone(), inner, vec![inner_type])[0];
                    made(&mut out, Op::Reshape(Reshape { shape: types[0].shape.iter().map(|&n| n as i64).collect() }), vec![value], types)
                }
                None => made(&mut out, op.clone(), inputs, types),
            },
        };
        for (old, new) in node.outputs.iter().zip(outputs) {
            map[old.0 as usize] = new;
        }
    }
    (out, map, moved)
}

fn full(ty: &TensorType, value: f64) -> Op {
    Op::Full(Full { shape: ty.shape.clone(), dtype: ty.dtype, value })
}

fn elementwise(op: &Op) -> bool {
    matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Where(_) | Op::Cast(_))
}

/// The operands before they were reshaped, and their shape, where an element-wise op takes nothing else but numbers, and a product or a
/// convolution stands before the reshape: the op can be its epilogue then. A 1-D convolution is one in 2-D between two reshapes.
fn unshaped(out: &Graph, op: &Op, inputs: &[Value]) -> Option<(Vec<Value>, Shape)> {
    if !elementwise(op) {
        return None;
    }
    let source = |v: Value| matches!(out.op_of(v), Some(Op::Reshape(_))).then(|| out.nodes()[out.maker(v)].inputs[0]);
    let number = |v: Value| out.ty(v).shape.rank() == 0 && matches!(out.op_of(v), Some(Op::Full(_)));
    let first = inputs.iter().find_map(|&v| source(v))?;
    let shape = &out.ty(first).shape;
    let inner = |&v: &Value| if number(v) { Some(v) } else { source(v).filter(|&s| out.ty(s).shape == *shape) };
    let inner: Vec<Value> = inputs.iter().map(inner).collect::<Option<_>>()?;
    behind_product(out, first).then(|| (inner, shape.clone()))
}

/// Whether a value is the result of a product or a convolution, or of a few element-wise ops behind one.
fn behind_product(out: &Graph, mut value: Value) -> bool {
    for _ in 0..8 {
        match out.op_of(value) {
            Some(Op::Conv2d(_) | Op::ConvTranspose2d(_) | Op::MatMul(_)) => return true,
            // The chain's head comes first in what the layers write.
            Some(op) if elementwise(op) => value = out.nodes()[out.maker(value)].inputs[0],
            _ => return false,
        }
    }
    false
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
    let values: Option<Vec<f64>> = if elementwise(op) { inputs.iter().map(constant).collect() } else { None };
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
    use wgrad_kernels::DType;
    use wgrad_kernels::ops::MatMul;

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
    fn a_reshape_moves_behind_what_a_product_can_end_with() {
        let launches = |product: bool| {
            let mut g = Graph::default();
            let x = g.leaf(TensorType::new([6, 4], DType::F32));
            let w = g.leaf(TensorType::new([4, 4], DType::F32));
            let b: &mut dyn Builder = &mut g;
            let y = if product { b.op(MatMul::default(), &[x, w]) } else { b.neg(x) };
            let row = b.reshape(y, Shape(vec![24]));
            let half = b.constant(0.5, row);
            let scaled = b.mul(row, half);
            let end = b.neg(scaled);
            let (out, map) = simplify(&g, &[end]);
            assert_eq!(out.ty(map[end.0 as usize]), g.ty(end), "{out}");
            (out.op_of(map[end.0 as usize]).map(|op| op.kernel().name()), out)
        };
        let (last, out) = launches(true);
        assert_eq!(last, Some("reshape"), "{out}");
        let (last, out) = launches(false);
        assert_eq!(last, Some("neg"), "{out}");
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
