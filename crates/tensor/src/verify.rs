//! Verification on the user's own device: every op, case and variant, forward and backward, against the f64 reference.

use crate::check::normalised_error;
use crate::{Data, Device, Error, Graph, Options, differentiate, interpret, lower};
use serde::Serialize;
use wgrad_kernels::case::{Case, Tolerance, View, weights};
use wgrad_kernels::ops::{Permute, Slice};
use wgrad_kernels::{Array, Builder, DType, Lowering as Facts, Operand, TensorType, Value};
use wgrad_runtime::Buffer;

/// Normalised mean squared error allowed over one result: what per-element tolerances cannot see, a small bias everywhere.
/// The backward rule of an f16 op rounds between its ops: (2⁻¹¹)² each time.
fn aggregate(dtype: DType, direction: Direction) -> f64 {
    match (dtype, direction) {
        (DType::F16, Direction::Backward) => 1e-5,
        (DType::F16, Direction::Forward) => 1e-6,
        _ => 1e-10,
    }
}

/// Elements from which on the aggregate is weighed: over fewer, one result near zero decides it alone.
const AGGREGATE_FROM: usize = 16;

/// Which way a result was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The op itself.
    Forward,
    /// Its backward rule.
    Backward,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// Within the tolerance.
    Pass,
    /// Outside it, or the device refused.
    Fail {
        /// The worst element, both values, the tolerance.
        message: String,
    },
    /// The adapter lacks something that the case needs.
    Skip {
        /// What it lacks.
        reason: String,
    },
}

/// One result of one case, compared with the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The op's name.
    pub op: String,
    /// The case's name.
    pub case: String,
    /// The forced variant; the one chosen by the facts where absent.
    pub variant: Option<String>,
    /// Forward or backward.
    pub direction: Direction,
    /// `output 0`, or `grad 1` for the gradient of input 1.
    pub result: String,
    /// Elements compared.
    pub elements: usize,
    /// The largest error in units in the last place of the result's type.
    pub worst_ulp: f64,
    /// The largest error over what is allowed: above 1 the check fails.
    pub worst_of_allowed: f64,
    /// Normalised mean squared error.
    pub nmse: f64,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What is checked of a case, and how.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A forced variant.
    pub variant: Option<String>,
    /// For the tests of verification itself: the stem of a kernel that is made to err.
    pub fault: Option<String>,
}

/// A case as a graph: leaves as they lie in memory, views over them, then the op.
struct Scene {
    graph: Graph,
    leaves: Vec<Array>,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
}

impl Scene {
    fn new(case: &Case) -> Result<Self, Error> {
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
    fn backward(&mut self, case: &Case) -> Result<Vec<(usize, Value)>, Error> {
        let mut loss: Option<Value> = None;
        for (n, &output) in self.outputs.iter().enumerate() {
            let Some(w) = weights(self.graph.ty(output), n) else { continue };
            let leaf = self.graph.leaf(w.ty.clone());
            self.leaves.push(w);
            let b: &mut dyn Builder = &mut self.graph;
            let product = b.mul(output, leaf);
            let term = b.sum(product, None, false);
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
    fn operands(&self) -> Vec<Operand> {
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

/// The variants of a case's op that can run on a device; empty where the op has only one.
///
/// # Errors
/// Where the case is ill-typed.
pub fn variants(device: &Device, case: &Case) -> Result<Vec<&'static str>, Error> {
    let scene = Scene::new(case)?;
    let outputs: Vec<TensorType> = scene.outputs.iter().map(|&v| scene.graph.ty(v).clone()).collect();
    let operands = scene.operands();
    Ok(case.op.kernel().variants(&Facts::new(&operands, &outputs, device.caps())))
}

/// Checks one case on a device, forward and backward.
///
/// A device that refuses a program fails the case; a lost device ends the verification.
///
/// # Errors
/// Where the device is lost.
pub async fn verify_case(device: &Device, case: &Case, plan: &Plan) -> Result<Vec<Row>, Error> {
    let row = |direction, result: String, outcome| Row {
        op: case.op.kernel().name().to_owned(),
        case: case.name.clone(),
        variant: plan.variant.clone(),
        direction,
        result,
        elements: 0,
        worst_ulp: 0.0,
        worst_of_allowed: 0.0,
        nmse: 0.0,
        outcome,
    };
    let mut scene = Scene::new(case)?;
    if !device.caps().f16 && (0..scene.graph.values()).any(|v| scene.graph.ty(Value(v as u32)).dtype == DType::F16) {
        return Ok(vec![row(Direction::Forward, "output 0".to_owned(), Outcome::Skip { reason: "no f16 on this adapter".to_owned() })]);
    }
    let mut rows = Vec::new();
    let outputs = scene.outputs.clone();
    let forward: Vec<(String, Value)> = outputs.iter().enumerate().map(|(n, &v)| (format!("output {n}"), v)).collect();
    compare(device, &scene, Direction::Forward, &forward, case.forward, plan, &row, &mut rows).await?;
    if case.grad {
        let grads = scene.backward(case)?;
        let backward: Vec<(String, Value)> = grads.into_iter().map(|(n, v)| (format!("grad {n}"), v)).collect();
        compare(device, &scene, Direction::Backward, &backward, case.backward, plan, &row, &mut rows).await?;
    }
    Ok(rows)
}

#[expect(clippy::too_many_arguments, reason = "the two calls above differ in most of them")]
async fn compare(
    device: &Device,
    scene: &Scene,
    direction: Direction,
    results: &[(String, Value)],
    tolerance: Tolerance,
    plan: &Plan,
    row: &impl Fn(Direction, String, Outcome) -> Row,
    rows: &mut Vec<Row>,
) -> Result<(), Error> {
    let expected = interpret(&scene.graph, &scene.leaves)?;
    let values: Vec<Value> = results.iter().map(|r| r.1).collect();
    let found = match run(device, scene, &values, plan).await {
        Ok(found) => found,
        // The backward pass runs the op at other shapes, where a forced variant need not exist.
        Err(Error::Op(_)) if direction == Direction::Backward && plan.variant.is_some() => return Ok(()),
        Err(Error::Runtime(e @ wgrad_runtime::Error::DeviceLost { .. })) => return Err(e.into()),
        Err(e) => {
            rows.push(row(direction, "all".to_owned(), Outcome::Fail { message: e.to_string() }));
            return Ok(());
        }
    };
    for ((name, value), got) in results.iter().zip(found) {
        let measured = measure(&got, &expected[value.0 as usize], tolerance, direction);
        rows.push(Row { elements: got.data.len(), ..measured.into_row(row(direction, name.clone(), Outcome::Pass)) });
    }
    Ok(())
}

/// Runs a graph unfused, so that each op's own kernel is what is tested.
async fn run(device: &Device, scene: &Scene, fetch: &[Value], plan: &Plan) -> Result<Vec<Array>, Error> {
    let node = &scene.graph.nodes()[scene.graph.maker(scene.outputs[0])];
    let name = node.op.as_ref().map_or("", |op| op.kernel().name());
    let variants = plan.variant.iter().map(|v| (name.to_owned(), v.clone())).collect();
    let options = Options { variants, fault: plan.fault.clone() };
    let lowered = lower(&scene.graph, fetch, &[], device.caps(), &options)?;
    let executable = device.runtime().compile(lowered.recording)?;
    let mut externals: Vec<Buffer> = Vec::new();
    for leaf in &scene.leaves {
        let data = Data::from_array(leaf);
        let buffer = device.runtime().alloc(data.ty.bytes(), "verify")?;
        device.runtime().write(&buffer, 0, &data.bytes)?;
        externals.push(buffer);
    }
    let mut read = Vec::new();
    for (k, &v) in fetch.iter().enumerate() {
        let bytes = scene.graph.ty(v).bytes();
        let buffer = device.runtime().alloc(bytes, "verify")?;
        // Poison: an element that no kernel writes must not look right by chance.
        device.runtime().write(&buffer, 0, &vec![0xA5; bytes as usize])?;
        externals.push(buffer);
        read.push((lowered.leaves + k, 0, bytes));
    }
    let results = match executable.run(&externals, &read)? {
        Some(readback) => readback.wait().await?,
        None => Vec::new(),
    };
    Ok(fetch.iter().zip(results).map(|(&v, bytes)| Data { ty: scene.graph.ty(v).clone(), bytes }.array()).collect())
}

/// How far a result is from the reference.
struct Measured {
    ulp: f64,
    of_allowed: f64,
    nmse: f64,
    failure: Option<String>,
}

impl Measured {
    fn into_row(self, row: Row) -> Row {
        let outcome = match self.failure {
            Some(message) => Outcome::Fail { message },
            None => Outcome::Pass,
        };
        Row { worst_ulp: self.ulp, worst_of_allowed: self.of_allowed, nmse: self.nmse, outcome, ..row }
    }
}

fn measure(got: &Array, want: &Array, tolerance: Tolerance, direction: Direction) -> Measured {
    let dtype = want.ty.dtype;
    let mut m = Measured { ulp: 0.0, of_allowed: 0.0, nmse: normalised_error(&got.data, &want.data), failure: None };
    let mut worst = 0;
    for (i, (&a, &b)) in got.data.iter().zip(&want.data).enumerate() {
        let error = (a - b).abs();
        if error == 0.0 {
            continue;
        }
        let allowed = tolerance.atol + tolerance.rtol * b.abs();
        // NaN anywhere is infinitely wrong.
        let ratio = if !error.is_finite() || allowed == 0.0 { f64::INFINITY } else { error / allowed };
        if dtype.is_float() {
            m.ulp = m.ulp.max(if error.is_finite() { error / ulp(b, dtype) } else { f64::INFINITY });
        }
        if ratio > m.of_allowed {
            (m.of_allowed, worst) = (ratio, i);
        }
    }
    let (limit, ty) = (aggregate(dtype, direction), &want.ty);
    let weighs = dtype.is_float() && want.data.len() >= AGGREGATE_FROM && want.data.iter().any(|v| v.abs() > tolerance.atol);
    if m.of_allowed > 1.0 {
        m.failure = Some(format!(
            "element {worst} of {ty}: device {}, reference {}, allowed ±{:.3e} (atol {:.1e}, rtol {:.1e})",
            got.data[worst],
            want.data[worst],
            tolerance.atol + tolerance.rtol * want.data[worst].abs(),
            tolerance.atol,
            tolerance.rtol
        ));
    } else if m.nmse > limit && weighs {
        m.failure = Some(format!("normalised mean squared error {:.3e} over {ty}, allowed {limit:.0e}", m.nmse));
    }
    m
}

/// The distance between neighbours of `dtype` around `value`.
fn ulp(value: f64, dtype: DType) -> f64 {
    let (digits, smallest) = if dtype == DType::F16 { (10, -24) } else { (23, -149) };
    let exponent = if value == 0.0 { smallest } else { (value.abs().log2().floor() as i32 - digits).max(smallest) };
    2f64.powi(exponent)
}
