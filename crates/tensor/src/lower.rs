//! Lowering: a fused graph becomes a recording of dispatches on buffers. Views become layouts and launch nothing.

use crate::{Error, Graph};
use std::collections::{HashMap, HashSet};
use wgrad_kernels::ops::Map;
use wgrad_kernels::{Access, Arg, Builder, Caps, Layout, Lowering as Facts, Op, Operand, Program, Shape, TensorType, Value, Work};
use wgrad_runtime::{Binding, BufferSpec, Dispatch, Kind, Recording, Step};

/// A recording, and how its externals are to be bound.
#[derive(Debug, Clone)]
pub struct Lowering {
    /// The dispatches. Externals come in this order: the leaves, then one for each fetched value.
    pub recording: Recording,
    /// The number of leaves.
    pub leaves: usize,
}

/// Wishes and tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Forces variants by op name. One that cannot run is an error, never replaced.
    pub variants: Vec<(String, String)>,
    /// For the tests of `verify`: the stem of a kernel, one element of whose output is made wrong after each launch.
    pub fault: Option<String>,
}

/// Where a value lies.
#[derive(Debug, Clone)]
struct Place {
    buffer: usize,
    operand: Operand,
}

impl Place {
    fn contiguous(buffer: usize, ty: &TensorType) -> Self {
        Self { buffer, operand: Operand::contiguous(ty) }
    }
}

/// What becomes of a launch's outputs: see [`Facts`].
#[derive(Default)]
struct Use {
    in_place: Option<usize>,
    unread: u32,
}

struct Lowerer<'a> {
    graph: &'a Graph,
    caps: &'a Caps,
    options: &'a Options,
    recording: Recording,
    places: HashMap<Value, Place>,
    /// The buffer of each leaf.
    homes: HashMap<Value, usize>,
    /// Row-major copies that were made of strided values.
    copies: HashMap<Value, usize>,
    /// External buffers into which a value is written as it is made.
    targets: HashMap<Value, usize>,
    /// For a value that replaces a leaf: that leaf.
    replaces: HashMap<Value, Value>,
    /// What is fetched or replaces a leaf.
    wanted: HashSet<Value>,
    /// When each node runs.
    position: Vec<usize>,
    /// The position from which leaves may be overwritten.
    late_from: usize,
    /// The nodes that read each value.
    readers: Vec<Vec<usize>>,
}

/// Lowers a graph. Each of `fetch` is written, row-major, to an external buffer of its own; each of `updates` (leaf, value)
/// replaces the leaf's data, in place where the op allows it.
///
/// # Errors
/// Where a forced variant cannot run.
pub fn lower(graph: &Graph, fetch: &[Value], updates: &[(Value, Value)], caps: &Caps, options: &Options) -> Result<Lowering, Error> {
    let (early, late) = schedule(graph, updates);
    let mut position = vec![0; graph.nodes().len()];
    early.iter().chain(&late).enumerate().for_each(|(at, &n)| position[n] = at);
    let mut l = Lowerer {
        graph,
        caps,
        options,
        recording: Recording::default(),
        places: HashMap::new(),
        homes: HashMap::new(),
        copies: HashMap::new(),
        targets: HashMap::new(),
        replaces: updates.iter().map(|&(leaf, value)| (value, leaf)).collect(),
        wanted: fetch.iter().copied().chain(updates.iter().map(|u| u.1)).collect(),
        position,
        late_from: early.len(),
        readers: graph.readers(),
    };
    let leaves: Vec<Value> = graph.leaves().collect();
    for (k, &leaf) in leaves.iter().enumerate() {
        let ty = graph.ty(leaf);
        let buffer = l.buffer(ty.bytes(), format!("%{} leaf {ty}", leaf.0), Kind::External(k));
        l.places.insert(leaf, Place::contiguous(buffer, ty));
        l.homes.insert(leaf, buffer);
    }
    // A fetched value is made in its own buffer where it is made at all: not for views, leaves and updates.
    let mut copied = Vec::new();
    for (k, &value) in fetch.iter().enumerate() {
        let buffer = l.buffer(graph.ty(value).bytes(), format!("%{} fetched {}", value.0, graph.ty(value)), Kind::External(leaves.len() + k));
        let made = graph.op_of(value).is_some_and(|op| !op.kernel().is_view());
        if made && !l.replaces.contains_key(&value) && !l.targets.contains_key(&value) {
            l.targets.insert(value, buffer);
        } else {
            copied.push((value, buffer));
        }
    }
    for n in early {
        l.node(n)?;
    }
    // What still shows a leaf's old data is copied before the leaves are overwritten.
    let (before, after): (Vec<_>, Vec<_>) = copied.into_iter().partition(|(v, _)| l.places.contains_key(v));
    for (value, buffer) in before {
        l.copy_to(value, buffer)?;
    }
    for &(leaf, value) in updates {
        l.snapshot(leaf, value)?;
    }
    for n in late {
        l.node(n)?;
    }
    for &(leaf, value) in updates {
        let target = l.homes[&leaf];
        if l.places[&value].buffer != target {
            l.copy_to(value, target)?;
        }
    }
    for (value, buffer) in after {
        l.copy_to(value, buffer)?;
    }
    Ok(Lowering { recording: l.recording, leaves: leaves.len() })
}

/// The nodes in order, and apart from them those that only make updates: they run last, so that nothing reads a leaf after
/// it was overwritten.
fn schedule(graph: &Graph, updates: &[(Value, Value)]) -> (Vec<usize>, Vec<usize>) {
    let readers = graph.readers();
    let late = |&n: &usize| {
        let outputs = &graph.nodes()[n].outputs;
        outputs.iter().any(|o| updates.iter().any(|(_, v)| v == o)) && outputs.iter().all(|o| readers[o.0 as usize].is_empty())
    };
    let (late, early) = (0..graph.nodes().len()).filter(|&n| graph.nodes()[n].op.is_some()).partition(late);
    (early, late)
}

impl Lowerer<'_> {
    fn buffer(&mut self, bytes: u64, label: String, kind: Kind) -> usize {
        self.recording.buffers.push(BufferSpec { bytes, label, kind });
        self.recording.buffers.len() - 1
    }

    fn node(&mut self, n: usize) -> Result<(), Error> {
        let node = &self.graph.nodes()[n];
        let Some(op) = &node.op else { return Ok(()) };
        if op.kernel().is_view() {
            return self.view(op, node.inputs[0], node.outputs[0]);
        }
        let types: Vec<TensorType> = node.outputs.iter().map(|&v| self.graph.ty(v).clone()).collect();
        let dtypes: Vec<_> = node.inputs.iter().map(|&v| self.graph.ty(v).dtype).collect();
        // A single element-wise op that fusion left alone (a constant, an unfused graph) is a chain of one.
        let single;
        let op = if op.kernel().scalar(&dtypes).is_some() {
            single = Op::Map(Map::single(op.clone(), node.inputs.len(), &types[0]));
            &single
        } else {
            op
        };
        let places: Vec<Place> = node.inputs.iter().enumerate().map(|(k, &v)| self.input(op, k, v)).collect::<Result<_, _>>()?;
        let in_place = self.in_place(n, op, &places);
        let mut outputs = Vec::new();
        for (o, (&value, ty)) in node.outputs.iter().zip(&types).enumerate() {
            let alias = op.kernel().aliases().iter().find(|(out, _)| *out == o).map(|&(_, input)| input);
            let buffer = match (alias, in_place) {
                (Some(input), _) => self.aliased(n, value, &places[input], node.inputs[input])?,
                (None, Some(input)) => places[input].buffer,
                (None, None) => self.target(value, op.kernel().name()),
            };
            self.places.insert(value, Place::contiguous(buffer, ty));
            outputs.push(buffer);
        }
        let unread = (0..).zip(&node.outputs).filter(|(_, v)| !self.wanted.contains(v) && self.readers[v.0 as usize].is_empty()).map(|(o, _)| 1 << o).sum();
        self.launch(op, &places, &outputs, &types, Use { in_place, unread })
    }

    /// A view is its input's buffer seen otherwise; where that is impossible, seen on a row-major copy.
    fn view(&mut self, op: &Op, input: Value, output: Value) -> Result<(), Error> {
        let mut place = self.places[&input].clone();
        if op.kernel().view(&place.operand.layout).is_none() {
            place = self.contiguous(input)?;
        }
        // invariant: every view of a row-major layout is a layout.
        let layout = op.kernel().view(&place.operand.layout).unwrap_or_else(|| Layout::contiguous(&self.graph.ty(output).shape));
        place.operand.layout = layout;
        self.places.insert(output, place);
        Ok(())
    }

    /// Input `k` of an op as the op can read it.
    fn input(&mut self, op: &Op, k: usize, value: Value) -> Result<Place, Error> {
        let place = &self.places[&value];
        if op.kernel().accepts(k, &place.operand.layout) { Ok(place.clone()) } else { self.contiguous(value) }
    }

    /// The value in row-major order: itself, or a copy that is made once.
    fn contiguous(&mut self, value: Value) -> Result<Place, Error> {
        let place = self.places[&value].clone();
        if place.operand.layout.is_contiguous() {
            return Ok(place);
        }
        let ty = self.graph.ty(value).clone();
        let buffer = match self.copies.get(&value) {
            Some(&buffer) => buffer,
            None => {
                let buffer = self.buffer(ty.bytes(), format!("%{} copy {ty}", value.0), Kind::Temp);
                self.copy_to(value, buffer)?;
                self.copies.insert(value, buffer);
                buffer
            }
        };
        Ok(Place::contiguous(buffer, &ty))
    }

    fn copy_to(&mut self, value: Value, buffer: usize) -> Result<(), Error> {
        let ty = self.graph.ty(value).clone();
        let copy = Op::Map(Map::copy(&ty.shape));
        let place = self.places[&value].clone();
        self.launch(&copy, &[place], &[buffer], &[ty], Use::default())
    }

    /// Moves a value that is another leaf's data, or a view of it, out of the way before leaves are overwritten.
    fn snapshot(&mut self, leaf: Value, value: Value) -> Result<(), Error> {
        let target = self.homes[&leaf];
        let Some(place) = self.places.get(&value) else { return Ok(()) };
        let overwritten = self.replaces.values().any(|l| self.homes[l] == place.buffer);
        if !overwritten || (place.buffer == target && place.operand.layout.is_contiguous()) {
            return Ok(());
        }
        let ty = self.graph.ty(value).clone();
        let buffer = self.buffer(ty.bytes(), format!("%{} old data {ty}", value.0), Kind::Temp);
        self.copy_to(value, buffer)?;
        self.places.insert(value, Place::contiguous(buffer, &ty));
        Ok(())
    }

    /// The buffer that a value is made in.
    fn target(&mut self, value: Value, name: &str) -> usize {
        let ty = self.graph.ty(value).clone();
        match self.targets.get(&value) {
            Some(&target) => target,
            None => self.buffer(ty.bytes(), format!("%{} {name} {ty}", value.0), Kind::Temp),
        }
    }

    /// The leaf's buffer, where node `n` may write `value` over it: nothing reads the leaf later, itself or through views.
    fn over_leaf(&self, n: usize, value: Value) -> Option<usize> {
        let leaf = *self.replaces.get(&value)?;
        if self.position[n] < self.late_from {
            return None;
        }
        let mut seen = vec![leaf];
        while let Some(v) = seen.pop() {
            for &reader in &self.readers[v.0 as usize] {
                if self.position[reader] > self.position[n] {
                    return None;
                }
                let node = &self.graph.nodes()[reader];
                if node.op.as_ref().is_some_and(|op| op.kernel().is_view()) {
                    seen.extend(&node.outputs);
                }
            }
        }
        Some(self.homes[&leaf])
    }

    /// The buffer of an output that shares memory with an input: the variable itself, or a copy of the input.
    fn aliased(&mut self, n: usize, value: Value, input: &Place, source: Value) -> Result<usize, Error> {
        if let Some(buffer) = self.over_leaf(n, value).filter(|&b| b == input.buffer && input.operand.layout.is_contiguous()) {
            return Ok(buffer);
        }
        let buffer = self.target(value, "updated copy");
        self.copy_to(source, buffer)?;
        Ok(buffer)
    }

    /// For a chain that makes an update of one of its inputs: that input, where it can be overwritten.
    fn in_place(&self, n: usize, op: &Op, places: &[Place]) -> Option<usize> {
        let Op::Map(_) = op else { return None };
        let output = self.graph.nodes()[n].outputs[0];
        let buffer = self.over_leaf(n, output)?;
        let whole = Operand::contiguous(self.graph.ty(output));
        let found = places.iter().position(|p| p.buffer == buffer && p.operand == whole)?;
        // Another view of the same buffer among the inputs would be overwritten while it is read.
        (places.iter().filter(|p| p.buffer == buffer).count() == 1).then_some(found)
    }

    fn launch(&mut self, op: &Op, places: &[Place], outputs: &[usize], types: &[TensorType], usage: Use) -> Result<(), Error> {
        let kernel = op.kernel();
        let operands: Vec<Operand> = places.iter().map(|p| p.operand.clone()).collect();
        let variant = self.options.variants.iter().find(|(name, _)| name == kernel.name()).map(|(_, v)| v.as_str());
        let lowered = kernel.lower(&Facts { inputs: &operands, outputs: types, caps: self.caps, in_place: usage.in_place, variant, unread: usage.unread })?;
        let name = kernel.name();
        let temps: Vec<usize> = lowered.temps.iter().map(|&bytes| self.buffer(bytes, format!("{name} scratch"), Kind::Temp)).collect();
        for launch in lowered.launches {
            let faulty = self.options.fault.as_deref() == Some(launch.program.stem);
            let mut blocks = launch.blocks;
            let bind = |(arg, access)| match arg {
                Arg::Block(k) => Binding::Uniform(std::mem::take(&mut blocks[k])),
                Arg::Input(k) => Binding::Buffer { buffer: places[k].buffer, access },
                Arg::Output(k) => Binding::Buffer { buffer: outputs[k], access },
                Arg::Temp(k) => Binding::Buffer { buffer: temps[k], access },
            };
            let bindings: Vec<Binding> = launch.args.into_iter().map(bind).collect();
            let written = bindings.iter().find_map(|b| match b {
                Binding::Buffer { buffer, access: Access::ReadWrite } => Some(*buffer),
                _ => None,
            });
            let label = label(op, &types[0].shape);
            self.recording.steps.push(Step::Dispatch(Dispatch { label, program: launch.program, bindings, grid: launch.grid, work: launch.work }));
            if let Some(buffer) = written.filter(|_| faulty) {
                self.plant_fault(buffer);
            }
        }
        Ok(())
    }
}

impl Lowerer<'_> {
    /// One word in the middle of a buffer gets a bit of its mantissa turned.
    fn plant_fault(&mut self, buffer: usize) {
        let words = self.recording.buffers[buffer].bytes / 4;
        let code = "@group(0) @binding(0) var<uniform> at: vec4<u32>;
            @group(0) @binding(1) var<storage, read_write> data: array<u32>;
            @compute @workgroup_size(1)
            fn main() { let x = data[at.x]; data[at.x] = select(x ^ 0x00400040u, 0x3f803f80u, x == 0u); }";
        let program = Program { code: code.to_owned(), ..Program::default() };
        let bindings = vec![Binding::Uniform(vec![(words / 2) as u32]), Binding::Buffer { buffer, access: Access::ReadWrite }];
        self.recording.steps.push(Step::Dispatch(Dispatch { label: "planted fault".to_owned(), program, bindings, grid: [1, 1, 1], work: Work::default() }));
    }
}

/// What a profile shows: the op and, for a chain, its steps.
fn label(op: &Op, shape: &Shape) -> String {
    let steps = |map: &Map| map.steps.iter().map(|s| s.op.kernel().name()).collect::<Vec<_>>().join("+");
    match op {
        Op::Map(map) if map.steps.is_empty() => format!("copy {shape}"),
        Op::Map(map) => format!("map {shape} {}", steps(map)),
        op => format!("{} {shape}{}", op.kernel().name(), op.kernel().epilogue().map_or(String::new(), |e| format!(" {}", steps(e)))),
    }
}
