// dx = r (v - mean of v - z · mean of v z): the gradient of norm.wgsl, LANES invocations a row, joined by a tree in workgroup memory.
//
// Buffers, sizes and generated functions are those of norm_backward.wgsl. A workgroup does ROWS = WORKGROUP / LANES rows.
// Grid: one workgroup for ROWS rows, folded over x and y.

const ROWS = WORKGROUP / LANES;
const BLOCK = 64u * LANES;

struct Params { rows: u32, channels: u32, length: u32, repeat: u32, count: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read_write> dx: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> variances: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;
@group(0) @binding(4) var<storage, read> g: array<STORED>;

var<workgroup> sums: array<F, WORKGROUP>;
var<workgroup> products: array<F, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = lane % LANES;
  let which = lane / LANES;
  let number = (group.x + group.y * groups.x) * ROWS + which;
  // No early return: every invocation must meet the barriers. Surplus rows have no elements.
  let row = min(number, params.rows - 1u);
  let width = params.channels * params.length;
  let first = row * width;
  let last = select(first, first + width, number < params.rows);
  let channel = (row % params.repeat) * params.channels;
  let mean = F(mean_of(row));
  let factor = F(1.0 / sqrt(variances[row] + params.epsilon));
  var a = F(0.0);
  var b = F(0.0);
  for (var block = first + along; block < last; block += BLOCK) {
    let stop = min(block + BLOCK, last);
    var part_a = F(0.0);
    var part_b = F(0.0);
    for (var at = block; at < stop; at += LANES) {
      let v = F(g[at]) * scale_at(channel + select((at - first) / params.length, at - first, COLUMNS));
      part_a += v;
      part_b += v * ((F(x[at]) - mean) * factor);
    }
    a += part_a;
    b += part_b;
  }
  let slot = along * ROWS + which;
  sums[slot] = across_sum(a);
  products[slot] = across_sum(b);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      sums[slot] += sums[slot + half * ROWS];
      products[slot] += products[slot + half * ROWS];
    }
  }
  workgroupBarrier();
  a = select(F(0.0), sums[which] / params.count, CENTRED);
  b = products[which] / params.count;
  for (var at = first + along; at < last; at += LANES) {
    let v = F(g[at]) * scale_at(channel + select((at - first) / params.length, at - first, COLUMNS));
    dx[at] = STORED(factor * (v - a - ((F(x[at]) - mean) * factor) * b));
  }
}
