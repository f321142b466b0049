//! One op on tensors from a file, forward and backward, on a device or by the reference.

use crate::{Failure, tensor_file};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use wgrad_tensor::kernels::op::{self, Node};
use wgrad_tensor::kernels::{Array, Builder, Op, Value};
use wgrad_tensor::runtime::Buffer;
use wgrad_tensor::{Data, Device, Graph, Options, TensorType, interpret, lower};

/// The most elements of one tensor: what a program may ask for in attributes is bounded before it is made.
const MAX_ELEMENTS: usize = 1 << 28;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Job {
    /// The op's name.
    pub(crate) op: String,
    /// Its attributes.
    pub(crate) attrs: Json,
    /// The file of the operands.
    pub(crate) input: Option<PathBuf>,
    /// The file of the results.
    pub(crate) output: PathBuf,
    /// A forced variant.
    pub(crate) variant: Option<String>,
}

/// Where it is done.
pub(crate) enum Place {
    /// By the f64 reference.
    Reference,
    /// On an adapter.
    Device(Device),
}

/// The op in a graph with what is to be written.
struct Scene {
    graph: Graph,
    leaves: Vec<Array>,
    /// Names and values of the results.
    results: Vec<(String, Value)>,
}

impl Job {
    /// The op.
    pub(crate) fn parse(&self) -> Result<Op, Failure> {
        Ok(op::parse(&self.op, &self.attrs)?)
    }

    fn scene(&self) -> Result<Scene, Failure> {
        let mut inputs: BTreeMap<usize, Array> = BTreeMap::new();
        let mut grads: BTreeMap<usize, Array> = BTreeMap::new();
        for (name, array) in self.input.as_deref().map(tensor_file::read).transpose()?.unwrap_or_default() {
            let (map, number) = match name.strip_prefix("grad.") {
                Some(rest) => (&mut grads, rest.parse()),
                None => (&mut inputs, name.parse()),
            };
            let number: usize = number.map_err(|_| format!("tensor {name:?}: operands are named 0, 1, …, and gradients of outputs grad.0, grad.1, …"))?;
            if map.insert(number, array).is_some() {
                return Err(format!("tensor {name:?} stands for a number that another tensor has too").into());
            }
        }
        if let Some(missing) = (0..inputs.len()).find(|n| !inputs.contains_key(n)) {
            return Err(format!("there are {} operands, and none is named {missing}; they are numbered from 0", inputs.len()).into());
        }
        let op = self.parse()?;
        let mut graph = Graph::default();
        let mut leaves: Vec<Array> = inputs.into_values().collect();
        let operands: Vec<Value> = leaves.iter().map(|a| graph.leaf(a.ty.clone())).collect();
        let outputs = graph.push(op.clone(), &operands)?;
        outputs.iter().try_for_each(|&v| bounded(&self.op, graph.ty(v)))?;
        let mut results: Vec<(String, Value)> = outputs.iter().enumerate().map(|(n, &v)| (n.to_string(), v)).collect();
        if !grads.is_empty() {
            let mut incoming: Vec<Option<Value>> = vec![None; outputs.len()];
            for (n, array) in grads {
                let ty = outputs.get(n).map(|&v| graph.ty(v).clone()).ok_or_else(|| format!("grad.{n}: {} has {} outputs", self.op, outputs.len()))?;
                if array.ty != ty {
                    return Err(format!("grad.{n} is {}, and output {n} is {ty}; a gradient has the shape and type of its output", array.ty).into());
                }
                if !ty.dtype.is_float() {
                    return Err(format!("grad.{n}: output {n} is {ty}, and no gradient flows through that type").into());
                }
                incoming[n] = Some(graph.leaf(ty));
                leaves.push(array);
            }
            results.extend(backward(&mut graph, &op, &operands, &outputs, &incoming));
        }
        Ok(Scene { graph, leaves, results })
    }
}

/// Appends the op's backward rule: the gradient of every float input, zeros where none flows.
fn backward(graph: &mut Graph, op: &Op, inputs: &[Value], outputs: &[Value], grads: &[Option<Value>]) -> Vec<(String, Value)> {
    let found = op.kernel().vjp(graph, Node { inputs, outputs, grads });
    let b: &mut dyn Builder = graph;
    let mut results = Vec::new();
    for (n, &input) in inputs.iter().enumerate() {
        let TensorType { shape, dtype } = b.ty(input).clone();
        if dtype.is_float() {
            let grad = match found.get(n).copied().flatten() {
                // An op that broadcasts gives the gradient in the broadcast shape.
                Some(grad) => b.sum_to(grad, &shape),
                None => b.zeros_like(input),
            };
            results.push((format!("grad.{n}"), grad));
        }
    }
    results
}

fn bounded(op: &str, ty: &TensorType) -> Result<(), Failure> {
    match ty.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
        Some(n) if n <= MAX_ELEMENTS => Ok(()),
        _ => Err(format!("{op}: an output would be {ty}, more than the {MAX_ELEMENTS} elements that this command makes").into()),
    }
}

/// Does a job; returns what was written.
pub(crate) fn run(job: &Job, place: &Place) -> Result<Vec<(String, TensorType)>, Failure> {
    let scene = job.scene()?;
    let arrays = match place {
        Place::Reference if job.variant.is_some() => return Err("the reference has no variants; leave --variant out, or name a device".into()),
        Place::Reference => {
            let values = interpret(&scene.graph, &scene.leaves)?;
            scene.results.iter().map(|(_, v)| values[v.0 as usize].clone()).collect()
        }
        Place::Device(device) => scene.on_device(device, job)?,
    };
    let named: Vec<(String, Array)> = scene.results.iter().map(|r| r.0.clone()).zip(arrays).collect();
    tensor_file::write(&job.output, &named)?;
    Ok(named.into_iter().map(|(name, array)| (name, array.ty)).collect())
}

impl Scene {
    fn on_device(&self, device: &Device, job: &Job) -> Result<Vec<Array>, Failure> {
        let variants = job.variant.iter().map(|v| (job.op.clone(), v.clone())).collect();
        let fetch: Vec<Value> = self.results.iter().map(|r| r.1).collect();
        let lowered = lower(&self.graph, &fetch, &[], device.caps(), &Options { variants, fault: None })?;
        let runtime = device.runtime();
        let executable = runtime.compile(lowered.recording)?;
        let mut externals: Vec<Buffer> = Vec::new();
        for leaf in &self.leaves {
            let buffer = runtime.alloc(leaf.ty.bytes(), "operand")?;
            runtime.write(&buffer, 0, &Data::from_array(leaf).bytes)?;
            externals.push(buffer);
        }
        let mut read = Vec::new();
        for (k, &v) in fetch.iter().enumerate() {
            let bytes = self.graph.ty(v).bytes();
            externals.push(runtime.alloc(bytes, "result")?);
            read.push((lowered.leaves + k, 0, bytes));
        }
        let bytes = match executable.run(&externals, &read)? {
            Some(readback) => readback.wait_blocking()?,
            None => Vec::new(),
        };
        Ok(fetch.iter().zip(bytes).map(|(&v, bytes)| Data { ty: self.graph.ty(v).clone(), bytes }.array()).collect())
    }
}
