// out[r, j] = sum of updates[i, j] over all i whose index names row r: the plain definition, kept for ever as the check of `linked`.
//
// Buffers: updates and out row-major, T one stored element or four side by side; `count` and `inner` count those. The sum
// runs in SUM (f32, or u32 for both integer types) in the order of i.
// A launch takes `keys` indices from `first_key` on and goes on from what the launches before have summed.
// Grid: one invocation an output, workgroups folded over x and y; each walks over all indices of the launch.

struct Params { count: u32, inner: u32, rows: u32, first_key: u32, keys: u32, unused_0: u32, unused_1: u32, unused_2: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read> updates: array<T>;
@group(0) @binding(3) var<storage, read_write> out: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let row = i / params.inner;
  let j = i % params.inner;
  var sum = SUM();
  if (params.first_key > 0u) { sum = SUM(out[i]); }
  for (var k = params.first_key; k < params.first_key + params.keys; k++) {
    if (row_of(indices[k], params.rows) == row) { sum += SUM(updates[k * params.inner + j]); }
  }
  out[i] = T(sum);
}
