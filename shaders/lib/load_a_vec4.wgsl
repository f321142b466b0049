// A read four elements at a time: its contiguous direction (k, or the rows where TRANS_A) has stride 1, and its extent, the
// other stride, the batch strides and the offset are multiples of 4. `first` is the first element of the matrix.
@group(0) @binding(1) var<storage, read> a: array<vec4<T>>;

fn vector_a(at: u32) -> vec4<f32> {
  return vec4<f32>(a[at]);
}

fn load_a(first: u32, row: u32, k: u32) -> f32 {
  let at = first + row * params.a_row + a_step(k);
  return f32(a[at / 4u][at % 4u]);
}

fn load_a_along_k(first: u32, row: u32, k: u32) -> vec4<f32> {
  if TRANS_A {
    return vec4<f32>(load_a(first, row, k), load_a(first, row, k + 1u), load_a(first, row, k + 2u), load_a(first, row, k + 3u));
  }
  return vec4<f32>(a[(first + row * params.a_row + a_step(k)) / 4u]);
}

fn load_a_along_rows(first: u32, row: u32, k: u32) -> vec4<f32> {
  if !TRANS_A {
    return vec4<f32>(load_a(first, row, k), load_a(first, row + 1u, k), load_a(first, row + 2u, k), load_a(first, row + 3u, k));
  }
  return vec4<f32>(a[(first + row + a_step(k)) / 4u]);
}
