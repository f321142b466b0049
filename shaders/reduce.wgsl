// out[o, s, n] = value[o, r, n] combined over chunk s of r: one invocation a chunk, a serial loop over r.
//
// The values are [outer, reduce, inner] in row-major order, out is [outer, splits, inner]; splits is 1 but where few outputs
// are made of many values: then a second pass over the partial results follows.
// `value(i)` is generated (a load, or a chain of element-wise ops); ACC is one value or four neighbours. Where inner is 1 and
// ACC is a vector, reduce and chunk count vectors, and `fold` makes one value of the four at the end; else RES is ACC.
// `identity`, `combine`, `join`, `finish` (the mean's division) and `stored` are generated from the kind and the type.
// Sums are taken in blocks of blocks: a total that grows large would lose the small terms that are added to it. The rounding
// error of k equal terms is at worst (2 BLOCK + k / BLOCK^2) / 2 units in the last place, not k / 2.
// Grid: one invocation a stored result, lanes along inner, workgroups folded over x and y.

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
  var total = identity();
  for (var outer_block = first; outer_block < last; outer_block += BLOCK * BLOCK) {
    let outer_stop = min(outer_block + BLOCK * BLOCK, last);
    var subtotal = identity();
    for (var block = outer_block; block < outer_stop; block += BLOCK) {
      let stop = min(block + BLOCK, outer_stop);
      var part = identity();
      for (var r = block; r < stop; r++) {
        part = combine(part, value(at));
        at += params.inner;
      }
      subtotal = combine(subtotal, part);
    }
    total = combine(total, subtotal);
  }
  out[j] = stored(finish(fold(total)));
}
