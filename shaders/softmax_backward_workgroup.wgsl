// out[o, r, n] = y (g - sum of g y over r): LANES invocations a row, joined by a tree in workgroup memory.
//
// Buffers, sizes and `across_sum` are those of softmax_backward.wgsl. A workgroup does ROWS = WORKGROUP / LANES rows; lanes stand
// along r where inner is 1, else along n (ACROSS).
// Grid: one workgroup for ROWS rows, folded over x and y.

const ROWS = WORKGROUP / LANES;

struct Params { rows: u32, reduce: u32, inner: u32 }

@group(0) @binding(0) var<storage, read_write> out: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> y: array<STORED>;
@group(0) @binding(3) var<storage, read> g: array<STORED>;

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
  var total = F(0.0);
  for (var r = along; r < reduce; r += LANES) {
    let at = (base + r) * params.inner + n;
    total += F(y[at]) * F(g[at]);
  }
  let slot = along * ROWS + which;
  totals[slot] = across_sum(total);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      totals[slot] += totals[slot + half * ROWS];
    }
  }
  workgroupBarrier();
  total = totals[which];
  for (var r = along; r < reduce; r += LANES) {
    let at = (base + r) * params.inner + n;
    out[at] = STORED(F(y[at]) * (F(g[at]) - total));
  }
}
