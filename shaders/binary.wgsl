// Element-wise functions of two operands, and `where`. F, I, U, B are f32, i32, u32, bool or vectors of four of them.

fn add_F(a: F, b: F) -> F { return a + b; }
fn add_I(a: I, b: I) -> I { return a + b; }
fn add_U(a: U, b: U) -> U { return a + b; }
fn sub_F(a: F, b: F) -> F { return a - b; }
fn sub_I(a: I, b: I) -> I { return a - b; }
fn sub_U(a: U, b: U) -> U { return a - b; }
fn mul_F(a: F, b: F) -> F { return a * b; }
fn mul_I(a: I, b: I) -> I { return a * b; }
fn mul_U(a: U, b: U) -> U { return a * b; }
fn div_F(a: F, b: F) -> F { return a / b; }
fn div_I(a: I, b: I) -> I { return a / b; }
fn div_U(a: U, b: U) -> U { return a / b; }
fn max_F(a: F, b: F) -> F { return max(a, b); }
fn max_I(a: I, b: I) -> I { return max(a, b); }
fn max_U(a: U, b: U) -> U { return max(a, b); }
fn min_F(a: F, b: F) -> F { return min(a, b); }
fn min_I(a: I, b: I) -> I { return min(a, b); }
fn min_U(a: U, b: U) -> U { return min(a, b); }

// |a|^b with the sign of a where b is odd. log2 of zero is driver-dependent, so zero is set apart: 0^0 = 1.
fn pow_F(a: F, b: F) -> F {
  let magnitude = exp2(b * log2(max(abs(a), F(1.17549435e-38))));
  let odd = abs(b - F(2.0) * floor(b * F(0.5))) == F(1.0);
  let signed = select(magnitude, -magnitude, (a < F(0.0)) & odd);
  let at_zero = select(F(0.0), F(1.0), b == F(0.0));
  return select(signed, at_zero, a == F(0.0));
}

fn equal_F(a: F, b: F) -> B { return a == b; }
fn equal_I(a: I, b: I) -> B { return a == b; }
fn equal_U(a: U, b: U) -> B { return a == b; }
fn equal_B(a: B, b: B) -> B { return a == b; }
fn less_F(a: F, b: F) -> B { return a < b; }
fn less_I(a: I, b: I) -> B { return a < b; }
fn less_U(a: U, b: U) -> B { return a < b; }
fn less_or_equal_F(a: F, b: F) -> B { return a <= b; }
fn less_or_equal_I(a: I, b: I) -> B { return a <= b; }
fn less_or_equal_U(a: U, b: U) -> B { return a <= b; }
fn greater_F(a: F, b: F) -> B { return a > b; }
fn greater_I(a: I, b: I) -> B { return a > b; }
fn greater_U(a: U, b: U) -> B { return a > b; }
fn greater_or_equal_F(a: F, b: F) -> B { return a >= b; }
fn greater_or_equal_I(a: I, b: I) -> B { return a >= b; }
fn greater_or_equal_U(a: U, b: U) -> B { return a >= b; }
fn and_B(a: B, b: B) -> B { return a & b; }
fn or_B(a: B, b: B) -> B { return a | b; }
fn xor_B(a: B, b: B) -> B { return a != b; }

fn where_F(c: B, a: F, b: F) -> F { return select(b, a, c); }
fn where_I(c: B, a: I, b: I) -> I { return select(b, a, c); }
fn where_U(c: B, a: U, b: U) -> U { return select(b, a, c); }
fn where_B(c: B, a: B, b: B) -> B { return select(b, a, c); }
