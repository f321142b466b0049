// loss = sum over i of (lse[i] - x[i, labels[i]]) / divisor and lse[i], all in one workgroup: for the batches of small networks,
// where a second dispatch for the sum would cost more than the work.
//
// Buffers: x [rows, classes] in row-major order, labels [rows], loss one f32, lse [rows] in f32. STORED is one logit or four
// neighbours, and params.classes counts those; params.labels is the number of classes. `divisor` is generated: 1, the number of rows,
// or the number of rows whose label is not the ignored one, which it stores.
// Each invocation does every WORKGROUP-th row; a tree in workgroup memory adds up, in an order that never changes.
// Grid: one workgroup.

struct Params { rows: u32, classes: u32, labels: u32, divisor: f32, ignored: i32, smoothing: f32 }

@group(0) @binding(0) var<storage, read_write> loss: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;
@group(0) @binding(4) var<storage, read> labels: array<i32>;

// Losses, and rows that are not ignored.
var<workgroup> sums: array<vec2<f32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec2<f32>(0.0);
  for (var row = lane; row < params.rows; row += WORKGROUP) {
    let result = row_loss(row);
    sum += vec2<f32>(result.x, select(0.0, 1.0, labels[row] != params.ignored));
    lse[row] = result.y;
  }
  sums[lane] = sum;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
  }
  if (lane == 0u) {
    loss[0] = sums[0].x / divisor(sums[0].y);
  }
}
