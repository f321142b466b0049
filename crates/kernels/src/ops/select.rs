//! `where`: y = condition ? a : b, with NumPy broadcasting of all three (ONNX Where). The shader function is in `shaders/binary.wgsl`.

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Shape, TensorType, Tolerance, Value, View};

/// One of two operands by a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Where;

impl Kernel for Where {
    fn name(&self) -> &'static str {
        "where"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [c, a, b] = inputs else {
            return Err(OpError::new("where", format!("takes 3 inputs (condition, a, b), got {}", inputs.len())));
        };
        if c.dtype != DType::Bool || a.dtype != b.dtype {
            return Err(OpError::new("where", format!("needs a bool condition and two operands of one type, got {c}, {a} and {b}; cast them first")));
        }
        let shape = Shape::broadcast("where", &a.shape, &b.shape)?;
        Ok(vec![TensorType::new(Shape::broadcast("where", &c.shape, &shape)?, a.dtype)])
    }

    fn scalar(&self, inputs: &[DType]) -> Option<Scalar> {
        let class = inputs.get(1).map_or('F', |d| d.class());
        Some(Scalar::Call { function: format!("where_{class}"), constants: vec![] })
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let [c, a, b] = [0, 1, 2].map(|n| inputs[n].broadcast(&outputs[0].shape).data);
        let data = (0..c.len()).map(|i| if c[i] != 0.0 { a[i] } else { b[i] }).collect();
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        if !b.ty(node.outputs[0]).dtype.is_float() {
            return vec![None; 3];
        }
        let (condition, grad) = (node.inputs[0], node.grad());
        let zero = b.constant(0.0, grad);
        let chosen = b.select(condition, grad, zero);
        let other = b.select(condition, zero, grad);
        vec![None, Some(chosen), Some(other)]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    let bools = |shape: &[usize]| Input::new(shape, DType::Bool, Fill::Uniform(0.0, 1.0));
    let ints = |shape: &[usize], dtype| Input::new(shape, dtype, Fill::Uniform(0.0, 100.0));
    let exact = |c: Case| c.tolerance(Tolerance::EXACT);
    let cases = vec![
        exact(Case::new("where 7x5", Where, vec![bools(&[7, 5]), Input::f32([7, 5]), Input::f32([7, 5])])),
        Case::new("where broadcast 4x1 8 4x8", Where, vec![bools(&[4, 1]), Input::f32([8]), Input::f32([4, 8])]),
        exact(Case::new("where scalar operand", Where, vec![bools(&[64]), Input::f32([64]), Input::f32([1]).no_grad()]).no_grad()),
        exact(Case::new("where i32", Where, vec![bools(&[12]), ints(&[12], DType::I32), ints(&[12], DType::I32)]).no_grad()),
        exact(
            Case::new("where u32 transposed", Where, vec![bools(&[3, 4]).view(View::Transposed), ints(&[3, 4], DType::U32), ints(&[3, 4], DType::U32)])
                .no_grad(),
        ),
        exact(Case::new("where bool", Where, vec![bools(&[9]), bools(&[9]), bools(&[9])]).no_grad()),
    ];
    vec![Entry::unit("where", "y = condition ? a : b with broadcasting (ONNX Where)", Where, cases)]
}
