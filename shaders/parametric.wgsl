// Element-wise functions of one operand with constants of their own. F is f32 or a vector of four; constants are scalars. The
// formulas stand in the op's file.

fn leaky_relu_F(x: F, alpha: f32) -> F { return select(x * alpha, x, x > F(0.0)); }

// Below 0.3 the difference e^x - 1 would cancel: a series there.
fn elu_F(x: F, alpha: f32) -> F {
  let low = min(x, F(0.0));
  let series = low * (F(1.0) + low * (F(0.5) + low * (F(0.16666667) + low * (F(0.041666668) + low * (F(8.333334e-3) + low * F(1.3888889e-3))))));
  let bent = select(exp(max(low, F(-88.0))) - F(1.0), series, low > F(-0.3));
  return select(bent * alpha, x, x > F(0.0));
}

fn clamp_F(x: F, low: f32, high: f32) -> F { return min(max(x, F(low)), F(high)); }
