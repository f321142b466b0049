//! `matmul`: C[…, m, n] = Σₖ A[…, m, k]·B[…, k, n], batch axes broadcast by NumPy's rule (ONNX MatMul; no 1-D operands).
//!
//! Either side may be transposed by its strides without a copy. Sums run in f32 in a fixed order.

use crate::body::{self, Body};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::op::{Entry, Kernel, Node};
use crate::ops::map::{self, Map};
use crate::{Array, Builder, Case, DType, Input, Layout, OpError, Program, Shape, TensorType, Tolerance, Value, View};

/// The matrix product of the last two axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatMul {
    /// A chain through which every output passes before it is stored; inputs 2, 3, … of the op are its inputs. Made by fusion.
    pub epilogue: Option<Map>,
}

/// The epilogue that does nothing.
fn identity(shape: &Shape) -> Map {
    Map { shape: shape.clone(), steps: Vec::new() }
}

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
        let dtype = self.epilogue.as_ref().and_then(|e| e.steps.last()).map_or(a.dtype, |s| s.dtype);
        Ok(vec![TensorType::new(shape, dtype)])
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
        let identity = identity(&output.shape);
        let chain = self.epilogue.as_ref().unwrap_or(&identity);
        let extra: Vec<Operand> = facts.inputs[2..].iter().map(|o| Operand { layout: o.layout.broadcast(&output.shape), dtype: o.dtype }).collect();
        let mut program = Program::new("matmul_naive").u32("WORKGROUP", 64).alias("T", facts.inputs[0].dtype.wgsl());
        program.aliases.extend(body::aliases(false));
        program.f16 = [output.dtype, facts.inputs[0].dtype].contains(&DType::F16);
        program.code = map::stored(output.dtype, false);
        let mut args = vec![(Arg::Block(0), Access::Read), (Arg::Input(0), Access::Read), (Arg::Input(1), Access::Read), (Arg::Output(0), Access::ReadWrite)];
        let mut blocks = vec![words];
        let body = Body { shape: &output.shape, steps: &chain.steps, inputs: &extra, head: Some(DType::F32), in_place: None };
        body.emit(4, false).attach(&mut program, &mut args, &mut blocks, 2);
        let work = Work { flops: 2.0 * count as f64 * k as f64, bytes: output.bytes() as f64 };
        Ok(Lowered::one(Launch { program, args, blocks, grid: facts.caps.fold((count as u64).div_ceil(64)), work }))
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
        let product = Array::new(TensorType::new(shape.clone(), inputs[0].ty.dtype), c);
        match &self.epilogue {
            Some(chain) => vec![Array::new(outputs[0].clone(), chain.eval(Some(&product), &inputs[2..]).data)],
            None => vec![product],
        }
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (g, extra) = match &self.epilogue {
            Some(chain) => {
                let product = b.matmul(node.inputs[0], node.inputs[1]);
                let (head, extra) = chain.backward(b, Some(product), &node.inputs[2..], node.grad());
                (head.unwrap_or(node.grad()), extra)
            }
            None => (node.grad(), Vec::new()),
        };
        let right = b.transpose(node.inputs[1]);
        let left = b.transpose(node.inputs[0]);
        let mut grads = vec![Some(b.matmul(g, right)), Some(b.matmul(left, g))];
        grads.extend(extra);
        grads
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let case = |name: &str, a: Input, b: Input| {
        let k = a.ty.shape.last().copied().unwrap_or(1);
        Case::new(format!("matmul {name}"), MatMul::default(), vec![a, b]).tolerance(Tolerance::reduction(k))
    };
    let plain = |m: usize, k: usize, n: usize| case(&format!("{m}x{k}x{n}"), Input::f32([m, k]), Input::f32([k, n]));
    let cases = vec![
        plain(1, 1, 1),
        plain(3, 5, 7),
        plain(17, 33, 65),
        case("13x9x11 a transposed", Input::f32([13, 9]).view(View::Transposed), Input::f32([9, 11])),
        case("2x1x5x6 by 3x6x4", Input::f32([2, 1, 5, 6]), Input::f32([3, 6, 4])),
    ];
    vec![Entry::unit("matmul", "C[…,m,n] = Σₖ A[…,m,k]·B[…,k,n], batch axes broadcast (ONNX MatMul)", MatMul::default(), cases)]
}
