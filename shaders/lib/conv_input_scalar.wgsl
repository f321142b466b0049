// The images that a convolution gathers from, one element at a time.
@group(0) @binding(2) var<storage, read> b: array<T>;

fn pixel(at: u32) -> f32 {
  return f32(b[min(at, conv.last)]);
}

fn pixels(at: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(pixel(at.x), pixel(at.y), pixel(at.z), pixel(at.w));
}

// Eight neighbours from `at`, of which four and KERNEL_W - 1 are wanted.
fn neighbours(at: u32) -> mat2x4<f32> {
  var more = vec4<f32>();
  if KERNEL_W > 1u { more.x = pixel(at + 4u); }
  if KERNEL_W > 2u { more.y = pixel(at + 5u); }
  if KERNEL_W > 3u { more.z = pixel(at + 6u); }
  return mat2x4<f32>(pixels(at + QUAD), more);
}
