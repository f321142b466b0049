// A read one element at a time, any strides. `first` is the first element of the matrix.
@group(0) @binding(1) var<storage, read> a: array<T>;

fn load_a(first: u32, row: u32, k: u32) -> f32 {
  return f32(a[first + row * params.a_row + a_step(k)]);
}

// The elements 4 at to 4 at + 3, for kernels that ask so only where A is read by vectors.
fn vector_a(at: u32) -> vec4<f32> {
  return vec4<f32>(f32(a[4u * at]), f32(a[4u * at + 1u]), f32(a[4u * at + 2u]), f32(a[4u * at + 3u]));
}

// Four neighbours along k.
fn load_a_along_k(first: u32, row: u32, k: u32) -> vec4<f32> {
  let at = first + row * params.a_row;
  return vec4<f32>(f32(a[at + a_step(k)]), f32(a[at + a_step(k + 1u)]), f32(a[at + a_step(k + 2u)]), f32(a[at + a_step(k + 3u)]));
}

// Four neighbours along the rows.
fn load_a_along_rows(first: u32, row: u32, k: u32) -> vec4<f32> {
  let at = first + row * params.a_row + a_step(k);
  let step = params.a_row;
  return vec4<f32>(f32(a[at]), f32(a[at + step]), f32(a[at + 2u * step]), f32(a[at + 3u * step]));
}
