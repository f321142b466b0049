// A mean and the sum of the squared differences from it, gathered in parts that are joined as Chan, Golub and LeVeque do (1983,
// "Algorithms for computing the sample variance"): no large square is ever subtracted from another. Where CENTRED is false (RMS),
// a stays 0 and b is the sum of the squares themselves.
//
// F is one value or four that stand side by side; `folded` is generated: the lanes of F as one, where they belong to one row.
// RES is f32 then, else F. Counts are in units of F before folding, in values after it.

struct Pair { a: F, b: F }
struct Whole { a: RES, b: RES }

fn single(v: F) -> Pair {
  if (!CENTRED) { return Pair(F(0.0), v * v); }
  return Pair(v, F(0.0));
}

fn four(v0: F, v1: F, v2: F, v3: F) -> Pair {
  if (!CENTRED) { return Pair(F(0.0), (v0 * v0 + v1 * v1) + (v2 * v2 + v3 * v3)); }
  let mean = ((v0 + v1) + (v2 + v3)) * 0.25;
  let d0 = v0 - mean;
  let d1 = v1 - mean;
  let d2 = v2 - mean;
  let d3 = v3 - mean;
  return Pair(mean, (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3));
}

// n values that gave x and m that gave y.
fn joined(x: Pair, n: f32, y: Pair, m: f32) -> Pair {
  if (!CENTRED) { return Pair(x.a, x.b + y.b); }
  let share = m / max(n + m, 1.0);
  let d = y.a - x.a;
  return Pair(x.a + d * share, (x.b + y.b) + d * d * (n * share));
}

fn joined_whole(x: Whole, n: f32, y: Whole, m: f32) -> Whole {
  if (!CENTRED) { return Whole(x.a, x.b + y.b); }
  let share = m / max(n + m, 1.0);
  let d = y.a - x.a;
  return Whole(x.a + d * share, (x.b + y.b) + d * d * (n * share));
}
