// out = `result` of each element of x [images, channels, length] and of what its channel has: batch normalisation and its gradient,
// once the channels' quantities are known.
//
// F is one value or four: neighbours along length, or, where length is 1 (COLUMNS), four channels side by side, which units counts.
// `Context` and `entered` (what the elements of a channel need, loaded once for `run` of them) and `result` are generated.
// An invocation does `run` neighbours along length, or the same channels of `run` images.
// Grid: one invocation a run, workgroups folded over x and y.

struct Params {
  count: u32,  // runs in all
  units: u32,
  images: u32,
  length: u32,
  run: u32,
  runs: u32,  // a channel's part of an image has; unused where COLUMNS
  values: f32,  // of a channel
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read_write> out: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let v = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (v >= params.count) { return; }
  if (COLUMNS) {
    let strip = v / params.units;
    let unit = v - strip * params.units;
    let first = strip * params.run;
    let last = min(first + params.run, params.images);
    let context = entered(unit);
    for (var image = first; image < last; image++) {
      let at = image * params.units + unit;
      out[at] = STORED(result(context, at));
    }
  } else {
    let part = v / params.runs;
    let first = (v - part * params.runs) * params.run;
    let last = part * params.length + min(first + params.run, params.length);
    let context = entered(part % params.units);
    for (var at = part * params.length + first; at < last; at++) {
      out[at] = STORED(result(context, at));
    }
  }
}
