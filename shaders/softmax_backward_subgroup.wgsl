// out[r, c] = y (g - sum of g y over c): one subgroup a row, which stays in its registers between the sweeps.
//
// Buffers and `across_sum` are those of softmax_backward.wgsl; lanes, UNITS and WHOLE as in softmax_subgroup.wgsl.
// Workgroup: one subgroup. Grid: a workgroup for each row, folded over x and y. Features: subgroups, min size == max size == WORKGROUP.

struct Params { rows: u32, reduce: u32, inner: u32 }

@group(0) @binding(0) var<storage, read_write> out: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> y: array<STORED>;
@group(0) @binding(3) var<storage, read> g: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let first = row * params.reduce;
  var results: array<F, UNITS>;
  var gradients: array<F, UNITS>;
  var total = F(0.0);
  for (var u = 0u; u < UNITS; u++) {
    let r = u * WORKGROUP + lane;
    var v = F(0.0);
    var w = F(0.0);
    if (WHOLE || r < params.reduce) {
      v = F(y[first + r]);
      w = F(g[first + r]);
    }
    results[u] = v;
    gradients[u] = w;
    total += v * w;
  }
  let sum = F(subgroupAdd(one(across_sum(total))));
  for (var u = 0u; u < UNITS; u++) {
    let r = u * WORKGROUP + lane;
    if (WHOLE || r < params.reduce) {
      out[first + r] = STORED(results[u] * (gradients[u] - sum));
    }
  }
}
