// B[k, col] = x[image, channel, y, x] under a convolution's window: a column is an output pixel of an image, k runs over
// channels and the window's taps. Outside the image it is zero.
//
// BY_TAPS: k = (channel * KERNEL_H + tap row) * 4 + tap, for windows up to four wide; else k = (channel * KERNEL_H + tap row) *
// KERNEL_W + tap. FLAT: four columns and a tap are neighbours in memory: one run serves all taps of a row.
// UP_H, UP_W: the image is read as if UP - 1 zeros lay between its pixels (a transposed convolution with that stride).
const ROW_TAPS: u32 = select(KERNEL_W, 4u, BY_TAPS);
struct Columns { at: vec4<u32>, y: vec4<i32>, x: vec4<i32> }

// The upper left corner of the window of four columns, and its address; a column past the edge repeats the last one.
fn start_b(first: u32, col: u32) -> Columns {
  let c = min(col + QUAD, vec4<u32>(params.n - 1u));
  let p = c % conv.pixels;
  let y = vec4<i32>(p / conv.out_width * conv.stride.x - conv.pad.x);
  let x = vec4<i32>(p % conv.out_width * conv.stride.y - conv.pad.y);
  let image = first + c / conv.pixels * conv.image;
  if UP_H * UP_W > 1u {
    return Columns(image, y, x);
  }
  return Columns(image + vec4<u32>(y) * conv.width + vec4<u32>(x), y, x);
}

// One tap of four columns. A negative coordinate is a large one.
fn tap(at: Columns, channel: u32, row: u32, column: u32) -> vec4<f32> {
  let y = vec4<u32>(at.y) + row * conv.dilation.x;
  let x = vec4<u32>(at.x) + column * conv.dilation.y;
  if UP_H * UP_W > 1u {
    let lies = (y / UP_H < vec4<u32>(conv.height)) & (x / UP_W < vec4<u32>(conv.width)) & (y % UP_H == vec4<u32>()) & (x % UP_W == vec4<u32>());
    return select(vec4<f32>(), pixels(at.at + channel * conv.plane + y / UP_H * conv.width + x / UP_W), lies);
  }
  let lies = (y < vec4<u32>(conv.height)) & (x < vec4<u32>(conv.width));
  return select(vec4<f32>(), pixels(at.at + channel * conv.plane + row * conv.dilation.x * conv.width + column * conv.dilation.y), lies);
}

fn tap_of(at: Columns, k: u32, k_end: u32) -> vec4<f32> {
  let taps = KERNEL_H * ROW_TAPS;
  let column = k % ROW_TAPS;
  return select(vec4<f32>(), tap(at, k / taps, k % taps / ROW_TAPS, column), (k < k_end) & (column < KERNEL_W));
}

fn load_b(first: u32, k: u32, col: u32) -> f32 {
  return tap_of(start_b(first, col), k, params.k).x;
}

// B[k..k+4, col..col+4], a vector for each k.
fn block_b(at: Columns, k: u32, k_end: u32) -> mat4x4<f32> {
  if !BY_TAPS {
    return mat4x4<f32>(tap_of(at, k, k_end), tap_of(at, k + 1u, k_end), tap_of(at, k + 2u, k_end), tap_of(at, k + 3u, k_end));
  }
  let channel = k / 4u / KERNEL_H;
  let row = k / 4u % KERNEL_H;
  var v: mat4x4<f32>;
  if !FLAT {
    v[0] = tap(at, channel, row, 0u);
    if KERNEL_W > 1u { v[1] = tap(at, channel, row, 1u); }
    if KERNEL_W > 2u { v[2] = tap(at, channel, row, 2u); }
    if KERNEL_W > 3u { v[3] = tap(at, channel, row, 3u); }
  } else {
    let run = neighbours(at.at.x + channel * conv.plane + row * conv.dilation.x * conv.width);
    let inside = vec4<u32>(at.y) + row * conv.dilation.x < vec4<u32>(conv.height);
    v = under_taps(run, vec4<u32>(at.x), inside);
  }
  return v;
}
