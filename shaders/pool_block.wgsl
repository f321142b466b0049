// y[o] = the maximum of window o of x, with its place, or the mean: a block of neighbouring windows an invocation.
//
// Buffers: x [planes, height, width] and y [planes, out_height, out_width] in row-major order as XS and YS, which are one value or
// 2 or 4 neighbours along the width; widths count those. X and Y are the same in f32, KY holds one integer for each value of Y.
// Generated, unrolled for the windows' geometry (crates/kernels/src/pooling.rs): `block`; `places`, by how many a sum is divided;
// the binding of the indices, where they are wanted. GUARDED says whether windows reach out of x: `fill` is there then.
// NaN wins, as in PyTorch; it is told by its bits, since drivers take x == x for true.
// Grid: one invocation a block, workgroups folded over x and y.

struct Params {
  count: u32, across: u32, down: u32,  // blocks in all, in a row, in a column
  fill: u32,  // as f32: the least of all values for a maximum, 0 for a mean
  height: i32, width: i32, out_height: i32, out_width: i32,
  row: i32,  // values in a row of x
  unused_0: i32, unused_1: i32, unused_2: i32,
  limits: vec4<i32>,  // from where to where places count: down, across
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<XS>;
@group(0) @binding(2) var<storage, read_write> y: array<YS>;

fn image(plane: i32, row: i32, col: i32) -> X {
  let at = (plane * params.height + row) * params.width + col;
  if (GUARDED) {
    let inside = (row >= 0) & (row < params.height) & (col >= 0) & (col < params.width);
    return select(X(bitcast<f32>(params.fill)), X(x[select(0, at, inside)]), inside);
  }
  return X(x[at]);
}

// Whether v takes the place of the best value so far.
fn beats(v: Y, best: Y) -> BY {
  return (v > best) | ((bitcast<KY>(v) & KY(0x7fffffff)) > KY(0x7f800000));
}

// The first tap of a window that is not before x.
fn first_row(start: i32, dilation: i32) -> i32 {
  return start + (max(-start, 0) + dilation - 1) / dilation * dilation;
}

fn first_col(start: KY, dilation: i32) -> KY {
  return start + (max(-start, KY(0)) + KY(dilation - 1)) / dilation * dilation;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let rest = i / params.across;
  block(i32(rest / params.down), i32(rest % params.down), i32(i % params.across));
}
