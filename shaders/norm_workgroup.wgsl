// y = (x - mean) / sqrt(variance + epsilon) · scale + shift, mean and variance those of each row: LANES invocations a row, joined by
// a tree in workgroup memory.
//
// Buffers, sizes and generated functions are those of norm.wgsl. A workgroup does ROWS = WORKGROUP / LANES rows, whose lanes stand
// side by side. The tree's shape depends on LANES alone, so the bytes are the same every time.
// Grid: one workgroup for ROWS rows, folded over x and y.

const ROWS = WORKGROUP / LANES;
const BLOCK = 64u * LANES;

struct Params { rows: u32, channels: u32, length: u32, repeat: u32, count: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read_write> y: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> variances: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;

var<workgroup> centres: array<f32, WORKGROUP>;
var<workgroup> squares: array<f32, WORKGROUP>;
var<workgroup> counts: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = lane % LANES;
  let which = lane / LANES;
  let row = (group.x + group.y * groups.x) * ROWS + which;
  let width = params.channels * params.length;
  let first = row * width;
  // No early return: every invocation must meet the barriers. Surplus rows have no elements.
  let last = select(first, first + width, row < params.rows);
  var total = Pair(F(0.0), F(0.0));
  var n = 0.0;
  for (var block = first + along; block < last; block += BLOCK) {
    let stop = min(block + BLOCK, last);
    var part = Pair(F(0.0), F(0.0));
    var m = 0.0;
    var at = block;
    for (; at + 3u * LANES < stop; at += 4u * LANES) {
      part = joined(part, m, four(F(x[at]), F(x[at + LANES]), F(x[at + 2u * LANES]), F(x[at + 3u * LANES])), 4.0);
      m += 4.0;
    }
    for (; at < stop; at += LANES) {
      part = joined(part, m, single(F(x[at])), 1.0);
      m += 1.0;
    }
    total = joined(total, n, part, m);
    n += m;
  }
  let own = folded(total, n);
  let slot = along * ROWS + which;
  centres[slot] = own.a;
  squares[slot] = own.b;
  counts[slot] = n * f32(WIDTH);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      let other = slot + half * ROWS;
      let both = joined_whole(Whole(centres[slot], squares[slot]), counts[slot], Whole(centres[other], squares[other]), counts[other]);
      centres[slot] = both.a;
      squares[slot] = both.b;
      counts[slot] += counts[other];
    }
  }
  workgroupBarrier();
  let mean = centres[which];
  let variance = squares[which] / params.count;
  if (along == 0u && row < params.rows) {
    remember(row, mean);
    variances[row] = variance;
  }
  let factor = 1.0 / sqrt(variance + params.epsilon);
  let channel = (row % params.repeat) * params.channels;
  for (var at = first + along; at < last; at += LANES) {
    let c = channel + select((at - first) / params.length, at - first, COLUMNS);
    y[at] = STORED((F(x[at]) - F(mean)) * (F(factor) * scale_at(c)) + shift_at(c));
  }
}
