//! `mse`: the mean squared error of a prediction, the mean (or sum) of (p - t)² over all elements, or each of them.
//!
//! Inputs: prediction and target of one shape and float type, in any layout. Output in f32: a scalar, or the inputs' shape where
//! `reduction` is none. Difference, square and sum are one fused reduction; the gradients are ±2(p - t)·g, over the number of elements
//! for the mean.

use crate::body::{Source, Step};
use crate::launch::{Lowered, Lowering};
use crate::op::{Entry, Kernel, Node};
use crate::ops::cross_entropy::LossReduction;
use crate::ops::{Binary, BinaryKind, Cast, Map, Reduce, ReduceKind, Unary, UnaryKind};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, OpError, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Mean squared error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mse {
    /// What is made of the squares.
    pub reduction: LossReduction,
}

impl Mse {
    /// (p - t)², in f32.
    fn squares(shape: &Shape) -> Map {
        let dtype = DType::F32;
        let step = |op: crate::Op, args: &[Source]| Step { op, args: args.to_vec(), dtype };
        let (p, t) = (Source::Input(0), Source::Input(1));
        let steps = vec![
            step(Cast { to: dtype }.into(), &[p]),
            step(Cast { to: dtype }.into(), &[t]),
            step(Binary(BinaryKind::Sub).into(), &[Source::Step(0), Source::Step(1)]),
            step(Unary(UnaryKind::Square).into(), &[Source::Step(2)]),
        ];
        Map { shape: shape.clone(), steps }
    }

    /// The reduction that does it; `None` where nothing is reduced.
    fn reduce(&self, shape: &Shape) -> Option<Reduce> {
        let kind = match self.reduction {
            LossReduction::Mean => ReduceKind::Mean,
            LossReduction::Sum => ReduceKind::Sum,
            LossReduction::None => return None,
        };
        Some(Reduce { prologue: Some(Self::squares(shape)), ..Reduce::new(kind, None, false) })
    }
}

impl Kernel for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [p, t] = inputs else {
            return Err(OpError::new("mse", format!("takes 2 inputs (prediction, target), got {}", inputs.len())));
        };
        if p != t || !p.dtype.is_float() {
            return Err(OpError::new("mse", format!("prediction and target must be of one shape and float type, got {p} and {t}; reshape or cast one")));
        }
        if p.shape.numel() == 0 && self.reduction == LossReduction::Mean {
            return Err(OpError::new("mse", format!("the mean over no elements is undefined: shape {}", p.shape)));
        }
        let shape = if self.reduction == LossReduction::None { p.shape.clone() } else { Shape::default() };
        Ok(vec![TensorType::new(shape, DType::F32)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        self.reduce(&facts.inputs[0].layout.shape).map_or(Vec::new(), |r| r.variants(facts))
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let shape = &facts.inputs[0].layout.shape;
        match self.reduce(shape) {
            Some(reduce) => reduce.lower(facts),
            None => Self::squares(shape).lower(facts),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let squares: Vec<f64> = inputs[0].data.iter().zip(&inputs[1].data).map(|(p, t)| (p - t) * (p - t)).collect();
        let total: f64 = squares.iter().sum();
        let data = match self.reduction {
            LossReduction::Mean => vec![total / squares.len() as f64],
            LossReduction::Sum => vec![total],
            LossReduction::None => squares,
        };
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let TensorType { shape, dtype } = b.ty(node.inputs[0]).clone();
        let share = if self.reduction == LossReduction::Mean { shape.numel() as f64 } else { 1.0 };
        let [p, t] = [0, 1].map(|k| b.cast(node.inputs[k], DType::F32));
        let difference = b.sub(p, t);
        let g = b.scale(node.grad(), 2.0 / share);
        let grad = b.mul(difference, g);
        let minus = b.neg(grad);
        vec![Some(b.cast(grad, dtype)), Some(b.cast(minus, dtype))]
    }
}

/// The catalogue's entry.
pub fn entries() -> Vec<Entry> {
    use LossReduction::{Mean, None, Sum};
    let case = |what: &str, reduction: LossReduction, shape: &[usize], dtype: DType, views: [View; 2]| {
        let input = |view| Input::new(shape, dtype, Fill::Uniform(-1.0, 1.0)).view(view);
        let k = if reduction == None { 1 } else { shape.iter().product() };
        let case = Case::new(format!("mse {what}"), Mse { reduction }, vec![input(views[0]), input(views[1])]).tolerance(Tolerance::reduction(k));
        case.backward(Tolerance::ulp(8.0).stored_as(dtype))
    };
    let plain = |what: &str, reduction, shape: &[usize]| case(what, reduction, shape, DType::F32, [View::Plain; 2]);
    let cases = vec![
        plain("1", Mean, &[1]),
        plain("scalar", Sum, &[]),
        plain("5x1", Mean, &[5, 1]),
        plain("7x13", Mean, &[7, 13]),
        plain("7x13 sum", Sum, &[7, 13]),
        plain("7x13 none", None, &[7, 13]),
        plain("4x8 none", None, &[4, 8]),
        plain("32x64", Mean, &[32, 64]),
        plain("129x67", Mean, &[129, 67]),
        plain("2^20", Mean, &[1 << 20]).no_grad(),
        plain("1025x1024 sum", Sum, &[1025, 1024]).no_grad(),
        plain("empty sum", Sum, &[0, 3]),
        plain("empty none", None, &[0, 3]),
        case("6x10 transposed with plain", Mean, &[6, 10], DType::F32, [View::Transposed, View::Plain]),
        case("8x12 sliced with transposed none", None, &[8, 12], DType::F32, [View::Sliced, View::Transposed]),
        case("f16 9x20", Mean, &[9, 20], DType::F16, [View::Plain; 2]),
        case("f16 7x7 none", None, &[7, 7], DType::F16, [View::Plain; 2]),
    ];
    vec![Entry::new("mse", "loss = mean of (prediction - target)², or their sum, or each", &Mse { reduction: Mean }, cases)]
}
