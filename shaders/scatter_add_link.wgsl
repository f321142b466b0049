// Second of three launches of scatter_add's `linked` variant, within its chunk: next[i] is the smallest k > i with the same key, which then is
// no head; u32's largest where there is none. Each k has one predecessor, so no two invocations write the same head.
//
// Grid: one invocation a key, workgroups folded over x and y; each reads on, four keys at a time, until it finds its successor.

struct Params { count: u32, inner: u32, rows: u32, first_key: u32, keys: u32, unused_0: u32, unused_1: u32, unused_2: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> heads: array<u32>;
@group(0) @binding(3) var<storage, read_write> next: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.keys) { return; }
  let own = keys[i / 4u];
  let key = own[i % 4u];
  var found = 0xffffffffu;
  if (key != 0xffffffffu) {
    for (var block = i / 4u; block * 4u < params.keys; block++) {
      let at = vec4<u32>(block * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
      let hit = (keys[block] == vec4<u32>(key)) & (at > vec4<u32>(i));
      if (any(hit)) {
        let candidates = select(vec4<u32>(0xffffffffu), at, hit);
        found = min(min(candidates.x, candidates.y), min(candidates.z, candidates.w));
        break;
      }
    }
  }
  next[i] = found;
  if (found != 0xffffffffu) { heads[found] = 0u; }
}
