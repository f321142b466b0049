// Two quantities of each channel of x [images, channels, length]: LANES invocations gather one chunk, joined by a tree in workgroup
// memory.
//
// Buffers, sizes and functions are those of norm_channels.wgsl. A workgroup gathers OUTPUTS = WORKGROUP / LANES chunks: its lanes
// stand along the values, or, where length is 1 (ACROSS), along the channels, so that they read neighbours either way.
// Grid: one workgroup for OUTPUTS chunks, folded over x and y.

const OUTPUTS = WORKGROUP / LANES;
const BLOCK = 64u;

struct Params { outputs: u32, units: u32, values: u32, chunk: u32, length: u32, image: u32, divisor: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read_write> out_a: array<RES>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> out_b: array<RES>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;

var<workgroup> shared_a: array<RES, WORKGROUP>;
var<workgroup> shared_b: array<RES, WORKGROUP>;
var<workgroup> counts: array<f32, WORKGROUP>;

// Where value v of a unit is.
fn position(unit: u32, v: u32) -> u32 {
  return v / params.length * params.image + unit * params.length + v % params.length;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = select(lane % LANES, lane / OUTPUTS, ACROSS);
  let which = select(lane / LANES, lane % OUTPUTS, ACROSS);
  let number = (group.x + group.y * groups.x) * OUTPUTS + which;
  // No early return: every invocation must meet the barriers. Surplus outputs have no values.
  let j = min(number, params.outputs - 1u);
  let unit = j % params.units;
  let first = (j / params.units) * params.chunk;
  let last = select(first, min(first + params.chunk, params.values), number < params.outputs);
  let context = entered(unit);
  var total = Pair(F(0.0), F(0.0));
  var n = 0.0;
  for (var block = first + along; block < last; block += 4u * BLOCK * LANES) {
    let stop = min(block + 4u * BLOCK * LANES, last);
    var part = Pair(F(0.0), F(0.0));
    var m = 0.0;
    var v = block;
    for (; v + 3u * LANES < stop; v += 4u * LANES) {
      let fresh = four_at(context, position(unit, v), position(unit, v + LANES), position(unit, v + 2u * LANES), position(unit, v + 3u * LANES));
      part = joined(part, m, fresh, 4.0);
      m += 4.0;
    }
    for (; v < stop; v += LANES) {
      part = joined(part, m, one_at(context, position(unit, v)), 1.0);
      m += 1.0;
    }
    total = joined(total, n, part, m);
    n += m;
  }
  let own = folded(total, n);
  // Slots of one output lie OUTPUTS apart, so that neighbouring lanes use neighbouring banks in the tree as well.
  let slot = along * OUTPUTS + which;
  shared_a[slot] = own.a;
  shared_b[slot] = own.b;
  counts[slot] = n * f32(WIDTH);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      let other = slot + half * OUTPUTS;
      let both = joined_whole(Whole(shared_a[slot], shared_b[slot]), counts[slot], Whole(shared_a[other], shared_b[other]), counts[other]);
      shared_a[slot] = both.a;
      shared_b[slot] = both.b;
      counts[slot] += counts[other];
    }
  }
  if (along == 0u && number < params.outputs) {
    out_a[j] = shared_a[slot];
    out_b[j] = shared_b[slot] / params.divisor;
  }
}
