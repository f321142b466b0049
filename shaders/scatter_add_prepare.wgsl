// First of three launches of scatter_add's `linked` variant for a chunk of `keys` indices from `first_key` on: for each index the
// row that it names (its key; u32's largest where out of range, and up to a multiple of four), and before the first chunk zeros
// for the output. Every index starts out as the head of its row.
//
// Grid: one invocation an output element T or key, whichever are more, workgroups folded over x and y.

struct Params { count: u32, inner: u32, rows: u32, first_key: u32, keys: u32, unused_0: u32, unused_1: u32, unused_2: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> heads: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if ((params.first_key == 0u) & (i < params.count)) { out[i] = T(SUM()); }
  if (i < ((params.keys + 3u) & ~3u)) {
    var key = 0xffffffffu;
    if (i < params.keys) { key = row_of(indices[params.first_key + i], params.rows); }
    keys[i] = key;
    heads[i] = u32(key != 0xffffffffu);
  }
}
