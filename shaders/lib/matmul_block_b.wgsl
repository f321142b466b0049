// Guarded 4x4 blocks of B on top of load_b, as in matmul_block_a.wgsl: a column past the edge repeats the last
// one, k from k_end on reads as zero. Where B_VEC4 holds, B's contiguous extent is a multiple of 4.

// B[k, col..col+4]
fn b_along_cols(first: u32, k: u32, k_end: u32, col: u32) -> vec4<f32> {
  let at = min(k, k_end - 1u);
  if B_VEC4 && !TRANS_B {
    return select(vec4<f32>(), load_b_along_cols(first, at, min(col, params.n - 4u)), k < k_end);
  }
  let last = params.n - 1u;
  let v = vec4<f32>(load_b(first, at, min(col, last)), load_b(first, at, min(col + 1u, last)),
                      load_b(first, at, min(col + 2u, last)), load_b(first, at, min(col + 3u, last)));
  return select(vec4<f32>(), v, k < k_end);
}

// B[k..k+4, col]
fn b_along_k(first: u32, k: u32, k_end: u32, col: u32) -> vec4<f32> {
  let v = load_b_along_k(first, min(k, k_end - 4u), min(col, params.n - 1u));
  return select(vec4<f32>(), v, k < k_end);
}

// The first element of B and the first of four columns.
struct Columns { first: u32, col: u32 }

fn start_b(first: u32, col: u32) -> Columns {
  return Columns(first, col);
}

// B[k..k+4, col..col+4], one k each.
fn b_by_k(at: Columns, k: u32, k_end: u32) -> array<vec4<f32>, 4> {
  let first = at.first;
  let col = at.col;
  if B_VEC4 && TRANS_B {
    return transposed(array<vec4<f32>, 4>(b_along_k(first, k, k_end, col), b_along_k(first, k, k_end, col + 1u),
                                              b_along_k(first, k, k_end, col + 2u), b_along_k(first, k, k_end, col + 3u)));
  }
  return array<vec4<f32>, 4>(b_along_cols(first, k, k_end, col), b_along_cols(first, k + 1u, k_end, col),
                               b_along_cols(first, k + 2u, k_end, col), b_along_cols(first, k + 3u, k_end, col));
}
