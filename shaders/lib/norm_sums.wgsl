// Two sums, for the kernels that gather pairs: see norm_moments.wgsl.

struct Pair { a: F, b: F }
struct Whole { a: RES, b: RES }

fn joined(x: Pair, n: f32, y: Pair, m: f32) -> Pair {
  return Pair(x.a + y.a, x.b + y.b);
}

fn joined_whole(x: Whole, n: f32, y: Whole, m: f32) -> Whole {
  return Whole(x.a + y.a, x.b + y.b);
}
