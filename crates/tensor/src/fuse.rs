//! Fusion: neighbouring element-wise ops become one `map`, a map behind a matmul or a convolution becomes its epilogue, and a map in front of
//! a reduction becomes its prologue. Nothing is computed twice and no value that is asked for disappears.

use crate::Graph;
use std::collections::BTreeSet;
use wgrad_kernels::body::{Source, Step};
use wgrad_kernels::ops::{Map, Reduce};
use wgrad_kernels::{Builder, DType, Op, Shape, TensorType, Value};

/// Inputs of one fused launch: the portable limit of 8 storage buffers less the output.
const MAX_INPUTS: usize = 7;

/// Steps of one chain: beyond this, compilers spill.
const MAX_STEPS: usize = 48;

/// A set of element-wise nodes that become one launch.
struct Group {
    shape: Shape,
    /// Node indices, in reverse order; the first is the root, whose output is the group's.
    members: Vec<usize>,
    /// Values read from outside, constants left out.
    inputs: BTreeSet<Value>,
    /// The matmul or convolution that the group is the epilogue of, by its output.
    head: Option<Value>,
    /// The reduction that the group is the prologue of.
    reduce: Option<usize>,
}

/// The graph with its element-wise ops fused, and where each old value is now (`None` where it lives on inside a launch only).
/// The values `keep` survive. Leaves keep their order.
pub(crate) fn fuse(graph: &Graph, keep: &[Value]) -> (Graph, Vec<Option<Value>>) {
    let (groups, group_of) = group(graph, keep);
    let mut out = Graph::default();
    let mut map: Vec<Option<Value>> = vec![None; graph.values()];
    for (n, node) in graph.nodes().iter().enumerate() {
        let types: Vec<TensorType> = node.outputs.iter().map(|&v| graph.ty(v).clone()).collect();
        let now = |map: &[Option<Value>], v: &Value| map[v.0 as usize];
        let made = match (&node.op, group_of[n]) {
            (None, _) => vec![out.leaf(types[0].clone())],
            (Some(_), Some(g)) => {
                let group = &groups[g];
                if group.members[0] != n || group.reduce.is_some() {
                    continue;
                }
                emit_group(graph, group, &mut out, &map, types)
            }
            (Some(Op::Reduce(reduce)), None) if let Some(group) = groups.iter().find(|g| g.reduce == Some(n)) => {
                let inputs: Vec<Value> = group.inputs.iter().copied().collect();
                let prologue = Some(chain(graph, group, &inputs));
                let op = Op::Reduce(Reduce { prologue, ..reduce.clone() });
                out.append(Some(op), inputs.iter().filter_map(|v| now(&map, v)).collect(), types)
            }
            // Inlined into every reader.
            (Some(Op::Full(_)), None) => continue,
            (Some(op), None) => {
                if groups.iter().any(|g| g.head == node.outputs.first().copied()) {
                    continue;
                }
                let inputs = node.inputs.iter().filter_map(|v| now(&map, v)).collect();
                out.append(Some(op.clone()), inputs, types)
            }
        };
        for (old, new) in node.outputs.iter().zip(made) {
            map[old.0 as usize] = Some(new);
        }
    }
    (out, map)
}

fn is_constant(graph: &Graph, value: Value) -> bool {
    matches!(graph.op_of(value), Some(Op::Full(_)))
}

fn elementwise(graph: &Graph, n: usize) -> bool {
    let node = &graph.nodes()[n];
    let types: Vec<DType> = node.inputs.iter().map(|&v| graph.ty(v).dtype).collect();
    node.op.as_ref().is_some_and(|op| op.kernel().scalar(&types).is_some())
}

/// Groups from the back: a node joins the group of its readers where they are all in one, of its shape.
fn group(graph: &Graph, keep: &[Value]) -> (Vec<Group>, Vec<Option<usize>>) {
    let kept: BTreeSet<Value> = keep.iter().copied().collect();
    let readers = graph.readers();
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Vec<Option<usize>> = vec![None; graph.nodes().len()];
    for (n, node) in graph.nodes().iter().enumerate().rev().filter(|(n, _)| elementwise(graph, *n)) {
        let output = node.outputs[0];
        let reading = &readers[output.0 as usize];
        let constant = is_constant(graph, output);
        if constant && !kept.contains(&output) && reading.iter().all(|&r| elementwise(graph, r)) {
            continue; // inlined into every reader
        }
        let fresh: BTreeSet<Value> = node.inputs.iter().copied().filter(|&v| !is_constant(graph, v)).collect();
        let shape = &graph.ty(output).shape;
        let home = reading.first().and_then(|&r| group_of[r]).filter(|&g| {
            let joined = groups[g].inputs.union(&fresh).filter(|&&v| v != output).count();
            !kept.contains(&output)
                && !constant
                && reading.iter().all(|&r| group_of[r] == Some(g))
                && groups[g].shape == *shape
                && joined <= MAX_INPUTS
                && groups[g].members.len() < MAX_STEPS
        });
        match home {
            Some(g) => {
                groups[g].inputs.remove(&output);
                groups[g].inputs.extend(fresh);
                groups[g].members.push(n);
                group_of[n] = Some(g);
            }
            None => {
                group_of[n] = Some(groups.len());
                groups.push(Group { shape: shape.clone(), members: vec![n], inputs: fresh, head: None, reduce: None });
            }
        }
    }
    for (g, group) in groups.iter_mut().enumerate() {
        let output = graph.nodes()[group.members[0]].outputs[0];
        attach_head(graph, group, |v| !kept.contains(&v) && readers[v.0 as usize].iter().all(|&r| group_of[r] == Some(g)));
        if group.head.is_none() && !kept.contains(&output) {
            attach_reduce(graph, group, &readers[output.0 as usize]);
        }
    }
    (groups, group_of)
}

/// Makes the group the epilogue of a matmul or convolution that only it reads.
fn attach_head(graph: &Graph, group: &mut Group, free: impl Fn(Value) -> bool) {
    let root = graph.ty(graph.nodes()[group.members[0]].outputs[0]);
    group.head = group.inputs.iter().copied().find(|&v| {
        let takes = graph.op_of(v).is_some_and(|op| op.kernel().with_epilogue(&Map::copy(&group.shape)).is_some());
        takes && root.dtype.is_float() && graph.ty(v).shape == group.shape && free(v)
    });
    if let Some(head) = group.head {
        if group.inputs.len() > MAX_INPUTS - 2 {
            group.head = None;
        } else {
            group.inputs.remove(&head);
        }
    }
}

/// Makes the group the prologue of a reduction that alone reads it.
fn attach_reduce(graph: &Graph, group: &mut Group, readers: &[usize]) {
    let &[reader] = readers else { return };
    if let Some(Op::Reduce(reduce)) = &graph.nodes()[reader].op
        && reduce.prologue.is_none()
        && !group.inputs.is_empty()
    {
        group.reduce = Some(reader);
    }
}

/// The steps of a group, reading `inputs` by their position.
fn chain(graph: &Graph, group: &Group, inputs: &[Value]) -> Map {
    let mut steps: Vec<Step> = Vec::new();
    let mut made: Vec<(Value, usize)> = Vec::new();
    for &n in group.members.iter().rev() {
        let node = &graph.nodes()[n];
        let args = node
            .inputs
            .iter()
            .map(|&v| {
                if Some(v) == group.head {
                    return Source::Head;
                }
                if let Some(&(_, step)) = made.iter().find(|(w, _)| *w == v) {
                    return Source::Step(step);
                }
                if let Some(n) = inputs.iter().position(|&w| w == v) {
                    return Source::Input(n);
                }
                let constant = graph.nodes()[graph.maker(v)].op.clone();
                steps.extend(constant.map(|op| Step { op, args: vec![], dtype: graph.ty(v).dtype }));
                made.push((v, steps.len() - 1));
                Source::Step(steps.len() - 1)
            })
            .collect();
        let op = node.op.clone();
        steps.extend(op.map(|op| Step { op, args, dtype: graph.ty(node.outputs[0]).dtype }));
        made.push((node.outputs[0], steps.len() - 1));
    }
    Map { shape: group.shape.clone(), steps }
}

fn emit_group(graph: &Graph, group: &Group, out: &mut Graph, map: &[Option<Value>], types: Vec<TensorType>) -> Vec<Value> {
    let inputs: Vec<Value> = group.inputs.iter().copied().collect();
    let chain = chain(graph, group, &inputs);
    let now = |vs: &[Value]| -> Vec<Value> { vs.iter().filter_map(|v| map[v.0 as usize]).collect() };
    match group.head {
        Some(head) => {
            let maker = &graph.nodes()[graph.maker(head)];
            let mut all = now(&maker.inputs);
            all.extend(now(&inputs));
            out.append(maker.op.as_ref().and_then(|op| op.kernel().with_epilogue(&chain)), all, types)
        }
        None => out.append(Some(Op::Map(chain)), now(&inputs), types),
    }
}
