//! Small programs and recordings for the tests.

use wgrad_kernels::{Access, Program, Work};
use wgrad_runtime::{Binding, BufferSpec, Device, Dispatch, Kind, Options, PipelineCache, Recording, Step};

/// A device of its own, so that its counters belong to the test.
pub(crate) fn device() -> Device {
    let options = Options { pipeline_cache: PipelineCache::Off, ..Options::default() };
    pollster::block_on(Device::open_with(&options)).expect("these tests need an adapter; a software one will do")
}

pub(crate) fn program(code: &str) -> Program {
    Program { code: code.to_owned(), ..Program::default() }
}

/// `y = a x + b z` over `n` elements.
pub(crate) const AXPBY: &str = "
struct Params { n: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.n { y[id.x] = params.a * x[id.x] + params.b * z[id.x]; }
}
";

pub(crate) fn axpby(label: &str, n: u32, (a, x): (f32, usize), (b, z): (f32, usize), y: usize) -> Step {
    Step::Dispatch(Dispatch {
        label: label.to_owned(),
        program: program(AXPBY),
        bindings: vec![Binding::Uniform(vec![n, a.to_bits(), b.to_bits()]), read(x), read(z), write(y)],
        grid: [n.div_ceil(64), 1, 1],
        work: Work { flops: 3.0 * f64::from(n), bytes: 12.0 * f64::from(n) },
    })
}

pub(crate) fn read(buffer: usize) -> Binding {
    Binding::Buffer { buffer, access: Access::Read }
}

pub(crate) fn write(buffer: usize) -> Binding {
    Binding::Buffer { buffer, access: Access::ReadWrite }
}

pub(crate) fn external(index: usize, elements: u32) -> BufferSpec {
    BufferSpec { bytes: u64::from(elements) * 4, label: format!("external {index}"), kind: Kind::External(index) }
}

pub(crate) fn temp(elements: u32) -> BufferSpec {
    BufferSpec { bytes: u64::from(elements) * 4, label: "temp".to_owned(), kind: Kind::Temp }
}

/// One dispatch over externals 0 and 1: `y = 2 x + 0 x`, with the given code and label.
pub(crate) fn one(code: &str, label: &str, elements: u32) -> Recording {
    let mut step = axpby(label, elements, (2.0, 0), (0.0, 0), 1);
    if let Step::Dispatch(dispatch) = &mut step {
        dispatch.program = program(code);
    }
    Recording { buffers: vec![external(0, elements), external(1, elements)], steps: vec![step] }
}

pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}
