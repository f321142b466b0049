//! A test case as a value: one list drives the tests, the gradient check, `wgrad verify` and the support table.

use crate::{Array, DType, Op, TensorType};

/// How the elements of an input are drawn. Every draw is a pure function of (case, input, element).
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// Uniform in `[low, high)`, rounded to the type; whole numbers for integers, fair coins for bool.
    Uniform(f64, f64),
    /// Uniform in `[low, high)` in magnitude, with random signs: keeps clear of zero.
    Away(f64, f64),
    /// All different, in random order, 0.1 apart around zero: no ties for max and sort.
    Distinct,
    /// These values, repeated.
    Values(Vec<f64>),
}

/// How an input lies in memory when the case runs on a device; the values are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// Contiguous.
    Plain,
    /// With its axes stored in reverse order.
    Transposed,
    /// A window inside a larger buffer: an offset and gaps between rows.
    Sliced,
}

/// One input of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its type.
    pub ty: TensorType,
    /// Its elements.
    pub fill: Fill,
    /// How it lies.
    pub view: View,
    /// Whether a gradient is expected, for floats.
    pub grad: bool,
}

impl Input {
    /// A contiguous f32 input in [-1, 1).
    pub fn f32(shape: impl Into<crate::Shape>) -> Self {
        Self::new(shape, DType::F32, Fill::Uniform(-1.0, 1.0))
    }

    /// A contiguous input.
    pub fn new(shape: impl Into<crate::Shape>, dtype: DType, fill: Fill) -> Self {
        Self { ty: TensorType::new(shape, dtype), fill, view: View::Plain, grad: true }
    }

    /// The same input with other elements.
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// The same input lying otherwise.
    pub fn view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// The same input, of which no gradient is expected.
    pub fn no_grad(mut self) -> Self {
        self.grad = false;
        self
    }
}

/// How far a device may be from the f64 reference: `|a - b| <= atol + rtol·|reference|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Relative part.
    pub rtol: f64,
    /// Absolute part.
    pub atol: f64,
}

impl Tolerance {
    /// No difference at all: integers, copies, comparisons.
    pub const EXACT: Self = Self { rtol: 0.0, atol: 0.0 };

    /// `n` units in the last place of f32, and as many times 2⁻²⁴ absolutely (results near zero of sums of order 1).
    pub fn ulp(n: f64) -> Self {
        let eps = f64::from(f32::EPSILON);
        Self { rtol: n * eps, atol: n * eps * 0.5 }
    }

    /// A sum of `k` products of order 1: the error grows as `sqrt(k)`; three deviations are allowed.
    pub fn reduction(k: usize) -> Self {
        Self::ulp(3.0 * (k.max(1) as f64).sqrt().max(1.0))
    }

    /// Both parts `factor` times as wide.
    pub fn times(self, factor: f64) -> Self {
        Self { rtol: self.rtol * factor, atol: self.atol * factor }
    }

    /// At least the rounding of `dtype`, for a result stored in it.
    pub fn stored_as(self, dtype: DType) -> Self {
        let eps = dtype.epsilon();
        if dtype == DType::F16 { Self { rtol: self.rtol + eps, atol: self.atol + eps * 2f64.powi(-14) } } else { self }
    }
}

/// An op with operands and how exact its result must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What is particular about it: `softmax 3x7 axis=-1`.
    pub name: String,
    /// The op.
    pub op: Op,
    /// Its operands.
    pub inputs: Vec<Input>,
    /// How exact the forward result must be.
    pub forward: Tolerance,
    /// How exact the gradients must be.
    pub backward: Tolerance,
    /// Whether the op has a backward rule to check here: false at kinks and for integers.
    pub grad: bool,
}

impl Case {
    /// A case with gradients, exact to 4 units in the last place forward and 16 backward.
    pub fn new(name: impl Into<String>, op: impl Into<Op>, inputs: Vec<Input>) -> Self {
        Self { name: name.into(), op: op.into(), inputs, forward: Tolerance::ulp(4.0), backward: Tolerance::ulp(16.0), grad: true }
    }

    /// With this tolerance forward, and four times it backward.
    pub fn tolerance(mut self, forward: Tolerance) -> Self {
        self.forward = forward;
        self.backward = forward.times(4.0);
        self
    }

    /// With this tolerance backward.
    pub fn backward(mut self, backward: Tolerance) -> Self {
        self.backward = backward;
        self
    }

    /// Without gradients.
    pub fn no_grad(mut self) -> Self {
        self.grad = false;
        self
    }

    /// Whether a gradient of input `n` is expected.
    pub fn differentiable(&self, n: usize) -> bool {
        self.grad && self.inputs[n].grad && self.inputs[n].ty.dtype.is_float()
    }

    /// The operands' elements, each rounded to its type.
    pub fn arrays(&self) -> Vec<Array> {
        let seed = self.name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        self.inputs.iter().enumerate().map(|(n, input)| fill(&input.ty, &input.fill, seed.wrapping_add(n as u64))).collect()
    }
}

/// Random weights for an output, by which a scalar loss is made of it; `None` where it is not a float.
pub fn weights(ty: &TensorType, output: usize) -> Option<Array> {
    ty.dtype.is_float().then(|| fill(ty, &Fill::Uniform(-1.0, 1.0), 0x5eed + output as u64))
}

/// The elements of an input.
fn fill(ty: &TensorType, fill: &Fill, seed: u64) -> Array {
    let n = ty.shape.numel();
    let unit = |i: usize, salt: u64| (splitmix(seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15), i as u64) >> 11) as f64 * 2f64.powi(-53);
    let data = match fill {
        Fill::Uniform(low, high) => (0..n)
            .map(|i| match ty.dtype {
                DType::Bool => f64::from(u8::from(unit(i, 1) < 0.5)),
                DType::I32 | DType::U32 => (low + unit(i, 1) * (high - low)).floor(),
                _ => low + unit(i, 1) * (high - low),
            })
            .collect(),
        Fill::Away(low, high) => (0..n).map(|i| (low + unit(i, 1) * (high - low)) * if unit(i, 2) < 0.5 { -1.0 } else { 1.0 }).collect(),
        Fill::Distinct => {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by_key(|&i| splitmix(seed, i as u64));
            order.iter().map(|&k| (k as f64 - n as f64 / 2.0) * 0.1).collect()
        }
        Fill::Values(values) => (0..n).map(|i| values[i % values.len()]).collect(),
    };
    Array::new(ty.clone(), data).stored()
}

/// SplitMix64 of a counter (Steele, Lea and Flood 2014).
fn splitmix(seed: u64, counter: u64) -> u64 {
    let mut z = seed.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
