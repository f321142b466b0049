//! Element-wise functions of one operand; the shader functions are in `shaders/unary.wgsl`, `<name>_<class>`.
//!
//! neg, abs, sign, floor, exp, log (natural), sqrt, rsqrt = 1/√x, sin, cos, tanh, sigmoid = 1/(1+e⁻ˣ), relu = max(x, 0),
//! gelu = x·Φ(x) exactly or by tanh (Hendrycks and Gimpel 2016), silu = x·sigmoid(x), mish = x·tanh(ln(1 + eˣ)) (Misra 2019),
//! hardswish = x·clamp(x/6 + 1/2, 0, 1) (Howard et al. 2019), erf, reciprocal, square, not. Subgradients at kinks: relu'(0) = 0,
//! abs'(0) = 0, hardswish'(−3) = 0, hardswish'(3) = 1 (PyTorch's choice).

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::ops::BinaryKind;
use crate::{Array, Builder, Case, DType, Fill, Input, Op, OpError, TensorType, Tolerance, Value, View};
use serde::{Deserialize, Serialize};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the functions'
pub enum UnaryKind {
    Neg,
    Abs,
    Sign,
    Floor,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Relu,
    Gelu,
    GeluTanh,
    Silu,
    Mish,
    Hardswish,
    Erf,
    Reciprocal,
    Square,
    Not,
}

use UnaryKind as K;

impl UnaryKind {
    /// Every function.
    pub const ALL: [Self; 22] = [
        K::Neg,
        K::Abs,
        K::Sign,
        K::Floor,
        K::Exp,
        K::Log,
        K::Sqrt,
        K::Rsqrt,
        K::Sin,
        K::Cos,
        K::Tanh,
        K::Sigmoid,
        K::Relu,
        K::Gelu,
        K::GeluTanh,
        K::Silu,
        K::Mish,
        K::Hardswish,
        K::Erf,
        K::Reciprocal,
        K::Square,
        K::Not,
    ];

    /// The name: that of the WGSL function too.
    pub fn name(self) -> &'static str {
        match self {
            K::Neg => "neg",
            K::Abs => "abs",
            K::Sign => "sign",
            K::Floor => "floor",
            K::Exp => "exp",
            K::Log => "log",
            K::Sqrt => "sqrt",
            K::Rsqrt => "rsqrt",
            K::Sin => "sin",
            K::Cos => "cos",
            K::Tanh => "tanh",
            K::Sigmoid => "sigmoid",
            K::Relu => "relu",
            K::Gelu => "gelu",
            K::GeluTanh => "gelu_tanh",
            K::Silu => "silu",
            K::Mish => "mish",
            K::Hardswish => "hardswish",
            K::Erf => "erf",
            K::Reciprocal => "reciprocal",
            K::Square => "square",
            K::Not => "not",
        }
    }

    /// The function in f64.
    pub fn eval(self, x: f64) -> f64 {
        match self {
            K::Neg => -x,
            K::Abs => x.abs(),
            K::Sign if x == 0.0 => 0.0,
            K::Sign => x.signum(),
            K::Floor => x.floor(),
            K::Exp => x.exp(),
            K::Log => x.ln(),
            K::Sqrt => x.sqrt(),
            K::Rsqrt => 1.0 / x.sqrt(),
            K::Sin => x.sin(),
            K::Cos => x.cos(),
            K::Tanh => x.tanh(),
            K::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            K::Relu => x.max(0.0),
            K::Gelu => 0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt())),
            K::GeluTanh => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh()),
            K::Silu => x / (1.0 + (-x).exp()),
            // ln(1 + eˣ) without overflow
            K::Mish => x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh(),
            K::Hardswish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            K::Erf => libm::erf(x),
            K::Reciprocal => 1.0 / x,
            K::Square => x * x,
            K::Not => f64::from(u8::from(x == 0.0)),
        }
    }

    /// The element types that the function takes.
    fn takes(self, dtype: DType) -> bool {
        match self {
            K::Not => dtype == DType::Bool,
            K::Neg | K::Abs | K::Square => dtype.is_float() || dtype == DType::I32,
            _ => dtype.is_float(),
        }
    }
}

/// An element-wise function of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unary(pub UnaryKind);

impl Kernel for Unary {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [x] = inputs else {
            return Err(OpError::new(self.name(), format!("takes 1 input, got {}", inputs.len())));
        };
        if !self.0.takes(x.dtype) {
            return Err(OpError::new(self.name(), format!("is not defined for {x}; cast it first")));
        }
        Ok(vec![x.clone()])
    }

    fn scalar(&self, inputs: &[DType]) -> Option<Scalar> {
        let class = inputs.first().map_or('F', |d| d.class());
        Some(Scalar::Call { function: format!("{}_{class}", self.0.name()), constants: vec![] })
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        vec![Array::new(outputs[0].clone(), inputs[0].data.iter().map(|&x| self.0.eval(x)).collect())]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        if !b.ty(node.outputs[0]).dtype.is_float() {
            return vec![None];
        }
        let (x, y, g) = (node.inputs[0], node.outputs[0], node.grad());
        let grad = match self.0 {
            K::Neg => b.neg(g),
            K::Sign | K::Floor | K::Not => return vec![None],
            K::Relu => {
                // By the output: the input need not be kept, and x > 0 exactly where y > 0.
                let zero = b.constant(0.0, y);
                let positive = b.binary(BinaryKind::Greater, y, zero);
                b.masked(positive, g)
            }
            kind => {
                let slope = derivative(b, kind, x, y);
                b.mul(g, slope)
            }
        };
        vec![Some(grad)]
    }
}

/// dy/dx of the smooth functions.
fn derivative(b: &mut dyn Builder, kind: UnaryKind, x: Value, y: Value) -> Value {
    match kind {
        K::Abs => b.unary(K::Sign, x),
        K::Exp => y,
        K::Log => b.unary(K::Reciprocal, x),
        K::Sqrt => {
            let r = b.unary(K::Reciprocal, y);
            b.scale(r, 0.5)
        }
        K::Rsqrt => {
            let ratio = b.div(y, x);
            b.scale(ratio, -0.5)
        }
        K::Sin => b.unary(K::Cos, x),
        K::Cos => {
            let s = b.unary(K::Sin, x);
            b.neg(s)
        }
        K::Tanh => one_minus_square(b, y),
        K::Sigmoid => {
            let minus = b.neg(y);
            let rest = b.offset(minus, 1.0);
            b.mul(y, rest)
        }
        K::Silu => {
            // s + y(1 - s) with s = sigmoid(x)
            let s = b.unary(K::Sigmoid, x);
            let minus = b.neg(s);
            let rest = b.offset(minus, 1.0);
            let product = b.mul(y, rest);
            b.add(s, product)
        }
        K::Mish => {
            // t + x·s·(1 - t²) with s = sigmoid(x), t = tanh(ln(1 + eˣ)) = y/x; from x alone, since y/x is 0/0 at 0
            let s = b.unary(K::Sigmoid, x);
            let t = tanh_of_softplus(b, x);
            let bell = one_minus_square(b, t);
            let product = b.mul(s, bell);
            let product = b.mul(x, product);
            b.add(t, product)
        }
        K::Hardswish => {
            // 0 up to -3, 1 from 3 on, x/3 + 1/2 between
            let third = b.scale(x, 1.0 / 3.0);
            let slope = b.offset(third, 0.5);
            let (low, high, one) = (b.constant(-3.0, x), b.constant(3.0, x), b.constant(1.0, x));
            let above = b.binary(BinaryKind::Greater, x, low);
            let slope = b.masked(above, slope);
            let below = b.binary(BinaryKind::Less, x, high);
            b.select(below, slope, one)
        }
        K::Erf => {
            let bell = gauss(b, x, 1.0);
            b.scale(bell, 2.0 / std::f64::consts::PI.sqrt())
        }
        K::Gelu => {
            // Φ(x) + x φ(x)
            let scaled = b.scale(x, std::f64::consts::FRAC_1_SQRT_2);
            let erf = b.unary(K::Erf, scaled);
            let half = b.scale(erf, 0.5);
            let cdf = b.offset(half, 0.5);
            let bell = gauss(b, x, 0.5);
            let density = b.scale(bell, 1.0 / (2.0 * std::f64::consts::PI).sqrt());
            let product = b.mul(x, density);
            b.add(cdf, product)
        }
        K::GeluTanh => {
            // t = tanh(u), u = c(x + a x³): (1 + t)/2 + x (1 - t²) u'/2
            let (c, a) = ((2.0 / std::f64::consts::PI).sqrt(), 0.044715);
            let square = b.unary(K::Square, x);
            let cubic = b.scale(square, a);
            let factor = b.offset(cubic, 1.0);
            let inner = b.mul(x, factor);
            let u = b.scale(inner, c);
            let t = b.unary(K::Tanh, u);
            let slope = b.scale(square, 3.0 * a * c);
            let slope = b.offset(slope, c);
            let bell = one_minus_square(b, t);
            let product = b.mul(bell, slope);
            let product = b.mul(x, product);
            let one = b.offset(t, 1.0);
            let sum = b.add(one, product);
            b.scale(sum, 0.5)
        }
        K::Reciprocal => {
            let square = b.unary(K::Square, y);
            b.neg(square)
        }
        K::Square => b.scale(x, 2.0),
        K::Neg | K::Sign | K::Floor | K::Relu | K::Not => b.zeros_like(x),
    }
}

/// 1 - y².
fn one_minus_square(b: &mut dyn Builder, y: Value) -> Value {
    let square = b.unary(K::Square, y);
    let minus = b.neg(square);
    b.offset(minus, 1.0)
}

/// tanh(ln(1 + eˣ)) = ((1 + eˣ)² - 1)/((1 + eˣ)² + 1), by e^-|x| so that nothing overflows: with e = eˣ it is (e² + 2e)/(e² + 2e + 2),
/// and for x > 0, by e = e⁻ˣ, (1 + 2e)/(1 + 2e + 2e²).
fn tanh_of_softplus(b: &mut dyn Builder, x: Value) -> Value {
    let size = b.unary(K::Abs, x);
    let minus = b.neg(size);
    let e = b.unary(K::Exp, minus);
    let (square, twice) = (b.unary(K::Square, e), b.scale(e, 2.0));
    let negative = b.add(square, twice);
    let below = b.offset(negative, 2.0);
    let negative = b.div(negative, below);
    let positive = b.offset(twice, 1.0);
    let double = b.scale(square, 2.0);
    let below = b.add(positive, double);
    let positive = b.div(positive, below);
    let zero = b.constant(0.0, x);
    let up = b.binary(BinaryKind::Greater, x, zero);
    b.select(up, positive, negative)
}

/// exp(-k x²).
fn gauss(b: &mut dyn Builder, x: Value, k: f64) -> Value {
    let square = b.unary(K::Square, x);
    let minus = b.scale(square, -k);
    b.unary(K::Exp, minus)
}

/// The attributes of gelu, as in ONNX.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GeluAttrs {
    approximate: Approximate,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Approximate {
    None,
    Tanh,
}

impl From<GeluAttrs> for Op {
    fn from(attrs: GeluAttrs) -> Self {
        Op::Unary(Unary(match attrs.approximate {
            Approximate::None => K::Gelu,
            Approximate::Tanh => K::GeluTanh,
        }))
    }
}

/// The cases of one function: where it is defined, near its kinks, and over awkward shapes and layouts.
fn cases(kind: UnaryKind) -> Vec<Case> {
    let op = Unary(kind);
    let name = kind.name();
    if kind == K::Not {
        return vec![Case::new("not 7x5", op, vec![Input::new([7, 5], DType::Bool, Fill::Uniform(0.0, 1.0))]).tolerance(Tolerance::EXACT).no_grad()];
    }
    let (domain, tolerance) = match kind {
        K::Neg | K::Abs | K::Sign | K::Floor | K::Relu => (Fill::Away(0.1, 3.0), Tolerance::EXACT),
        // WGSL grants exp 3 + 2|x| ULP.
        K::Exp => (Fill::Uniform(-5.0, 5.0), Tolerance::ulp(13.0)),
        K::Log => (Fill::Uniform(0.05, 9.0), Tolerance::ulp(8.0)),
        K::Sqrt | K::Rsqrt => (Fill::Uniform(0.1, 9.0), Tolerance::ulp(4.0)),
        // Absolute: near a zero of the function the reduction of the argument decides, not the function.
        K::Sin | K::Cos => (Fill::Uniform(-3.0, 3.0), Tolerance { rtol: 0.0, atol: 1e-6 }),
        K::Tanh | K::Sigmoid | K::Silu | K::Mish | K::Gelu | K::GeluTanh => (Fill::Uniform(-4.0, 4.0), Tolerance::ulp(12.0)),
        // All three pieces; the random draws keep clear of the kinks at ±3.
        K::Hardswish => (Fill::Uniform(-5.0, 5.0), Tolerance::ulp(4.0)),
        K::Erf => (Fill::Uniform(-3.0, 3.0), Tolerance::ulp(8.0)),
        _ => (Fill::Away(0.2, 4.0), Tolerance::ulp(4.0)),
    };
    let case = |what: &str, input: Input| Case::new(format!("{name} {what}"), op, vec![input]).tolerance(tolerance).backward(Tolerance::ulp(64.0));
    let smooth = !matches!(kind, K::Sign | K::Floor);
    let input = |shape: &[usize]| Input::f32(shape).fill(domain.clone());
    let mut all = vec![
        case("scalar", input(&[])),
        case("1", input(&[1])),
        case("4x8", input(&[4, 8])),
        case("7x13", input(&[7, 13])),
        case("5x12 transposed", input(&[5, 12]).view(View::Transposed)),
        case("4x8 sliced", input(&[4, 8]).view(View::Sliced)),
        case("empty", input(&[0, 3])),
    ];
    if !smooth {
        all = all.into_iter().map(Case::no_grad).collect();
    }
    match kind {
        K::Relu | K::Abs | K::Sign => all.push(case("kink", Input::f32([4]).fill(Fill::Values(vec![0.0, -1.0, 0.0, 2.0]))).no_grad()),
        K::Hardswish => all.push(case("kinks", Input::f32([6]).fill(Fill::Values(vec![-3.0, 3.0, 0.0, -1e30, 1e30, 2.999]))).no_grad()),
        K::Tanh | K::Sigmoid | K::Silu | K::Mish | K::Gelu | K::GeluTanh | K::Erf => {
            all.push(case("saturated", Input::f32([8]).fill(Fill::Values(vec![100.0, -100.0, 30.0, -30.0, 9.0, -9.0, 0.0, 1e-3]))));
        }
        K::Sin | K::Cos => all.push(case("many turns", Input::f32([64]).fill(Fill::Uniform(-1000.0, 1000.0))).no_grad()),
        _ => {}
    }
    if kind.takes(DType::I32) {
        all.push(case("i32", Input::new([9], DType::I32, Fill::Uniform(-50.0, 50.0))).tolerance(Tolerance::EXACT).no_grad());
    }
    if kind == K::Square {
        all.push(case("more than 65535 groups", Input::f32([65_537 * 64 + 3])));
    }
    all.push(case("f16", Input::new([6, 4], DType::F16, domain)).tolerance(tolerance.stored_as(DType::F16)).backward(Tolerance::ulp(64.0).times(4096.0)));
    if !smooth {
        let last = all.pop();
        all.extend(last.map(Case::no_grad));
    }
    all
}

/// The catalogue's entries: one a function; both forms of gelu share a name.
pub fn entries() -> Vec<Entry> {
    let about = |kind| match kind {
        K::Neg => "y = -x",
        K::Abs => "y = |x|",
        K::Sign => "y = -1, 0 or 1",
        K::Floor => "y = the largest whole number not above x",
        K::Exp => "y = eˣ",
        K::Log => "y = ln x",
        K::Sqrt => "y = √x",
        K::Rsqrt => "y = 1/√x",
        K::Sin => "y = sin x",
        K::Cos => "y = cos x",
        K::Tanh => "y = tanh x",
        K::Sigmoid => "y = 1/(1 + e⁻ˣ)",
        K::Relu => "y = max(x, 0)",
        K::Gelu | K::GeluTanh => "y = x·Φ(x), exact or by tanh",
        K::Silu => "y = x·sigmoid(x)",
        K::Mish => "y = x·tanh(ln(1 + eˣ)) (ONNX Mish)",
        K::Hardswish => "y = x·clamp(x/6 + 1/2, 0, 1) (ONNX HardSwish)",
        K::Erf => "y = erf x",
        K::Reciprocal => "y = 1/x",
        K::Square => "y = x²",
        K::Not => "y = not x",
    };
    let entry = |kind: UnaryKind| {
        if kind == K::Gelu {
            let all = cases(K::Gelu).into_iter().chain(cases(K::GeluTanh)).collect();
            return Entry::new("gelu", about(kind), &GeluAttrs { approximate: Approximate::None }, all);
        }
        Entry::unit(kind.name(), about(kind), Unary(kind), cases(kind))
    };
    UnaryKind::ALL.into_iter().filter(|&k| k != K::GeluTanh).map(entry).collect()
}
