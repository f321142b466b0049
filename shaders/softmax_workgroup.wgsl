// y[o, r, n] = exp(x[o, r, n] - top) / total over r: LANES invocations a row, in two sweeps.
//
// Buffers, sizes and generated functions are those of softmax.wgsl. The first sweep keeps a running maximum and a sum that is scaled
// down whenever the maximum grows, as in softmax.wgsl; a tree in workgroup memory joins the
// lanes' pairs. The second sweep reads x again (from cache, for rows of common length) and stores.
// A workgroup does ROWS = WORKGROUP / LANES rows; lanes stand along r where inner is 1, else along n (ACROSS).
// Grid: one workgroup for ROWS rows, folded over x and y.

const ROWS = WORKGROUP / LANES;
// Stands for minus infinity: its exponential against any maximum is 0.
const LOWEST = -3.0e38;

struct Params { rows: u32, reduce: u32, inner: u32 }

@group(0) @binding(0) var<storage, read_write> y: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<STORED>;

var<workgroup> tops: array<F, WORKGROUP>;
var<workgroup> totals: array<F, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = select(lane % LANES, lane / ROWS, ACROSS);
  let which = select(lane / LANES, lane % ROWS, ACROSS);
  let row = (group.x + group.y * groups.x) * ROWS + which;
  // No early return: every invocation must meet the barriers. Surplus rows have no elements.
  let reduce = select(0u, params.reduce, row < params.rows);
  let base = (row / params.inner) * params.reduce;
  let n = row % params.inner;
  var top = F(LOWEST);
  var total = F(0.0);
  for (var r = along; r < reduce; r += LANES) {
    let v = F(x[(base + r) * params.inner + n]);
    let higher = max(top, v);
    total = total * exp(top - higher) + exp(v - higher);
    top = higher;
  }
  let slot = along * ROWS + which;
  let widest = across_max(top);
  totals[slot] = across_sum(total * exp(top - widest));
  tops[slot] = widest;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      let other = slot + half * ROWS;
      let higher = max(tops[slot], tops[other]);
      totals[slot] = totals[slot] * exp(tops[slot] - higher) + totals[other] * exp(tops[other] - higher);
      tops[slot] = higher;
    }
  }
  workgroupBarrier();
  top = tops[which];
  let norm = normalizer(totals[which]);
  for (var r = along; r < reduce; r += LANES) {
    let at = (base + r) * params.inner + n;
    y[at] = STORED(result(F(x[at]) - top, norm));
  }
}
