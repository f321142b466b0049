// A lane of three columns.
alias V = vec3<f32>;

fn taps(a: f32, b: f32, c: f32) -> V {
  return V(a, b, c);
}

fn store_lane(first: u32, row: u32, col: u32, value: V) {
  if col < params.n {
    store1(first, row, col, value.x);
    store1(first, row, col + 1u, value.y);
    store1(first, row, col + 2u, value.z);
  }
}
