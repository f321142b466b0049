//! `matmul`: C[…, m, n] = Σₖ A[…, m, k]·B[…, k, n], batch axes broadcast by NumPy's rule (ONNX MatMul; no 1-D operands).
//!
//! Either side may be transposed by its strides without a copy. Sums run in f32 in a fixed order.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::op::{Entry, Kernel, Node};
use crate::{Array, Builder, Case, Input, Layout, OpError, Program, Shape, TensorType, Tolerance, Value, View};

/// The matrix product of the last two axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatMul;

impl Kernel for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let wrong = |why: String| Err(OpError::new("matmul", why));
        let [a, b] = inputs else {
            return wrong(format!("takes 2 inputs, got {}", inputs.len()));
        };
        let (ra, rb) = (a.shape.rank(), b.shape.rank());
        if ra < 2 || rb < 2 {
            return wrong(format!("operands need at least 2 axes, got {} and {}; reshape a vector to [1, k] or [k, 1]", a.shape, b.shape));
        }
        if a.dtype != b.dtype || !a.dtype.is_float() {
            return wrong(format!("needs two operands of one float type, got {a} and {b}; cast them"));
        }
        if a.shape[ra - 1] != b.shape[rb - 2] {
            return wrong(format!(
                "shapes {} and {} do not fit: the last axis of the first ({}) must equal the second-to-last of the second ({})",
                a.shape,
                b.shape,
                a.shape[ra - 1],
                b.shape[rb - 2]
            ));
        }
        let mut shape = Shape::broadcast("matmul", &Shape(a.shape[..ra - 2].to_vec()), &Shape(b.shape[..rb - 2].to_vec()))?;
        shape.0.extend([a.shape[ra - 2], b.shape[rb - 1]]);
        Ok(vec![TensorType::new(shape, a.dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let output = &facts.outputs[0];
        let rank = output.shape.rank();
        let (m, n) = (output.shape[rank - 2], output.shape[rank - 1]);
        let [a, b] = [0, 1].map(|i| &facts.inputs[i].layout);
        let k = a.shape[a.shape.rank() - 1];
        let count = output.shape.numel();
        if count == 0 {
            return Ok(Lowered::default());
        }
        // Up to four batch axes by strides.
        let batch = Shape(output.shape[..rank - 2].to_vec());
        let mut words = vec![m as u32, n as u32, k as u32, count as u32];
        for l in [a, b] {
            let r = l.shape.rank();
            words.extend([l.strides[r - 2] as u32, l.strides[r - 1] as u32, l.offset as u32, 0]);
        }
        let strides = |l: &Layout| -> Vec<u32> {
            let r = l.shape.rank();
            let outer = Layout { shape: Shape(l.shape[..r - 2].to_vec()), strides: l.strides[..r - 2].to_vec(), offset: 0 }.broadcast(&batch);
            let mut s: Vec<u32> = outer.strides.iter().rev().map(|&s| s as i32 as u32).collect();
            s.resize(4, 0);
            s
        };
        let mut extents: Vec<u32> = batch.iter().rev().map(|&n| n as u32).collect();
        extents.resize(4, 1);
        words.extend(extents);
        words.extend(strides(a));
        words.extend(strides(b));
        let program = Program::new("matmul_naive").u32("WORKGROUP", 64).alias("T", output.dtype.wgsl());
        let work = Work { flops: 2.0 * count as f64 * k as f64, bytes: output.bytes() as f64 };
        Ok(Lowered::one(Launch {
            program: Program { f16: output.dtype == crate::DType::F16, ..program },
            args: vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read), (Arg::Input(1), Access::Read), (Arg::Output(0), Access::ReadWrite)],
            blocks: vec![words],
            grid: facts.caps.fold((count as u64).div_ceil(64)),
            work,
        }))
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &outputs[0].shape;
        let rank = shape.rank();
        let (m, n) = (shape[rank - 2], shape[rank - 1]);
        let k = inputs[0].ty.shape[inputs[0].ty.shape.rank() - 1];
        let lead = &shape[..rank - 2];
        let full = |a: &Array, rows: usize, columns: usize| a.broadcast(&Shape([lead, &[rows, columns]].concat()));
        let (a, b) = (full(inputs[0], m, k), full(inputs[1], k, n));
        let mut c = vec![0.0; shape.numel()];
        for batch in 0..lead.iter().product() {
            for i in 0..m {
                for p in 0..k {
                    let left = a.data[(batch * m + i) * k + p];
                    for j in 0..n {
                        c[(batch * m + i) * n + j] += left * b.data[(batch * k + p) * n + j];
                    }
                }
            }
        }
        vec![Array::new(outputs[0].clone(), c)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let g = node.grad();
        let right = b.transpose(node.inputs[1]);
        let left = b.transpose(node.inputs[0]);
        vec![Some(b.matmul(g, right)), Some(b.matmul(left, g))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, a: Input, b: Input| {
        let k = a.ty.shape.last().copied().unwrap_or(1);
        Case::new(format!("matmul {name}"), MatMul, vec![a, b]).tolerance(Tolerance::reduction(k))
    };
    let plain = |m: usize, k: usize, n: usize| case(&format!("{m}x{k}x{n}"), Input::f32([m, k]), Input::f32([k, n]));
    let cases = vec![
        plain(1, 1, 1),
        plain(3, 5, 7),
        plain(17, 33, 65),
        case("13x9x11 a transposed", Input::f32([13, 9]).view(View::Transposed), Input::f32([9, 11])),
        case("2x1x5x6 by 3x6x4", Input::f32([2, 1, 5, 6]), Input::f32([3, 6, 4])),
    ];
    vec![Entry::unit("matmul", "C[…,m,n] = Σₖ A[…,m,k]·B[…,k,n], batch axes broadcast (ONNX MatMul)", MatMul, cases)]
}
