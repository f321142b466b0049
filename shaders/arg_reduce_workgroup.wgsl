// index[o, s, n] = where in chunk s of r the value x[o, r, n] is largest (or smallest): LANES invocations a chunk, joined by a tree
// in workgroup memory. Of equal values the lower index wins, so the result does not depend on how lanes share the values.
//
// Buffers, sizes and generated functions are those of arg_reduce.wgsl, with V and K scalars.
// Grid: one workgroup for OUTPUTS results, folded over x and y. Lanes stand along r where inner is 1, else along n (ACROSS).

const OUTPUTS = WORKGROUP / LANES;

struct Params {
  outputs: u32,  // results to store: outer * splits * inner
  reduce: u32, inner: u32,
  chunk: u32,  // values in a chunk; the last may be shorter
  splits: u32,
}

@group(0) @binding(0) var<storage, read_write> out: array<RK>;
@group(0) @binding(1) var<uniform> params: Params;

var<workgroup> values: array<RV, WORKGROUP>;
var<workgroup> indices: array<RK, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let along = select(lane % LANES, lane / OUTPUTS, ACROSS);
  let which = select(lane / LANES, lane % OUTPUTS, ACROSS);
  // No early return: every invocation must meet the barriers. The surplus ones repeat the last result without storing it.
  let wanted = (group.x + group.y * groups.x) * OUTPUTS + which;
  let j = min(wanted, params.outputs - 1u);
  let n = j % params.inner;
  let split = (j / params.inner) % params.splits;
  let base = (j / (params.inner * params.splits)) * params.reduce;
  let first = split * params.chunk;
  let last = min(first + params.chunk, params.reduce);
  // A lane without values of its own starts from the chunk's last one: a repeat changes nothing.
  var r = min(first + along, last - 1u);
  var at = (base + r) * params.inner + n;
  var value = value_at(at);
  var index = index_at(at, r);
  for (r += LANES; r < last; r += LANES) {
    at = (base + r) * params.inner + n;
    let candidate = value_at(at);
    if (beats(candidate, value)) {
      value = candidate;
      index = index_at(at, r);
    }
  }
  let slot = along * OUTPUTS + which;
  values[slot] = value;
  indices[slot] = index;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (along < half) {
      let other = slot + half * OUTPUTS;
      let tie = values[other] == values[slot] && indices[other] < indices[slot];
      if (tie || beats(values[other], values[slot])) {
        values[slot] = values[other];
        indices[slot] = indices[other];
      }
    }
  }
  if (along == 0u && wanted < params.outputs) {
    store(wanted, Found(values[slot], indices[slot]));
  }
}
