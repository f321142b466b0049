// The KEEP largest (or smallest) of the values x[o, r, n] over a chunk of r, in order, of equal ones the first r first: one invocation
// a chunk, which keeps the best so far sorted in registers while it walks.
//
// x is [outer, reduce, inner] in row-major order. Values are compared as unsigned keys that order them: larger is better.
// Generated: `keep`, the walk over r from `start` to `end`, of x or of what an earlier pass kept; where a row has more results than
// registers, values up to the last one found before are passed over. A register that nothing came into has the index -1.
// Grid: one invocation a chunk, lanes along inner, workgroups folded over x and y.

struct Params {
  count: u32,  // outer * splits * inner
  reduce: u32, inner: u32, chunk: u32, splits: u32,
  rows: u32,  // r in x
  total: u32, first: u32,  // results a row, and which of them is the first here
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;

// Floats in the order of their values; -0 as 0, and NaN above all.
fn float_key(value: f32) -> u32 {
  var bits = bitcast<u32>(value);
  bits = select(bits, 0u, bits == 0x80000000u);
  bits = select(bits, 0x7fffffffu, (bits & 0x7fffffffu) > 0x7f800000u);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let j = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (j >= params.count) { return; }
  let n = j % params.inner;
  let split = (j / params.inner) % params.splits;
  let outer = j / (params.inner * params.splits);
  let start = split * params.chunk;
  keep(outer, n, split, start, min(start + params.chunk, params.reduce));
}
