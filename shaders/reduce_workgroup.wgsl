// out[o, s, n] = value[o, r, n] combined over chunk s of r: LANES invocations a chunk, joined by a tree in workgroup memory.
//
// Buffers, sizes and generated functions are those of reduce.wgsl. A workgroup makes OUTPUTS = WORKGROUP / LANES results.
// Where inner is 1 (ACROSS false) neighbouring lanes walk along r; else they stand on neighbouring n: either way a workgroup
// reads neighbouring addresses. The tree's shape depends on LANES alone, so the bytes are the same every time.
// Grid: one workgroup for OUTPUTS results, folded over x and y.

const OUTPUTS = WORKGROUP / LANES;
const BLOCK = 64u;

struct Params {
  outputs: u32,  // results to store: outer * splits * inner
  reduce: u32, inner: u32,
  chunk: u32,  // values in a chunk; the last may be shorter
  splits: u32,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read_write> out: array<OUT>;
@group(0) @binding(1) var<uniform> params: Params;

var<workgroup> shared_results: array<RES, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = select(lane % LANES, lane / OUTPUTS, ACROSS);
  let which = select(lane / LANES, lane % OUTPUTS, ACROSS);
  let j = (group.x + group.y * groups.x) * OUTPUTS + which;
  // No early return: every invocation must meet the barriers.
  var total = identity();
  if (j < params.outputs) {
    let n = j % params.inner;
    let split = (j / params.inner) % params.splits;
    let base = (j / (params.inner * params.splits)) * params.reduce;
    let first = split * params.chunk;
    let last = min(first + params.chunk, params.reduce);
    for (var block = first + along; block < last; block += BLOCK * LANES) {
      let stop = min(block + BLOCK * LANES, last);
      var part = identity();
      for (var r = block; r < stop; r += LANES) {
        part = combine(part, value((base + r) * params.inner + n));
      }
      total = combine(total, part);
    }
  }
  // Slots of one output lie OUTPUTS apart, so that neighbouring lanes use neighbouring banks in the tree as well.
  shared_results[along * OUTPUTS + which] = fold(total);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      shared_results[along * OUTPUTS + which] = join(shared_results[along * OUTPUTS + which], shared_results[(along + half) * OUTPUTS + which]);
    }
  }
  if (along == 0u && j < params.outputs) {
    out[j] = stored(finish(shared_results[which]));
  }
}
