// Element-wise functions of one operand. F, I, U, B are f32, i32, u32, bool or vectors of four of them: the program's
// aliases say which, and every function here is written for both. The formulas stand in the op's file.
//
// Traps that these guard against: exp overflows to inf above 88.7, and inf must not be relied on; tanh of a large
// argument is NaN on SwiftShader; log(0) is finite there.

fn neg_F(x: F) -> F { return -x; }
fn neg_I(x: I) -> I { return -x; }
fn abs_F(x: F) -> F { return abs(x); }
fn abs_I(x: I) -> I { return abs(x); }
fn sign_F(x: F) -> F { return sign(x); }
fn floor_F(x: F) -> F { return floor(x); }
fn exp_F(x: F) -> F { return exp(x); }
fn log_F(x: F) -> F { return log(x); }
fn sqrt_F(x: F) -> F { return sqrt(x); }
fn rsqrt_F(x: F) -> F { return inverseSqrt(x); }
fn sin_F(x: F) -> F { return sine_of_quadrant(x, F(0.0)); }
fn cos_F(x: F) -> F { return sine_of_quadrant(x, F(1.0)); }
fn reciprocal_F(x: F) -> F { return F(1.0) / x; }
fn square_F(x: F) -> F { return x * x; }
fn square_I(x: I) -> I { return x * x; }
fn relu_F(x: F) -> F { return max(x, F(0.0)); }
fn not_B(x: B) -> B { return !x; }

// sin(x + quadrants pi/2), absolute error about 1e-7 for |x| up to 8,192. WGSL grants its own sin and cos only 2^-11, and
// SwiftShader uses 2e-4 of that. Reduction by pi/2 in three parts (Cody and Waite 1980), polynomials of Cephes' sinf and cosf.
fn sine_of_quadrant(x: F, quadrants: F) -> F {
  let k = round(x * F(0.63661977));
  let r = ((x - k * F(1.5703125)) - k * F(4.8375130e-4)) - k * F(7.5497900e-8);
  let z = r * r;
  let s = r + r * z * (F(-0.16666655) + z * (F(8.3321609e-3) + z * F(-1.9515296e-4)));
  let c = F(1.0) - F(0.5) * z + z * z * (F(0.041666646) + z * (F(-1.3887316e-3) + z * F(2.4433157e-5)));
  let q = k + quadrants;
  let turn = q - F(4.0) * floor(q * F(0.25));
  let even = turn - F(2.0) * floor(turn * F(0.5)) == F(0.0);
  return select(F(1.0), F(-1.0), turn >= F(2.0)) * select(c, s, even);
}

// f32 tanh is 1 to the last bit above 9.02. Below 0.3 the quotient of exponentials would cancel: a series there.
fn tanh_F(x: F) -> F {
  let a = min(abs(x), F(10.0));
  let e = exp(F(-2.0) * a);
  let large = (F(1.0) - e) / (F(1.0) + e);
  let z = a * a;
  let small = a * (F(1.0) + z * (F(-0.33333334) + z * (F(0.13333334) + z * (F(-0.05396825) + z * F(0.021869488)))));
  return sign(x) * select(large, small, a < F(0.3));
}

fn sigmoid_F(x: F) -> F { return F(1.0) / (F(1.0) + exp(min(-x, F(88.0)))); }

fn silu_F(x: F) -> F { return x * sigmoid_F(x); }

// tanh(ln(1 + e^x)) as a quotient in e = e^-|x|, which cannot overflow.
fn mish_F(x: F) -> F {
  let e = exp(-min(abs(x), F(88.0)));
  let z = e * e;
  let up = F(1.0) + F(2.0) * e;
  let down = z + F(2.0) * e;
  return x * select(down / (down + F(2.0)), up / (up + F(2.0) * z), x > F(0.0));
}

fn hardswish_F(x: F) -> F { return x * clamp(x * F(0.16666667) + F(0.5), F(0.0), F(1.0)); }

// x P(x^2) up to 1.5 and 1 - exp(-x^2) Q(1/(1 + x/2)) above; P and Q are Chebyshev fits in f64, relative error 2.3e-7 in f32.
fn erf_F(x: F) -> F {
  let a = min(abs(x), F(4.5));
  let z = a * a;
  var p = F(6.2231226e-7);
  p = p * z + F(-1.1344443e-5);
  p = p * z + F(1.1315388e-4);
  p = p * z + F(-8.4557192e-4);
  p = p * z + F(5.2170348e-3);
  p = p * z + F(-2.6863214e-2);
  p = p * z + F(0.11283728);
  p = p * z + F(-0.37612635);
  p = p * z + F(1.1283792);
  let t = F(1.0) / (F(1.0) + F(0.5) * a);
  var q = F(-0.10240836);
  q = q * t + F(0.0784081);
  q = q * t + F(0.24792304);
  q = q * t + F(0.19602418);
  q = q * t + F(0.29870984);
  q = q * t + F(0.27938119);
  q = q * t + F(1.7929409e-4);
  return sign(x) * select(F(1.0) - exp(-z) * q, a * p, a < F(1.5));
}

fn gelu_F(x: F) -> F { return F(0.5) * x * (F(1.0) + erf_F(x * F(0.70710678))); }

fn gelu_tanh_F(x: F) -> F { return F(0.5) * x * (F(1.0) + tanh_F(F(0.7978846) * (x + F(0.044715) * x * x * x))); }
