// out = x·scale where the element's random number reaches the ratio, else 0. The comparison is of whole numbers: exact everywhere.
//
// Buffers: key (seed_lo, seed_hi, step); out and the operands follow it (generated: `read4` gives the four elements of a block,
// `store4` writes as many of them as there are).
// Grid: one invocation a block of four, workgroups folded over x and y.

struct Params {
  blocks: u32, count: u32, stream: u32,
  threshold: u32,  // ratio·2^24, rounded up
  scale: f32, unused_0: u32, unused_1: u32, unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> key: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let block = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (block >= params.blocks) { return; }
  let words = threefry(vec4<u32>(key[0], key[1], key[2], params.stream), vec4<u32>(block, 0u, 0u, 0u));
  let kept = (words >> vec4<u32>(8u)) >= vec4<u32>(params.threshold);
  store4(block, select(vec4<f32>(0.0), read4(block) * params.scale, kept));
}
