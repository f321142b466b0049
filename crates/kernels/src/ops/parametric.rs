//! Element-wise functions of one operand with constants of their own; the shader functions are in `shaders/parametric.wgsl`.
//!
//! leaky_relu: x where x > 0, alpha·x elsewhere (Maas et al. 2013). elu: x where x > 0, alpha·(eˣ − 1) elsewhere (Clevert et al.
//! 2016). clamp: min(max(x, min), max) (ONNX Clip). f32 or f16; the constants are f32.
//! At kinks PyTorch's choice: leaky_relu'(0) = alpha, elu'(0) = alpha, clamp' = 0 on both bounds (1 in
//! older versions of PyTorch).

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::ops::{BinaryKind, UnaryKind};
use crate::{Array, Builder, Case, DType, Fill, Input, Op, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Which function, with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Parametric {
    /// x, or alpha·x where x is not positive.
    LeakyRelu(LeakyRelu),
    /// x, or alpha·(eˣ − 1) where x is not positive.
    Elu(Elu),
    /// x between two bounds.
    Clamp(Clamp),
}

/// The attributes of `leaky_relu`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyRelu {
    /// Slope of the negative side.
    pub alpha: f64,
}

/// The attributes of `elu`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elu {
    /// What the negative side tends to, negated.
    pub alpha: f64,
}

/// The attributes of `clamp`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clamp {
    /// The lower bound.
    pub min: f64,
    /// The upper bound, not below the lower one.
    pub max: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { alpha: 0.01 }
    }
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

macro_rules! into_op {
    ($($kind:ident),*) => { $(impl From<$kind> for Op {
        fn from(function: $kind) -> Self {
            Op::Parametric(Parametric::$kind(function))
        }
    })* };
}

into_op!(LeakyRelu, Elu, Clamp);

impl Kernel for Parametric {
    fn name(&self) -> &'static str {
        match self {
            Parametric::LeakyRelu(_) => "leaky_relu",
            Parametric::Elu(_) => "elu",
            Parametric::Clamp(_) => "clamp",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new(self.name(), format!("takes 1 input, got {}", inputs.len())));
        };
        if !x.dtype.is_float() {
            return Err(OpError::new(self.name(), format!("is not defined for {x}; cast it first")));
        }
        if let Parametric::Clamp(Clamp { min, max }) = self
            && min.partial_cmp(max).is_none_or(|order| order.is_gt())
        {
            return Err(OpError::new("clamp", format!("min is {min} and max {max}; min must not be above max, and neither NaN")));
        }
        Ok(vec![x.clone()])
    }

    fn scalar(&self, inputs: &[DType]) -> Option<Scalar> {
        let class = inputs.first().map_or('F', |d| d.class());
        let constants = match *self {
            Parametric::LeakyRelu(LeakyRelu { alpha }) | Parametric::Elu(Elu { alpha }) => vec![alpha as f32],
            Parametric::Clamp(Clamp { min, max }) => vec![min as f32, max as f32],
        };
        Some(Scalar::Call { function: format!("{}_{class}", self.name()), constants })
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let value = |x: f64| match *self {
            Parametric::LeakyRelu(LeakyRelu { alpha }) => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x
                }
            }
            Parametric::Elu(Elu { alpha }) => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Parametric::Clamp(Clamp { min, max }) => x.max(f64::from(min as f32)).min(f64::from(max as f32)),
        };
        vec![Array::new(outputs[0].clone(), inputs[0].data.iter().map(|&x| value(x)).collect())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let (x, g) = (node.inputs[0], node.grad());
        let grad = match *self {
            Parametric::LeakyRelu(LeakyRelu { alpha }) => {
                let zero = b.constant(0.0, x);
                let positive = b.binary(BinaryKind::Greater, x, zero);
                let leak = b.scale(g, alpha);
                b.select(positive, g, leak)
            }
            Parametric::Elu(Elu { alpha }) => {
                // alpha·eˣ. Not y + alpha: far below zero that cancels.
                let zero = b.constant(0.0, x);
                let positive = b.binary(BinaryKind::Greater, x, zero);
                let low = b.binary(BinaryKind::Min, x, zero);
                let e = b.unary(UnaryKind::Exp, low);
                let slope = b.scale(e, alpha);
                let bent = b.mul(g, slope);
                b.select(positive, g, bent)
            }
            Parametric::Clamp(Clamp { min, max }) => {
                let (low, high) = (b.constant(min, x), b.constant(max, x));
                let (above, below) = (b.binary(BinaryKind::Greater, x, low), b.binary(BinaryKind::Less, x, high));
                let inside = b.binary(BinaryKind::And, above, below);
                b.masked(inside, g)
            }
        };
        vec![Some(grad)]
    }
}

/// The cases of one function: both sides, kinks, extremes, awkward shapes and layouts, each type.
fn cases(op: impl Into<Op>, tolerance: Tolerance, kinks: &[f64]) -> Vec<Case> {
    let op: Op = op.into();
    let name = op.kernel().name();
    let label = match &op {
        Op::Parametric(Parametric::LeakyRelu(LeakyRelu { alpha }) | Parametric::Elu(Elu { alpha })) => format!("{name} alpha={alpha}"),
        Op::Parametric(Parametric::Clamp(Clamp { min, max })) => format!("{name} {min}..{max}"),
        _ => name.to_owned(),
    };
    let case = |what: &str, input: Input| Case::new(format!("{label} {what}"), op.clone(), vec![input]).tolerance(tolerance).backward(Tolerance::ulp(32.0));
    // Clear of the kinks, which are whole numbers here.
    let input = |shape: &[usize]| Input::f32(shape).fill(Fill::Away(0.1, 0.9));
    let wide = |shape: &[usize]| Input::f32(shape).fill(Fill::Uniform(-6.0, 6.0));
    vec![
        case("scalar", input(&[])),
        case("7x13", input(&[7, 13])),
        case("7x13 wide", wide(&[7, 13])),
        case("5x12 transposed", input(&[5, 12]).view(View::Transposed)),
        case("4x8 sliced", input(&[4, 8]).view(View::Sliced)),
        case("empty", input(&[0, 3])),
        case("kinks and extremes", Input::f32([kinks.len()]).fill(Fill::Values(kinks.to_vec()))).no_grad(),
        case("f16", Input::new([6, 4], DType::F16, Fill::Away(0.1, 0.9))).tolerance(tolerance.stored_as(DType::F16)),
    ]
}

/// The catalogue's entries, one a function.
pub fn entries() -> Vec<Entry> {
    let kinks = [0.0, -0.0, 1.0, -1.0, 1e30, -1e30, 1e-30, -1e-7];
    let leaky = [LeakyRelu::default(), LeakyRelu { alpha: -0.5 }].into_iter().flat_map(|op| cases(op, Tolerance::ulp(2.0), &kinks)).collect();
    let elu = [Elu::default(), Elu { alpha: 1.5 }].into_iter().flat_map(|op| cases(op, Tolerance::ulp(16.0), &kinks)).collect();
    let (narrow, wide) = (Clamp { min: -1.0, max: 1.0 }, Clamp { min: 0.0, max: f64::from(f32::MAX) });
    let clamp: Vec<Case> = [narrow, wide].into_iter().flat_map(|op| cases(op, Tolerance::EXACT, &kinks)).collect();
    vec![
        Entry::new("leaky_relu", "y = x where x > 0, alpha·x elsewhere (ONNX LeakyRelu)", &LeakyRelu::default(), leaky),
        Entry::new("elu", "y = x where x > 0, alpha·(eˣ − 1) elsewhere (ONNX Elu)", &Elu::default(), elu),
        Entry::new("clamp", "y = min(max(x, `min`), `max`) (ONNX Clip)", &narrow, clamp),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_the_wrong_way_round_are_refused() {
        let x = [TensorType::new([3], DType::F32)];
        assert!(Parametric::Clamp(Clamp { min: 1.0, max: 0.0 }).infer(&x).unwrap_err().message.contains("must not be above"));
        assert!(Parametric::Clamp(Clamp { min: f64::NAN, max: 0.0 }).infer(&x).is_err());
        assert!(Parametric::Elu(Elu::default()).infer(&[TensorType::new([3], DType::I32)]).unwrap_err().message.contains("cast"));
    }
}
