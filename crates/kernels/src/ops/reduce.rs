//! `reduce_sum`, `reduce_mean`, `reduce_max`, `reduce_min` over any axes: y = Σ x and so on (ONNX ReduceSum, ReduceMean, ReduceMax,
//! ReduceMin; as there, an empty list of axes means all of them).
//!
//! Any shape to the shape without the axes, or with 1 in their place. Floats are summed in f32, in blocks and chunks whose order is
//! fixed, so the same inputs give the same bytes and the error grows about as the root of the number of elements (Higham 1993, "The
//! accuracy of floating point summation"); integers wrap. The gradient of max and min goes in equal parts to all elements that attain
//! it (PyTorch's amax). The launches are made by [`Reduction`].

use crate::launch::{Arg, Lowered, Lowering, Operand};
use crate::op::{Entry, Kernel, Node};
use crate::ops::{BinaryKind, Full, Map};
use crate::reduction::{Chain, Reduction};
use crate::{Array, Builder, Case, DType, Fill, Input, Layout, Op, OpError, Shape, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// What is made of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// A reduction over axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduce {
    /// What is made of the elements.
    pub kind: ReduceKind,
    /// The axes, counted from the end where negative; all where absent.
    pub axes: Option<Vec<i64>>,
    /// Whether the reduced axes stay, with extent 1.
    pub keepdims: bool,
    /// A chain whose values are reduced; the op's inputs are then the chain's. Made by fusion.
    pub prologue: Option<Map>,
}

impl Reduce {
    /// A reduction of one operand.
    pub fn new(kind: ReduceKind, axes: Option<Vec<i64>>, keepdims: bool) -> Self {
        Self { kind, axes, keepdims, prologue: None }
    }

    /// The axes of `shape` that are reduced, sorted.
    fn axes(&self, shape: &Shape) -> Result<Vec<usize>, OpError> {
        shape.axes(self.name(), self.axes.as_deref().filter(|a| !a.is_empty()))
    }

    /// The type of the values that are reduced.
    fn values(&self, inputs: &[TensorType]) -> Result<TensorType, OpError> {
        match (&self.prologue, inputs) {
            (Some(map), _) => Ok(map.infer(inputs)?.swap_remove(0)),
            (None, [x]) => Ok(x.clone()),
            (None, _) => Err(OpError::new(self.name(), format!("takes 1 input, got {}", inputs.len()))),
        }
    }

    /// The launches to come, of an operand that is not empty along the axes.
    fn reduction(&self, facts: &Lowering<'_>, values: &TensorType) -> Reduction<'_> {
        let steps = self.prologue.as_ref().map_or(&[][..], |map| &map.steps);
        let inputs = facts.inputs.iter().map(|o| Operand { layout: o.layout.broadcast(&values.shape), dtype: o.dtype }).collect();
        let args = (0..facts.inputs.len()).map(Arg::Input).collect();
        Reduction {
            kind: self.kind,
            chain: Chain { shape: values.shape.clone(), steps, inputs, args, dtype: values.dtype },
            // invariant: `infer` accepted the axes.
            axes: self.axes(&values.shape).unwrap_or_default(),
            out: Arg::Output(0),
            out_dtype: facts.outputs[0].dtype,
        }
    }

    /// The type of the values from the operands as they lie.
    fn lowered_values(&self, facts: &Lowering<'_>) -> Result<TensorType, OpError> {
        self.values(&facts.inputs.iter().map(|o| TensorType::new(o.layout.shape.clone(), o.dtype)).collect::<Vec<_>>())
    }
}

impl ReduceKind {
    /// The four reductions.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Mean, Self::Max, Self::Min];

    /// The op's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "reduce_sum",
            Self::Mean => "reduce_mean",
            Self::Max => "reduce_max",
            Self::Min => "reduce_min",
        }
    }
}

impl Kernel for Reduce {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let x = self.values(inputs)?;
        let axes = self.axes(&x.shape)?;
        if x.dtype == DType::Bool || (self.kind == ReduceKind::Mean && !x.dtype.is_float()) {
            return Err(OpError::new(self.name(), format!("is not defined for {x}; cast it first")));
        }
        let empty = axes.iter().any(|&a| x.shape[a] == 0);
        if empty && self.kind != ReduceKind::Sum {
            return Err(OpError::new(self.name(), format!("of no elements is undefined: shape {} is empty along axes {axes:?}", x.shape)));
        }
        Ok(vec![TensorType::new(x.shape.reduced(&axes, self.keepdims), x.dtype)])
    }

    fn accepts(&self, _index: usize, _layout: &Layout) -> bool {
        true
    }

    fn variants(&self, facts: &Lowering<'_>) -> Vec<&'static str> {
        match self.lowered_values(facts) {
            Ok(values) if values.shape.numel() > 0 => self.reduction(facts, &values).variants(facts.caps),
            _ => Vec::new(),
        }
    }

    fn lower(&self, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let values = self.lowered_values(facts)?;
        if values.shape.numel() == 0 {
            // Sums of nothing are zero; the other kinds have no result here (`infer`).
            return zeros(facts);
        }
        let reduction = self.reduction(facts, &values);
        facts.forced(self.name(), &reduction.variants(facts.caps))?;
        let mut lowered = Lowered::default();
        reduction.lower(facts.caps, facts.variant, &mut lowered);
        Ok(lowered)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let values;
        let x = match &self.prologue {
            Some(map) => {
                values = map.eval(None, inputs);
                &values
            }
            None => inputs[0],
        };
        let axes = self.axes(&x.ty.shape).unwrap_or_default();
        let kept = x.ty.shape.reduced(&axes, true);
        let start = match self.kind {
            ReduceKind::Sum | ReduceKind::Mean => 0.0,
            ReduceKind::Max => f64::NEG_INFINITY,
            ReduceKind::Min => f64::INFINITY,
        };
        let mut y = vec![start; kept.numel()];
        // The output index of each input element: its own with the reduced coordinates ignored.
        let to = crate::Layout::contiguous(&kept).broadcast(&x.ty.shape);
        for (&value, at) in x.data.iter().zip(to.indices()) {
            y[at] = match self.kind {
                ReduceKind::Sum | ReduceKind::Mean => y[at] + value,
                ReduceKind::Max => y[at].max(value),
                ReduceKind::Min => y[at].min(value),
            };
        }
        if self.kind == ReduceKind::Mean {
            let n = (x.data.len() / y.len().max(1)) as f64;
            y.iter_mut().for_each(|v| *v /= n);
        }
        let dtype = outputs[0].dtype;
        if !dtype.is_float() {
            y.iter_mut().for_each(|v| *v = dtype.store(*v));
        }
        vec![Array::new(outputs[0].clone(), y)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        let Some(map) = &self.prologue else {
            return vec![self.spread(b, node.inputs[0], node.outputs[0], node.grad())];
        };
        let values = b.op(map.clone(), node.inputs);
        match self.spread(b, values, node.outputs[0], node.grad()) {
            Some(grad) => map.backward(b, None, node.inputs, grad).1,
            None => vec![None; node.inputs.len()],
        }
    }
}

/// Zeros in output 0: the sum of nothing.
pub(crate) fn zeros(facts: &Lowering<'_>) -> Result<Lowered, OpError> {
    let TensorType { shape, dtype } = facts.outputs[0].clone();
    Map::single(Full { shape, dtype, value: 0.0 }.into(), 0, &facts.outputs[0]).lower(&Lowering { inputs: &[], in_place: None, ..facts.clone() })
}

impl Reduce {
    /// The gradient of the reduced values `x`, of their shape.
    fn spread(&self, b: &mut dyn Builder, x: Value, y: Value, g: Value) -> Option<Value> {
        let TensorType { shape, dtype } = b.ty(x).clone();
        if !dtype.is_float() {
            return None;
        }
        let axes = self.axes(&shape).unwrap_or_default();
        let kept = shape.reduced(&axes, true);
        let g = b.reshape(g, kept.clone());
        Some(match self.kind {
            ReduceKind::Sum => b.broadcast(g, shape),
            ReduceKind::Mean => {
                let n = (shape.numel() / kept.numel().max(1)).max(1) as f64;
                let share = b.scale(g, 1.0 / n);
                b.broadcast(share, shape)
            }
            ReduceKind::Max | ReduceKind::Min => {
                let y = b.reshape(y, kept);
                let hit = b.binary(BinaryKind::Equal, x, y);
                let count = b.cast(hit, dtype);
                let count = b.sum(count, Some(axes.iter().map(|&a| a as i64).collect()), true);
                let share = b.div(g, count);
                b.masked(hit, share)
            }
        })
    }
}

/// The attributes of one kind: ONNX's names and defaults.
macro_rules! attributes {
    ($($name:ident = $kind:ident),*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name {
            axes: Option<Vec<i64>>,
            keepdims: Keep,
        }

        impl From<$name> for Op {
            fn from(a: $name) -> Self {
                Reduce::new(ReduceKind::$kind, a.axes, a.keepdims.into()).into()
            }
        }
    )*};
}

attributes!(SumAttrs = Sum, MeanAttrs = Mean, MaxAttrs = Max, MinAttrs = Min);

/// A switch that may be written as ONNX's 0 and 1.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Keep {
    /// true or false.
    Bool(bool),
    /// Whether it is not 0.
    Int(i64),
}

impl From<Keep> for bool {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Bool(b) => b,
            Keep::Int(n) => n != 0,
        }
    }
}

/// The cases of one kind.
fn cases(kind: ReduceKind) -> Vec<Case> {
    let name = kind.name();
    let sums = matches!(kind, ReduceKind::Sum | ReduceKind::Mean);
    let case = |what: &str, input: Input, axes: Option<&[i64]>, keepdims: bool| {
        let op = Reduce::new(kind, axes.map(<[i64]>::to_vec), keepdims);
        let shape = &input.ty.shape;
        let k = op.axes(shape).unwrap_or_default().iter().map(|&a| shape[a]).product::<usize>();
        let tolerance = match kind {
            ReduceKind::Sum => Tolerance::reduction(k),
            // Each of the k terms is 1/k of its size in the sum.
            ReduceKind::Mean => Tolerance { atol: Tolerance::reduction(k).atol / k.max(1) as f64, ..Tolerance::reduction(k) },
            _ => Tolerance::EXACT,
        };
        Case::new(format!("{name} {what}"), op, vec![input]).tolerance(tolerance.stored_as(DType::F32)).backward(Tolerance::ulp(4.0))
    };
    let fill = || if sums { Fill::Uniform(-1.0, 1.0) } else { Fill::Distinct };
    let plain = |shape: &[usize]| Input::f32(shape).fill(fill());
    let mut all = vec![
        case("scalar", plain(&[]), None, true),
        case("1", plain(&[1]), Some(&[0]), false),
        case("7 all", plain(&[7]), None, false),
        case("7x13 rows", plain(&[7, 13]), Some(&[-1]), true),
        case("7x13 columns", plain(&[7, 13]), Some(&[0]), false),
        case("7x13 empty list is all", plain(&[7, 13]), Some(&[]), true),
        case("32x128 columns", plain(&[32, 128]), Some(&[0]), false),
        case("100x10 columns", plain(&[100, 10]), Some(&[0]), false),
        case("31x32 rows", plain(&[31, 32]), Some(&[1]), false),
        case("33x1 no extent", plain(&[33, 1]), Some(&[1]), false),
        case("5x255 rows", plain(&[5, 255]), Some(&[1]), false),
        case("5x256 rows", plain(&[5, 256]), Some(&[1]), false),
        case("3x257 rows", plain(&[3, 257]), Some(&[1]), true),
        case("2x1028 rows", plain(&[2, 1028]), Some(&[1]), true),
        case("3x5x7 middle", plain(&[3, 5, 7]), Some(&[1]), true),
        case("2x3x4x5 outer and inner", plain(&[2, 3, 4, 5]), Some(&[0, 2]), true),
        case("4x3x8x8 all but channels", plain(&[4, 3, 8, 8]), Some(&[0, 2, 3]), false),
        case("2x3x2x3x2 alternating", plain(&[2, 3, 2, 3, 2]), Some(&[4, 0, 2]), false),
        case("6x10 transposed rows", plain(&[6, 10]).view(View::Transposed), Some(&[1]), false),
        case("8x12 sliced columns", plain(&[8, 12]).view(View::Sliced), Some(&[0]), false),
        case("12000x1 columns", plain(&[12_000, 1]), Some(&[0]), false),
        case("4000x4 columns split", plain(&[4000, 4]), Some(&[0]), false),
        case("2x16411 rows split", plain(&[2, 16_411]), Some(&[1]), true).no_grad(),
        case("8192x12 columns split", plain(&[8192, 12]), Some(&[0]), true).no_grad(),
    ];
    let f16 = |shape: &[usize]| Input::new(shape, DType::F16, if sums { Fill::Uniform(-1.0, 1.0) } else { Fill::Distinct });
    for (what, input, axes) in [("f16 9x20 rows", f16(&[9, 20]), 1), ("f16 20x9 columns", f16(&[20, 9]), 0)] {
        let half = case(what, input, Some(&[axes]), true);
        let tolerance = if sums { half.forward.stored_as(DType::F16) } else { Tolerance::EXACT };
        all.push(half.tolerance(tolerance).backward(Tolerance::EXACT.stored_as(DType::F16).times(4.0)));
    }
    if kind == ReduceKind::Sum {
        all.push(case("more than 65535 groups", Input::f32([65_537 * 64 + 3, 2]), Some(&[1]), false).no_grad());
        all.push(case("2^24 ones", Input::f32([1 << 24]).fill(Fill::Values(vec![1.0])), None, false).tolerance(Tolerance::EXACT).no_grad());
        all.push(case("of nothing", Input::f32([3, 0]), Some(&[1]), false));
        all.push(case("of nothing for nothing", Input::f32([0, 0]), Some(&[1]), false));
    } else {
        all.push(case("empty kept axis", Input::f32([0, 3]), Some(&[1]), false));
    }
    if sums {
        // Whole numbers whose sum f32 holds: any order of summation gives it exactly, a wrong count does not.
        let ones = |n: usize, value: f64| Input::f32([n]).fill(Fill::Values(vec![value]));
        all.push(case("2^20 ones", ones(1 << 20, 1.0), None, false).tolerance(Tolerance::EXACT).no_grad());
        // A biased sum, where all rounding errors have one sign: serially it is off by 4 %, in blocks of blocks by (2·64 + 2^20/64²)/2 ULP.
        all.push(case("2^20 tenths", ones(1 << 20, 0.1), None, false).tolerance(Tolerance { rtol: 192.0 * f64::from(f32::EPSILON), atol: 0.0 }).no_grad());
        all.push(case("2^20 random", plain(&[1 << 20]), None, false).no_grad());
        all.push(case("1024x1025 random all", plain(&[1024, 1025]), None, true).no_grad());
    } else {
        all.push(case("ties", Input::f32([2, 4]).fill(Fill::Values(vec![1.0, 3.0, 3.0, 1.0])), Some(&[1]), true).no_grad());
        all.push(case("large magnitudes", Input::f32([2, 5]).fill(Fill::Values(vec![-3e38, 3e38, -1e30])), Some(&[1]), true).no_grad());
        all.push(case("2^20 random", plain(&[1 << 20]), None, false).no_grad());
    }
    if kind != ReduceKind::Mean {
        let ints = |shape: &[usize], dtype, low| Input::new(shape, dtype, Fill::Uniform(low, 2e9));
        for (what, input, axes) in [
            ("i32 7x12 rows wrapping", ints(&[7, 12], DType::I32, -2e9), 1),
            ("i32 12x8 columns wrapping", ints(&[12, 8], DType::I32, -2e9), 0),
            ("u32 7x13 rows wrapping", ints(&[7, 13], DType::U32, 0.0), 1),
            ("u32 12x8 columns wrapping", ints(&[12, 8], DType::U32, 0.0), 0),
        ] {
            all.push(case(what, input, Some(&[axes]), true).tolerance(Tolerance::EXACT).no_grad());
        }
        all.push(case("i32 below zero", ints(&[3, 9], DType::I32, -2e9).fill(Fill::Uniform(-9e4, -9.0)), Some(&[1]), true).no_grad());
    }
    all.extend(fused(kind));
    all
}

/// Reductions of a chain, as fusion makes them.
fn fused(kind: ReduceKind) -> Vec<Case> {
    use crate::body::{Source, Step};
    use crate::ops::{Binary, Unary, UnaryKind};
    let chain = |shape: &[usize]| Map {
        shape: shape.into(),
        steps: vec![
            Step { op: Binary(BinaryKind::Mul).into(), args: vec![Source::Input(0), Source::Input(1)], dtype: DType::F32 },
            Step { op: Unary(UnaryKind::Tanh).into(), args: vec![Source::Step(0)], dtype: DType::F32 },
        ],
    };
    let case = |what: &str, shape: &[usize], other: &[usize], axis: i64, view: View| {
        let op = Reduce { prologue: Some(chain(shape)), ..Reduce::new(kind, Some(vec![axis]), false) };
        let inputs = vec![Input::f32(shape).view(view), Input::f32(other)];
        // tanh's 12 units of each term, on top of the sum's.
        Case::new(format!("{} {what}", kind.name()), op, inputs).tolerance(Tolerance::reduction(40)).backward(Tolerance::ulp(64.0))
    };
    vec![
        case("of a chain 6x16 rows", &[6, 16], &[16], 1, View::Plain),
        case("of a chain 16x6 columns", &[16, 6], &[16, 1], 0, View::Plain),
        case("of a chain 8x12 transposed rows", &[8, 12], &[8, 12], 1, View::Transposed),
        case("of a chain 9x4 sliced columns", &[9, 4], &[], 0, View::Sliced),
    ]
}

/// The catalogue's entries.
pub fn entries() -> Vec<Entry> {
    let keepdims = Keep::Bool(true);
    let entry = |kind: ReduceKind| match kind {
        ReduceKind::Sum => Entry::new(kind.name(), "y = Σ x over `axes` (ONNX ReduceSum)", &SumAttrs { axes: None, keepdims }, cases(kind)),
        ReduceKind::Mean => Entry::new(kind.name(), "y = mean of x over `axes` (ONNX ReduceMean)", &MeanAttrs { axes: None, keepdims }, cases(kind)),
        ReduceKind::Max => Entry::new(kind.name(), "y = largest x over `axes` (ONNX ReduceMax)", &MaxAttrs { axes: None, keepdims }, cases(kind)),
        ReduceKind::Min => Entry::new(kind.name(), "y = smallest x over `axes` (ONNX ReduceMin)", &MinAttrs { axes: None, keepdims }, cases(kind)),
    };
    ReduceKind::ALL.into_iter().map(entry).collect()
}
