// Guarded 4x4 blocks of A on top of load_a. A row past the edge repeats the last one (nobody stores it); k
// from k_end on reads as zero, so that no inf or NaN of a neighbour is multiplied in. No loop indexes an array
// here: a compiler that does not unroll would put the array into memory (SwiftShader: 7 times slower).
// Where A_VEC4 holds, A's contiguous extent is a multiple of 4.
const A_ALONG_ROWS: bool = A_VEC4 && TRANS_A;

// A[row, k..k+4]
fn a_along_k(first: u32, row: u32, k: u32, k_end: u32) -> vec4<f32> {
  let r = min(row, params.m - 1u);
  if A_VEC4 && !TRANS_A {
    return select(vec4<f32>(), load_a_along_k(first, r, min(k, k_end - 4u)), k < k_end);
  }
  let last = k_end - 1u;
  let v = vec4<f32>(load_a(first, r, min(k, last)), load_a(first, r, min(k + 1u, last)),
                      load_a(first, r, min(k + 2u, last)), load_a(first, r, min(k + 3u, last)));
  return select(vec4<f32>(), v, vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(k_end));
}

// A[row..row+4, k]
fn a_along_rows(first: u32, row: u32, k: u32, k_end: u32) -> vec4<f32> {
  let v = load_a_along_rows(first, min(row, params.m - 4u), min(k, k_end - 1u));
  return select(vec4<f32>(), v, k < k_end);
}

// A[row..row+4, k..k+4] as memory gives it: one k each if A_ALONG_ROWS, else one row each.
fn a_block(first: u32, row: u32, k: u32, k_end: u32) -> array<vec4<f32>, 4> {
  if A_ALONG_ROWS {
    return array<vec4<f32>, 4>(a_along_rows(first, row, k, k_end), a_along_rows(first, row, k + 1u, k_end),
                                   a_along_rows(first, row, k + 2u, k_end), a_along_rows(first, row, k + 3u, k_end));
  }
  return array<vec4<f32>, 4>(a_along_k(first, row, k, k_end), a_along_k(first, row + 1u, k, k_end),
                               a_along_k(first, row + 2u, k, k_end), a_along_k(first, row + 3u, k, k_end));
}

// A[row..row+4, k..k+4], one row each.
fn a_by_row(first: u32, row: u32, k: u32, k_end: u32) -> array<vec4<f32>, 4> {
  let v = a_block(first, row, k, k_end);
  if A_ALONG_ROWS {
    return transposed(v);
  }
  return v;
}

// A[row..row+4, k..k+4], one k each.
fn a_by_k(first: u32, row: u32, k: u32, k_end: u32) -> array<vec4<f32>, 4> {
  let v = a_block(first, row, k, k_end);
  if A_ALONG_ROWS {
    return v;
  }
  return transposed(v);
}
