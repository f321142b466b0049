// A of at most 64 KiB in a uniform buffer, which a software adapter gathers from without walking over the lanes: a tenth of the
// time of a load from a storage buffer. Memory runs along k. `first` is the first element of the matrix.
@group(0) @binding(1) var<uniform> a: array<vec4<f32>, 4096>;

fn vector_a(at: u32) -> vec4<f32> {
  return a[at];
}

fn load_a(first: u32, row: u32, k: u32) -> f32 {
  let at = first + row * params.a_row + k;
  return a[at / 4u][at % 4u];
}

fn load_a_along_k(first: u32, row: u32, k: u32) -> vec4<f32> {
  if A_VEC4 {
    return a[(first + row * params.a_row + k) / 4u];
  }
  return vec4<f32>(load_a(first, row, k), load_a(first, row, k + 1u), load_a(first, row, k + 2u), load_a(first, row, k + 3u));
}

fn load_a_along_rows(first: u32, row: u32, k: u32) -> vec4<f32> {
  return vec4<f32>(load_a(first, row, k), load_a(first, row + 1u, k), load_a(first, row + 2u, k), load_a(first, row + 3u, k));
}
