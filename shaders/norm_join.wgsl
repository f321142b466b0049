// The quantities of each channel from those of its chunks, in order: the second pass behind norm_channels.wgsl.
//
// Buffers: in_a and in_b [splits, channels], out_a and out_b [channels], as RES: one f32 or four, and params.channels counts those.
// Every chunk has `chunk` values but the last, which has `rest`. `Whole` and `joined_whole` are those of the first pass.
// Grid: one invocation a channel, or four of them, workgroups folded over x and y.

struct Params { channels: u32, splits: u32, chunk: f32, rest: f32, divisor: f32 }

@group(0) @binding(0) var<storage, read_write> out_a: array<RES>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> out_b: array<RES>;
@group(0) @binding(3) var<storage, read> in_a: array<RES>;
@group(0) @binding(4) var<storage, read> in_b: array<RES>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let channel = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (channel >= params.channels) { return; }
  var total = Whole(in_a[channel], in_b[channel]);
  var n = params.chunk;
  for (var split = 1u; split < params.splits; split++) {
    let at = split * params.channels + channel;
    let m = select(params.chunk, params.rest, split + 1u == params.splits);
    total = joined_whole(total, n, Whole(in_a[at], in_b[at]), m);
    n += m;
  }
  out_a[channel] = total.a;
  out_b[channel] = total.b / params.divisor;
}
