// The images that a convolution gathers from, four elements at a time: every row is a whole number of vectors, and the four
// pixels around a window's middle column are one of them: three loads where there would be six.
@group(0) @binding(2) var<storage, read> b: array<vec4<T>>;

fn pixel(at: u32) -> f32 {
  let i = min(at, conv.last);
  return f32(b[i / 4u][i % 4u]);
}

fn pixels(at: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(pixel(at.x), pixel(at.y), pixel(at.z), pixel(at.w));
}

// Eight neighbours from `at`, the last element of a vector; six are wanted.
fn neighbours(at: u32) -> mat2x4<f32> {
  let last = conv.last / 4u;
  let i = (at + 1u) / 4u;
  let middle = vec4<f32>(b[min(i, last)]);
  let left = f32(b[min(i - 1u, last)].w);
  let right = f32(b[min(i + 1u, last)].x);
  return mat2x4<f32>(vec4<f32>(left, middle.xyz), vec4<f32>(middle.w, right, 0.0, 0.0));
}
