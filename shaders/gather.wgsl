// out[i, j] = x[indices[i], j]: rows by index. An index below zero counts from the end; one out of range gives zeros.
//
// Buffers: x and out row-major, T one stored element or four side by side; `inner` and `count` count those.
// Grid: one invocation an output, workgroups folded over x and y.

struct Params { count: u32, inner: u32, rows: u32, unused: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let row = row_of(indices[i / params.inner], params.rows);
  var value = T();
  if (row < params.rows) { value = x[row * params.inner + i % params.inner]; }
  out[i] = value;
}
