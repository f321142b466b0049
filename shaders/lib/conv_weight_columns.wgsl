// B of a convolution's weight gradient: a column is (input channel, tap row, tap) of the window, k runs over the pixels of all
// images. B[k, col] is the input's pixel that the tap sees from output pixel k; zero outside the image.
struct Columns { at: vec4<u32>, y: vec4<u32>, x: vec4<u32> }

// Of four columns: their taps' distances from an output pixel's corner; a column past the edge repeats the last one.
fn start_b(first: u32, col: u32) -> Columns {
  let c = min(col + QUAD, vec4<u32>(params.n - 1u));
  let taps = KERNEL_H * KERNEL_W;
  let y = c % taps / KERNEL_W * conv.dilation.x - conv.pad.x;
  let x = c % KERNEL_W * conv.dilation.y - conv.pad.y;
  return Columns(first + c / taps * conv.plane + y * conv.width + x, y, x);
}

// Output pixel k, seen by four taps. A negative coordinate is a large one.
fn seen(at: Columns, k: u32, k_end: u32) -> vec4<f32> {
  let p = k % conv.pixels;
  let y = p / conv.out_width * conv.stride.x;
  let x = p % conv.out_width * conv.stride.y;
  let lies = (at.y + y < vec4<u32>(conv.height)) & (at.x + x < vec4<u32>(conv.width)) & vec4<bool>(k < k_end);
  return select(vec4<f32>(), pixels(at.at + k / conv.pixels * conv.image + y * conv.width + x), lies);
}

fn load_b(first: u32, k: u32, col: u32) -> f32 {
  return seen(start_b(first, col), k, params.k).x;
}

// B[k..k+4, col..col+4], a vector for each k.
fn block_b(at: Columns, k: u32, k_end: u32) -> mat4x4<f32> {
  return mat4x4<f32>(seen(at, k, k_end), seen(at, k + 1u, k_end), seen(at, k + 2u, k_end), seen(at, k + 3u, k_end));
}
