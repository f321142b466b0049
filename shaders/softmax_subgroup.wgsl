// y[r, c] = exp(x[r, c] - top) / total over c: one subgroup a row, which stays in its registers between the sweeps.
//
// Buffers, `normalizer`, `result` and `across_*` are those of softmax.wgsl, `one` gives a lane of F; inner is 1. Each lane holds
// UNITS values (or vectors) of a row, a subgroup's width apart; WHOLE says that they make up the row, else the last are LOWEST.
// Both loops over them have UNITS turns and index an array of that length, so that a software adapter unrolls them. A load costs it
// more than all arithmetic of a value: to read once and not twice is 1.6 times as fast (llvmpipe, 4096 x 1024).
// Workgroup: one subgroup. Grid: a workgroup for each row, folded over x and y. Features: subgroups, min size == max size == WORKGROUP.

// Stands for minus infinity: its exponential against any maximum is 0.
const LOWEST = -3.0e38;

struct Params { rows: u32, reduce: u32, inner: u32 }

@group(0) @binding(0) var<storage, read_write> y: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let first = row * params.reduce;
  var kept: array<F, UNITS>;
  var highest = F(LOWEST);
  for (var u = 0u; u < UNITS; u++) {
    let r = u * WORKGROUP + lane;
    var v = F(LOWEST);
    if (WHOLE || r < params.reduce) {
      v = F(x[first + r]);
    }
    kept[u] = v;
    highest = max(highest, v);
  }
  let top = F(subgroupMax(one(across_max(highest))));
  var total = F(0.0);
  for (var u = 0u; u < UNITS; u++) {
    total += exp(kept[u] - top);
  }
  let norm = normalizer(F(subgroupAdd(one(across_sum(total)))));
  for (var u = 0u; u < UNITS; u++) {
    let r = u * WORKGROUP + lane;
    if (WHOLE || r < params.reduce) {
      y[first + r] = STORED(result(kept[u] - top, norm));
    }
  }
}
