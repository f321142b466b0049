// out = low + span·u, u = the upper 24 bits of a random word, times 2^-24. Element i takes word i mod 4 of block i / 4.
//
// Buffers: key (seed_lo, seed_hi, step); out follows it (generated, with `store4`, which writes as much of a block as there is).
// Grid: one invocation a block of four, workgroups folded over x and y.

struct Params {
  blocks: u32, count: u32, stream: u32, unused: u32,
  low: f32, span: f32, unused_1: u32, unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> key: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let block = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (block >= params.blocks) { return; }
  let words = threefry(vec4<u32>(key[0], key[1], key[2], params.stream), vec4<u32>(block, 0u, 0u, 0u));
  store4(block, params.low + params.span * (vec4<f32>(words >> vec4<u32>(8u)) * 5.9604644775390625e-8));
}
