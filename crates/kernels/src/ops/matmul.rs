//! `matmul`: C[…, m, n] = Σₖ A[…, m, k]·B[…, k, n], batch axes broadcast by NumPy's rule (ONNX MatMul; no 1-D operands).
//!
//! Operands are read as they lie, transposed, sliced or broadcast, without a copy. Sums run in f32 in a fixed order. A fused
//! epilogue (bias, activation, the mask of a gradient) is applied to each sum before it is stored.
//!
//! The variants: [`super::matmul_choose`].

use super::matmul_cases;
use super::matmul_choose::Choice;
use super::matmul_launch::Gemm;
use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::map::Map;
use crate::{Array, Builder, Layout, Op, OpError, Shape, TensorType, Value};

/// The matrix product of the last two axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatMul {
    /// A chain through which every output passes before it is stored; inputs 2, 3, … of the op are its inputs. Made by fusion.
    pub epilogue: Option<Map>,
}

impl Kernel for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let wrong = |why: String| Err(OpError::new("matmul", why));
        let [a, b, extra @ ..] = inputs else {
            return wrong(format!("takes 2 inputs, got {}", inputs.len()));
        };
        if self.epilogue.is_none() && !extra.is_empty() {
            return wrong(format!("takes 2 inputs, got {}", inputs.len()));
        }
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
        let Some(chain) = &self.epilogue else {
            return Ok(vec![TensorType::new(shape, a.dtype)]);
        };
        if chain.shape != shape {
            return wrong(format!("has an epilogue over {}, and its product is {shape}", chain.shape));
        }
        if let Some(input) = extra.iter().find(|t| Shape::broadcast("matmul", &t.shape, &shape).ok().as_ref() != Some(&shape)) {
            return wrong(format!("an epilogue's input of shape {} does not broadcast to {shape}", input.shape));
        }
        Ok(vec![TensorType::new(shape, chain.steps.last().map_or(a.dtype, |s| s.dtype))])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn with_epilogue(&self, chain: &Map) -> Option<Op> {
        self.epilogue.is_none().then(|| MatMul { epilogue: Some(chain.clone()) }.into())
    }

    fn epilogue(&self) -> Option<&Map> {
        self.epilogue.as_ref()
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        if facts.outputs[0].shape.numel() == 0 {
            return Vec::new();
        }
        let none = Map::copy(&facts.outputs[0].shape);
        let gemm = Gemm::new(facts, self.epilogue.as_ref().unwrap_or(&none));
        gemm.problem().variants(facts.caps).iter().map(Choice::variant).collect()
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        if facts.outputs[0].shape.numel() == 0 {
            return Ok(Lowered::default());
        }
        let none = Map::copy(&facts.outputs[0].shape);
        let gemm = Gemm::new(facts, self.epilogue.as_ref().unwrap_or(&none));
        let choice = gemm.problem().wanted("matmul", facts)?;
        Ok(gemm.launches(choice, facts.caps))
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
    let about = "C[…,m,n] = Σₖ A[…,m,k]·B[…,k,n], batch axes broadcast (ONNX MatMul)";
    vec![Entry::unit("matmul", about, MatMul::default(), matmul_cases::cases())]
}
