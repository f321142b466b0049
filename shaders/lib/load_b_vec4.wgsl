// B read four elements at a time: its contiguous direction (the columns, or k where TRANS_B) has stride 1, and its extent,
// the other stride, the batch strides and the offset are multiples of 4. `first` is the first element of the matrix.
@group(0) @binding(2) var<storage, read> b: array<vec4<T>>;

fn vector_b(at: u32) -> vec4<f32> {
  return vec4<f32>(b[at]);
}

fn load_b(first: u32, k: u32, col: u32) -> f32 {
  let at = first + k * params.b_k + col * params.b_col;
  return f32(b[at / 4u][at % 4u]);
}

fn load_b_along_k(first: u32, k: u32, col: u32) -> vec4<f32> {
  if !TRANS_B {
    return vec4<f32>(load_b(first, k, col), load_b(first, k + 1u, col), load_b(first, k + 2u, col), load_b(first, k + 3u, col));
  }
  return vec4<f32>(b[(first + k + col * params.b_col) / 4u]);
}

fn load_b_along_cols(first: u32, k: u32, col: u32) -> vec4<f32> {
  if TRANS_B {
    return vec4<f32>(load_b(first, k, col), load_b(first, k, col + 1u), load_b(first, k, col + 2u), load_b(first, k, col + 3u));
  }
  return vec4<f32>(b[(first + k * params.b_k + col) / 4u]);
}
