// out[o, r, n] = y (g - sum of g y over r): the gradient of softmax from its result y, one invocation a row.
//
// Buffers: y, g and out are [outer, reduce, inner] in row-major order. F is one value or four neighbours; where inner is 1 and F is
// a vector, reduce counts vectors and `across_sum` spreads the sum over the four; else it does nothing.
// Grid: one invocation a row (four rows side by side along inner), workgroups folded over x and y.

const BLOCK = 64u;

struct Params { rows: u32, reduce: u32, inner: u32 }

@group(0) @binding(0) var<storage, read_write> out: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> y: array<STORED>;
@group(0) @binding(3) var<storage, read> g: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (row >= params.rows) { return; }
  let step = params.inner;
  let first = (row / step) * params.reduce * step + row % step;
  let last = first + params.reduce * step;
  var total = F(0.0);
  for (var block = first; block < last; block += BLOCK * step) {
    let stop = min(block + BLOCK * step, last);
    var part = F(0.0);
    for (var at = block; at < stop; at += step) {
      part += F(y[at]) * F(g[at]);
    }
    total += part;
  }
  total = across_sum(total);
  for (var at = first; at < last; at += step) {
    out[at] = STORED(F(y[at]) * (F(g[at]) - total));
  }
}
