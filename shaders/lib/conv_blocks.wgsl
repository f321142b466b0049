// The blocks that `start_b` and `block_b` gather, as the tiled kernels want them: B[k..k+4, col..col+4], one k each.
fn b_by_k(at: Columns, k: u32, k_end: u32) -> array<vec4<f32>, 4> {
  let block = block_b(at, k, k_end);
  return array<vec4<f32>, 4>(block[0], block[1], block[2], block[3]);
}
