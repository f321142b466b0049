// losses[i] = lse[i] - x[i, labels[i]], lse[i] = ln sum of exp(x[i, c]) over c: LANES invocations a row, joined by a tree in
// workgroup memory, each with a running maximum and a sum that is scaled down whenever the maximum grows.
//
// Buffers and sizes are those of cross_entropy.wgsl. A workgroup does ROWS = WORKGROUP / LANES rows.
// Grid: one workgroup for ROWS rows, folded over x and y.

const ROWS = WORKGROUP / LANES;
// Stands for minus infinity: its exponential against any maximum is 0.
const LOWEST = -3.0e38;

struct Params { rows: u32, classes: u32, labels: u32, divisor: f32, ignored: i32, smoothing: f32 }

@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;
@group(0) @binding(4) var<storage, read> labels: array<i32>;

var<workgroup> tops: array<f32, WORKGROUP>;
var<workgroup> totals: array<f32, WORKGROUP>;
var<workgroup> excesses: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = lane % LANES;
  let which = lane / LANES;
  let row = (group.x + group.y * groups.x) * ROWS + which;
  // No early return: every invocation must meet the barriers. Surplus rows have no classes.
  let classes = select(0u, params.classes, row < params.rows);
  var top = F(LOWEST);
  var total = F(0.0);
  var excess = F(0.0);
  let base = F(pick(min(row, params.rows - 1u), 0u));
  for (var c = along; c < classes; c += LANES) {
    let v = F(x[row * params.classes + c]);
    let higher = max(top, v);
    total = total * exp(top - higher) + exp(v - higher);
    top = higher;
    if (SMOOTHED) { excess += v - base; }
  }
  let slot = along * ROWS + which;
  let widest = across_max(top);
  totals[slot] = first_lane(across_sum(total * exp(top - widest)));
  tops[slot] = first_lane(widest);
  if (SMOOTHED) { excesses[slot] = first_lane(across_sum(excess)); }
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      let other = slot + half * ROWS;
      let higher = max(tops[slot], tops[other]);
      totals[slot] = totals[slot] * exp(tops[slot] - higher) + totals[other] * exp(tops[other] - higher);
      tops[slot] = higher;
      if (SMOOTHED) { excesses[slot] += excesses[other]; }
    }
  }
  if (along == 0u && row < params.rows) {
    let result = from_sums(row, tops[slot], totals[slot], excesses[slot]);
    losses[row] = result.x;
    lse[row] = result.y;
  }
}
