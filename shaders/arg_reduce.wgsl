// index[o, s, n] = where in chunk s of r the value x[o, r, n] is largest (or smallest), the first such r; one invocation a chunk.
//
// x is [outer, reduce, inner] in row-major order, the result [outer, splits, inner]; splits is 1 but where few results are made
// of many values: then a second pass over the chunks' values and indices follows. V is one value or four neighbours, K as many
// indices; where inner is 1 and V is a vector, reduce and chunk count vectors and `fold` makes one result of the four.
// Generated: `value_at`, `index_at` (the place itself, or the first pass's result), `beats` (strictly), `fold`, `store`.
// Grid: one invocation a stored result, lanes along inner, workgroups folded over x and y.

struct Params {
  outputs: u32,  // results to store: outer * splits * inner
  reduce: u32, inner: u32,
  chunk: u32,  // values in a chunk; the last may be shorter
  splits: u32,
}

@group(0) @binding(0) var<storage, read_write> out: array<RK>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let j = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (j >= params.outputs) { return; }
  let n = j % params.inner;
  let split = (j / params.inner) % params.splits;
  let outer = j / (params.inner * params.splits);
  let first = split * params.chunk;
  let last = min(first + params.chunk, params.reduce);
  var at = (outer * params.reduce + first) * params.inner + n;
  var value = value_at(at);
  var index = index_at(at, first);
  for (var r = first + 1u; r < last; r++) {
    at += params.inner;
    let candidate = value_at(at);
    let wins = beats(candidate, value);
    value = select(value, candidate, wins);
    index = select(index, index_at(at, r), wins);
  }
  store(j, fold(value, index));
}
