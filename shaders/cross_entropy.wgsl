// losses[i] = lse[i] - x[i, labels[i]], lse[i] = ln sum of exp(x[i, c]) over c: one invocation a row. With smoothing s the logit of
// the label is (1 - s) of itself and s of the mean of all.
//
// Buffers: x [rows, classes] in row-major order, labels [rows], losses and lse [rows] in f32. STORED is one logit or four
// neighbours, and params.classes counts those; params.labels is the number of classes.
// Grid: one invocation a row, workgroups folded over x and y.

struct Params { rows: u32, classes: u32, labels: u32, divisor: f32, ignored: i32, smoothing: f32 }

@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;
@group(0) @binding(4) var<storage, read> labels: array<i32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (row >= params.rows) { return; }
  let result = row_loss(row);
  losses[row] = result.x;
  lse[row] = result.y;
}
