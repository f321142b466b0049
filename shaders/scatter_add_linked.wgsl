// Last of three launches of scatter_add's `linked` variant: the head of each row in the chunk adds its row's updates along the
// links, which is in the order of the indices, to what the chunks before have summed: the naive variant's sum, to the bit.
//
// Buffers: keys, heads and next from the launches before; updates and out row-major, T one stored element or four side by
// side; `inner` counts those. The sum runs in SUM.
// Grid: one invocation an element of the updates, workgroups folded over x and y; all but those of heads end at once.

struct Params { count: u32, inner: u32, rows: u32, first_key: u32, keys: u32, unused_0: u32, unused_1: u32, unused_2: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> heads: array<u32>;
@group(0) @binding(3) var<storage, read> next: array<u32>;
@group(0) @binding(4) var<storage, read> updates: array<T>;
@group(0) @binding(5) var<storage, read_write> out: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let first = i / params.inner;
  if (first >= params.keys) { return; }
  if (heads[first] == 0u) { return; }
  let j = i % params.inner;
  let at = keys[first] * params.inner + j;
  var sum = SUM(out[at]);
  for (var k = first; k < params.keys; k = next[k]) {
    sum += SUM(updates[(params.first_key + k) * params.inner + j]);
  }
  out[at] = T(sum);
}
