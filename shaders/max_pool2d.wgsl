// y[o] = the maximum of window o of x, indices[o] = its place in the plane: one invocation a window, one value a load.
//
// Buffers: x [planes, height, width], y and indices [planes, out_height, out_width] in row-major order. Taps outside of x are
// passed over; the first of equal values wins, and NaN wins over all, told by its bits since drivers take x == x for true.
// `store_index` is generated: it writes the index, or does nothing where nobody reads it.
// Grid: one invocation a window, workgroups folded over x and y.

struct Params {
  count: u32,
  height: i32, width: i32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, pad_h: i32, pad_w: i32, dilation_h: i32, dilation_w: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let rest = i / params.out_width;
  let plane = i32(rest / params.out_height) * params.height * params.width;
  let top = i32(rest % params.out_height) * params.stride_h - params.pad_h;
  let left = i32(i % params.out_width) * params.stride_w - params.pad_w;
  var best = 0.0;
  var index = -1;
  for (var r = 0; r < params.kernel_h; r++) {
    let row = top + r * params.dilation_h;
    if (row < 0 || row >= params.height) { continue; }
    for (var c = 0; c < params.kernel_w; c++) {
      let col = left + c * params.dilation_w;
      if (col < 0 || col >= params.width) { continue; }
      let at = row * params.width + col;
      let v = f32(x[plane + at]);
      if (index < 0 || v > best || (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u) {
        best = v;
        index = at;
      }
    }
  }
  y[i] = T(best);
  store_index(i, index);
}
