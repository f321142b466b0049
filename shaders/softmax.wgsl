// y[o, r, n] = exp(x[o, r, n] - top) / total over r, with top = max of x and total = sum of exp(x - top): one invocation a row.
//
// Buffers: x and y are [outer, reduce, inner] in row-major order. F is one value or four neighbours; where inner is 1 and F is a
// vector, reduce counts vectors, and `across_max` and `across_sum` spread the result over the four; else they do nothing.
// `result(x, top, total)` is generated: softmax, or log-softmax. No exponent is above 0, so nothing overflows; total >= 1.
// Grid: one invocation a row (four rows side by side along inner), workgroups folded over x and y.

const BLOCK = 64u;

struct Params { rows: u32, reduce: u32, inner: u32 }

@group(0) @binding(0) var<storage, read_write> y: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (row >= params.rows) { return; }
  let step = params.inner;
  let first = (row / step) * params.reduce * step + row % step;
  let last = first + params.reduce * step;
  var top = F(x[first]);
  for (var at = first + step; at < last; at += step) {
    top = max(top, F(x[at]));
  }
  top = across_max(top);
  // In blocks: a long row loses no small terms in a large total.
  var total = F(0.0);
  for (var block = first; block < last; block += BLOCK * step) {
    let stop = min(block + BLOCK * step, last);
    var part = F(0.0);
    for (var at = block; at < stop; at += step) {
      part += exp(F(x[at]) - top);
    }
    total += part;
  }
  total = across_sum(total);
  for (var at = first; at < last; at += step) {
    y[at] = STORED(result(F(x[at]), top, total));
  }
}
