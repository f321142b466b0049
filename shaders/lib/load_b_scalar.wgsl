// B read one element at a time, any strides. `first` is the first element of the matrix.
@group(0) @binding(2) var<storage, read> b: array<T>;

fn load_b(first: u32, k: u32, col: u32) -> f32 {
  return f32(b[first + k * params.b_k + col * params.b_col]);
}

// The elements 4 at to 4 at + 3, for kernels that ask so only where B is read by vectors.
fn vector_b(at: u32) -> vec4<f32> {
  return vec4<f32>(f32(b[4u * at]), f32(b[4u * at + 1u]), f32(b[4u * at + 2u]), f32(b[4u * at + 3u]));
}

// Four neighbours along k.
fn load_b_along_k(first: u32, k: u32, col: u32) -> vec4<f32> {
  let at = first + k * params.b_k + col * params.b_col;
  let step = params.b_k;
  return vec4<f32>(f32(b[at]), f32(b[at + step]), f32(b[at + 2u * step]), f32(b[at + 3u * step]));
}

// Four neighbours along the columns.
fn load_b_along_cols(first: u32, k: u32, col: u32) -> vec4<f32> {
  let at = first + k * params.b_k + col * params.b_col;
  let step = params.b_col;
  return vec4<f32>(f32(b[at]), f32(b[at + step]), f32(b[at + 2u * step]), f32(b[at + 3u * step]));
}
