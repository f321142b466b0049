// dx[i] = the sum of g[o] over the windows o whose maximum was at i, or of g[o] / (places of o) over the windows o that cover i: a
// block of neighbouring places an invocation. Each place looks for its windows, in order: nothing is added by two.
//
// Buffers: g [planes, out_height, out_width] and dx [planes, height, width] in row-major order as YS and XS, which are one value or
// 2 or 4 neighbours along the width; widths count those. X and Y are the same in f32, KX and KY as many integers.
// Generated, unrolled for the windows' geometry (crates/kernels/src/pooling.rs): `block`; `places`, by how many a sum was divided;
// the binding of the indices, for the maximum. GUARDED says whether a block looks for windows that there are not.
// Grid: one invocation a block, workgroups folded over x and y.

struct Params {
  count: u32, across: u32, down: u32,  // blocks in all, in a row, in a column
  fill: u32,
  height: i32, width: i32, out_height: i32, out_width: i32,
  row: i32,  // values in a row of dx
  unused_0: i32, unused_1: i32, unused_2: i32,
  limits: vec4<i32>,  // from where to where places count: down, across
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<YS>;
@group(0) @binding(2) var<storage, read_write> dx: array<XS>;

fn within(row: i32, col: i32) -> bool {
  return !GUARDED || ((row >= 0) & (row < params.out_height) & (col >= 0) & (col < params.out_width));
}

fn place_of(plane: i32, row: i32, col: i32, inside: bool) -> i32 {
  return select(0, (plane * params.out_height + row) * params.out_width + col, inside);
}

fn store(plane: i32, row: i32, col: i32, value: X) {
  if (row < params.height && col < params.width) {
    dx[(plane * params.height + row) * params.width + col] = XS(value);
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let rest = i / params.across;
  block(i32(rest / params.down), i32(rest % params.down), i32(i % params.across));
}
