// B of the weight gradient of a convolution whose window is KERNEL_W (2 or 3) wide and moves pixel by pixel, for the subgroup
// kernel: a lane takes the taps of one row of the window. Four pixels and all taps see one run of neighbours: six loads, or
// three, where four columns of their own would take sixteen. Four pixels lie in one image, and in one row of it unless the
// output is as wide as the input.
struct Columns { first: u32, down: u32 }

fn start_b(first: u32, col: u32) -> Columns {
  let row = min(col, params.n - 1u) / KERNEL_W;
  return Columns(first + row / KERNEL_H * conv.plane, row % KERNEL_H * conv.dilation.x - conv.pad.x);
}

fn b_by_k(columns: Columns, k: u32, k_end: u32) -> array<V, 4> {
  let down = columns.down;
  let p = k % conv.pixels;
  let y = (p + QUAD) / conv.out_width;
  let x = (p + QUAD) % conv.out_width - conv.pad.y;
  let at = columns.first + k / conv.pixels * conv.image + (y.x + down) * conv.width + x.x;
  let run = neighbours(at);
  let inside = (y + down < vec4<u32>(conv.height)) & vec4<bool>(k < k_end);
  let v = under_taps(run, x, inside);
  return array<V, 4>(taps(v[0].x, v[1].x, v[2].x), taps(v[0].y, v[1].y, v[2].y), taps(v[0].z, v[1].z, v[2].z), taps(v[0].w, v[1].w, v[2].w));
}
