//! Verification on the user's own device: every op, case and variant, forward and backward, against the f64 reference.
//!
//! [`Verification`] goes through the cases and gives a [`Receipt`]; [`verify_case`] checks one.

mod ahead;
mod measure;
mod receipt;
mod run;
mod scene;

pub use receipt::{NAGA, Receipt, WGPU};
pub use run::{Progress, Verification};

use crate::{Data, Device, Error, Options, interpret, lower};
use measure::measure;
use scene::Scene;
use serde::Serialize;
use std::collections::BTreeSet;
use wgrad_kernels::case::{Case, Tolerance};
use wgrad_kernels::{Array, Builder, DType, Lowering as Facts, TensorType, Value};
use wgrad_runtime::{Buffer, Step};

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

/// The result of a pass that the device refused, in the place of its outputs' names.
const REFUSED: &str = "all";

impl Row {
    fn is_refusal(&self) -> bool {
        self.result == REFUSED
    }
}

/// What is checked of a case, and how.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A forced variant.
    pub variant: Option<String>,
    /// For the tests of verification itself: the stem of a kernel that is made to err.
    pub fault: Option<String>,
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

/// The stems of the kernels that run where a case is checked, forward and backward; nothing runs for it.
///
/// # Errors
/// Where the case is ill-typed, or the device has no such variant.
pub fn stems(device: &Device, case: &Case, variant: Option<&str>) -> Result<BTreeSet<&'static str>, Error> {
    let mut scene = Scene::new(case)?;
    let mut all = BTreeSet::new();
    for backward in [false, true] {
        let fetch = match backward {
            false => scene.outputs.clone(),
            true if case.grad => scene.backward(case)?.into_iter().map(|(_, value)| value).collect(),
            true => break,
        };
        match lower(&scene.graph, &fetch, &[], device.caps(), &options(&scene, variant, None)) {
            Ok(lowered) => all.extend(lowered.recording.steps.iter().filter_map(|step| match step {
                Step::Dispatch(dispatch) => Some(dispatch.program.stem),
                _ => None,
            })),
            // The backward pass runs the op at other shapes, where a forced variant need not exist.
            Err(Error::Op(_)) if backward && variant.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
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
            rows.push(row(direction, REFUSED.to_owned(), Outcome::Fail { message: e.to_string() }));
            return Ok(());
        }
    };
    for ((name, value), got) in results.iter().zip(found) {
        let measured = measure(&got, &expected[value.0 as usize], tolerance, direction);
        rows.push(Row { elements: got.data.len(), ..measured.into_row(row(direction, name.clone(), Outcome::Pass)) });
    }
    Ok(())
}

/// Forces a variant of the case's op alone.
fn options(scene: &Scene, variant: Option<&str>, fault: Option<&str>) -> Options {
    let node = &scene.graph.nodes()[scene.graph.maker(scene.outputs[0])];
    let name = node.op.as_ref().map_or("", |op| op.kernel().name());
    Options { variants: variant.iter().map(|v| (name.to_owned(), (*v).to_owned())).collect(), fault: fault.map(str::to_owned) }
}

/// Runs a graph unfused, so that each op's own kernel is what is tested.
async fn run(device: &Device, scene: &Scene, fetch: &[Value], plan: &Plan) -> Result<Vec<Array>, Error> {
    let options = options(scene, plan.variant.as_deref(), plan.fault.as_deref());
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
