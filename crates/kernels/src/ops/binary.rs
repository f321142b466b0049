//! Element-wise functions of two operands with NumPy broadcasting; the shader functions are in `shaders/binary.wgsl`.
//!
//! add, sub, mul, div, pow (aᵇ; for a < 0 defined at whole b), max, min; comparisons equal, less, less_or_equal, greater,
//! greater_or_equal give bool; and, or, xor on bool. Integer division truncates. Where max or min tie, each operand
//! takes half the gradient (PyTorch's choice).

use crate::op::{Entry, Kernel, Node, Scalar};
use crate::ops::UnaryKind;
use crate::{Array, Builder, Case, DType, Fill, Input, OpError, Shape, TensorType, Tolerance, Value, View};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the functions'
pub enum BinaryKind {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Xor,
}

use BinaryKind as K;

impl BinaryKind {
    /// Every function.
    pub const ALL: [Self; 15] =
        [K::Add, K::Sub, K::Mul, K::Div, K::Pow, K::Max, K::Min, K::Equal, K::Less, K::LessOrEqual, K::Greater, K::GreaterOrEqual, K::And, K::Or, K::Xor];

    /// The name: that of the WGSL function too.
    pub fn name(self) -> &'static str {
        match self {
            K::Add => "add",
            K::Sub => "sub",
            K::Mul => "mul",
            K::Div => "div",
            K::Pow => "pow",
            K::Max => "max",
            K::Min => "min",
            K::Equal => "equal",
            K::Less => "less",
            K::LessOrEqual => "less_or_equal",
            K::Greater => "greater",
            K::GreaterOrEqual => "greater_or_equal",
            K::And => "and",
            K::Or => "or",
            K::Xor => "xor",
        }
    }

    /// The function in f64; the caller wraps integers.
    pub fn eval(self, a: f64, b: f64) -> f64 {
        let truth = |t: bool| f64::from(u8::from(t));
        match self {
            K::Add => a + b,
            K::Sub => a - b,
            K::Mul => a * b,
            K::Div => a / b,
            K::Pow => a.powf(b),
            K::Max => a.max(b),
            K::Min => a.min(b),
            K::Equal => truth(a == b),
            K::Less => truth(a < b),
            K::LessOrEqual => truth(a <= b),
            K::Greater => truth(a > b),
            K::GreaterOrEqual => truth(a >= b),
            K::And => truth(a != 0.0 && b != 0.0),
            K::Or => truth(a != 0.0 || b != 0.0),
            K::Xor => truth((a != 0.0) != (b != 0.0)),
        }
    }

    /// Whether the result is a truth value.
    pub fn is_bool(self) -> bool {
        self as u8 >= K::Equal as u8
    }

    fn takes(self, dtype: DType) -> bool {
        match self {
            K::And | K::Or | K::Xor => dtype == DType::Bool,
            K::Equal => true,
            K::Pow => dtype.is_float(),
            _ => dtype != DType::Bool,
        }
    }
}

/// An element-wise function of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binary(pub BinaryKind);

impl Kernel for Binary {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
        let [a, b] = inputs else {
            return Err(OpError::new(self.name(), format!("takes 2 inputs, got {}", inputs.len())));
        };
        if a.dtype != b.dtype {
            return Err(OpError::new(self.name(), format!("the operands' types differ: {a} and {b}; cast one of them")));
        }
        if !self.0.takes(a.dtype) {
            return Err(OpError::new(self.name(), format!("is not defined for {a} and {b}; cast them first")));
        }
        let dtype = if self.0.is_bool() { DType::Bool } else { a.dtype };
        Ok(vec![TensorType::new(Shape::broadcast(self.name(), &a.shape, &b.shape)?, dtype)])
    }

    fn scalar(&self, inputs: &[DType]) -> Option<Scalar> {
        let class = inputs.first().map_or('F', |d| d.class());
        Some(Scalar::Call { function: format!("{}_{class}", self.0.name()), constants: vec![] })
    }

    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array> {
        let shape = &outputs[0].shape;
        let (a, b) = (inputs[0].broadcast(shape), inputs[1].broadcast(shape));
        let data = a.data.iter().zip(&b.data).map(|(&x, &y)| self.0.eval(x, y));
        let dtype = outputs[0].dtype;
        let data = if dtype.is_float() { data.collect() } else { data.map(|v| dtype.store(v)).collect() };
        vec![Array::new(outputs[0].clone(), data)]
    }

    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>> {
        if !b.ty(node.outputs[0]).dtype.is_float() {
            return vec![None, None];
        }
        let ([x, y], out, g) = ([node.inputs[0], node.inputs[1]], node.outputs[0], node.grad());
        let (dx, dy) = match self.0 {
            K::Add => (g, g),
            K::Sub => (g, b.neg(g)),
            K::Mul => (b.mul(g, y), b.mul(g, x)),
            K::Div => {
                let dx = b.div(g, y);
                let product = b.mul(dx, out);
                (dx, b.neg(product))
            }
            K::Pow => power(b, x, y, out, g),
            K::Max => (chosen(b, K::Greater, x, y, g), chosen(b, K::Greater, y, x, g)),
            K::Min => (chosen(b, K::Less, x, y, g), chosen(b, K::Less, y, x, g)),
            _ => return vec![None, None],
        };
        vec![Some(dx), Some(dy)]
    }
}

/// g where `x` beats `y`, g/2 where they tie, else 0.
fn chosen(b: &mut dyn Builder, beats: BinaryKind, x: Value, y: Value, g: Value) -> Value {
    let wins = b.binary(beats, x, y);
    let ties = b.binary(K::Equal, x, y);
    let half = b.scale(g, 0.5);
    let tied = b.masked(ties, half);
    b.select(wins, g, tied)
}

/// d(xʸ): y·xʸ⁻¹ and xʸ·ln x, the latter 0 where x ≤ 0.
fn power(b: &mut dyn Builder, x: Value, y: Value, out: Value, g: Value) -> (Value, Value) {
    let less = b.offset(y, -1.0);
    let lower = b.binary(K::Pow, x, less);
    let slope = b.mul(y, lower);
    let dx = b.mul(g, slope);
    let zero = b.constant(0.0, x);
    let positive = b.binary(K::Greater, x, zero);
    let one = b.constant(1.0, x);
    let safe = b.select(positive, x, one);
    let log = b.unary(UnaryKind::Log, safe);
    let slope = b.mul(out, log);
    (dx, b.mul(g, slope))
}

fn cases(kind: BinaryKind) -> Vec<Case> {
    let op = Binary(kind);
    let name = kind.name();
    if kind.takes(DType::Bool) && kind != K::Equal {
        let bools = || Input::new([7, 5], DType::Bool, Fill::Uniform(0.0, 1.0));
        return vec![Case::new(format!("{name} 7x5"), op, vec![bools(), bools()]).tolerance(Tolerance::EXACT).no_grad()];
    }
    let (fill, tolerance) = match kind {
        K::Div => (Fill::Away(0.5, 3.0), Tolerance::ulp(4.0)),
        // exp2(b log2 a): the error grows with the exponent of the result.
        K::Pow => (Fill::Uniform(0.3, 3.0), Tolerance::ulp(24.0)),
        K::Add | K::Sub | K::Mul => (Fill::Uniform(-2.0, 2.0), Tolerance::ulp(1.0)),
        _ => (Fill::Uniform(-2.0, 2.0), Tolerance::EXACT),
    };
    let input = |shape: &[usize]| Input::f32(shape).fill(fill.clone());
    let case = |what: &str, inputs: Vec<Input>| {
        let case = Case::new(format!("{name} {what}"), op, inputs).tolerance(tolerance).backward(Tolerance::ulp(64.0));
        if kind.is_bool() { case.no_grad() } else { case }
    };
    let mut all = vec![
        case("scalars", vec![input(&[]), input(&[])]),
        case("4x8", vec![input(&[4, 8]), input(&[4, 8])]),
        case("7x13", vec![input(&[7, 13]), input(&[7, 13])]),
        case("bias 6x12 + 12", vec![input(&[6, 12]), input(&[12])]),
        case("scalar operand", vec![input(&[5, 4]), input(&[])]),
        case("column 4x1 with 8", vec![input(&[4, 1]), input(&[8])]),
        case("2x1x5 with 3x1", vec![input(&[2, 1, 5]), input(&[3, 1])]),
        case("8x4 transposed with plain", vec![input(&[8, 4]).view(View::Transposed), input(&[8, 4])]),
        case("4x8 sliced with transposed", vec![input(&[4, 8]).view(View::Sliced), input(&[4, 8]).view(View::Transposed)]),
        case("empty", vec![input(&[0, 3]), input(&[3])]),
    ];
    if kind != K::Pow {
        for dtype in [DType::I32, DType::U32] {
            let ints = || Input::new([3, 4], dtype, Fill::Uniform(1.0, 40.0));
            all.push(case(&dtype.to_string(), vec![ints(), ints()]).tolerance(Tolerance::EXACT).no_grad());
        }
    }
    if matches!(kind, K::Max | K::Min | K::Equal | K::Less | K::LessOrEqual | K::Greater | K::GreaterOrEqual) {
        let values = |v: &[f64]| Input::f32([4]).fill(Fill::Values(v.to_vec()));
        all.push(case("ties", vec![values(&[1.0, 2.0, -3.0, 0.0]), values(&[1.0, 1.0, -3.0, 4.0])]).no_grad());
    }
    if kind == K::Pow {
        let values = |v: &[f64]| Input::f32([8]).fill(Fill::Values(v.to_vec()));
        all.push(
            case("negative and zero bases", vec![values(&[-2.0, -2.0, 0.0, 0.0, -1.5, 3.0, 1.0, -1.0]), values(&[2.0, 3.0, 0.0, 2.0, -1.0, 0.0, 7.0, 5.0])])
                .no_grad(),
        );
    }
    let halves = || Input::new([6, 4], DType::F16, fill.clone());
    all.push(
        case("f16", vec![halves(), halves()])
            .tolerance(if kind.is_bool() { tolerance } else { tolerance.stored_as(DType::F16) })
            .backward(Tolerance::ulp(64.0).times(4096.0)),
    );
    all
}

/// The catalogue's entries: one a function.
pub fn entries() -> Vec<Entry> {
    let about = |kind| match kind {
        K::Add => "y = a + b with broadcasting",
        K::Sub => "y = a - b with broadcasting",
        K::Mul => "y = a·b with broadcasting",
        K::Div => "y = a/b with broadcasting",
        K::Pow => "y = aᵇ with broadcasting",
        K::Max => "y = max(a, b) with broadcasting",
        K::Min => "y = min(a, b) with broadcasting",
        K::Equal => "y = (a = b)",
        K::Less => "y = (a < b)",
        K::LessOrEqual => "y = (a ≤ b)",
        K::Greater => "y = (a > b)",
        K::GreaterOrEqual => "y = (a ≥ b)",
        K::And => "y = a and b",
        K::Or => "y = a or b",
        K::Xor => "y = a or b, not both",
    };
    BinaryKind::ALL.into_iter().map(|kind| Entry::unit(kind.name(), about(kind), Binary(kind), cases(kind))).collect()
}
