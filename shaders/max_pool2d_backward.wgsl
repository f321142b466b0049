// dx[i] = the sum of g[o] over the windows o with indices[o] = i: one invocation a place, which looks through the windows that
// cover it, in order.
//
// Buffers: g and indices [planes, out_height, out_width], dx [planes, height, width] in row-major order. An index names a place of
// its plane; one outside of its window counts for nothing.
// Grid: one invocation a place, workgroups folded over x and y.

struct Params {
  count: u32,
  height: u32, width: u32, out_height: i32, out_width: i32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, pad_h: i32, pad_w: i32, dilation_h: i32, dilation_w: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<T>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> dx: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let rest = i / params.width;
  let plane = i32(rest / params.height) * params.out_height * params.out_width;
  let row = i32(rest % params.height) + params.pad_h;
  let col = i32(i % params.width) + params.pad_w;
  let place = i32(i % (params.height * params.width));
  var sum = 0.0;
  for (var r = 0; r < params.kernel_h; r++) {
    let down = row - r * params.dilation_h;
    let o_row = down / params.stride_h;
    if (down < 0 || o_row * params.stride_h != down || o_row >= params.out_height) { continue; }
    for (var c = 0; c < params.kernel_w; c++) {
      let across = col - c * params.dilation_w;
      let o_col = across / params.stride_w;
      if (across < 0 || o_col * params.stride_w != across || o_col >= params.out_width) { continue; }
      let o = plane + o_row * params.out_width + o_col;
      if (indices[o] == place) { sum += f32(gradient[o]); }
    }
  }
  dx[i] = T(sum);
}
