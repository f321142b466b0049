// Two quantities of each channel of x [images, channels, length], gathered over images and length: mean and squared differences, or
// the two sums of the backward pass. One invocation gathers one chunk of a channel's values.
//
// F is one value or four: neighbours along length, or, where length is 1, four channels side by side (then units counts those, and
// RES is F; else RES is f32: COLUMNS). Value j of a unit is element j % length of image j / length. Where FOURS, length and chunk are
// multiples of four, so that four values always lie side by side.
// `Pair`, `Whole`, `joined` are those of lib/norm_moments.wgsl or lib/norm_sums.wgsl; generated: `entered` (what a channel's values
// need), `one_at`, `four_at` (values at positions) and `folded` (the lanes of F as one).
// out_a and out_b are [splits, units]; b is divided by params.divisor.
// Grid: one invocation for a chunk, workgroups folded over x and y.

const BLOCK = 64u;

struct Params {
  outputs: u32,  // units * splits
  units: u32,
  values: u32,  // of a unit: images * length
  chunk: u32,
  length: u32,
  image: u32,  // units of F from one image to the next
  divisor: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read_write> out_a: array<RES>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> out_b: array<RES>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;

// The place `by` values on: a position, and its number within the image's part of the channel, which is a multiple of `by`.
fn following(place: vec2<u32>, by: u32) -> vec2<u32> {
  if (COLUMNS) { return vec2<u32>(place.x + params.image, 0u); }
  return select(place + by, vec2<u32>(place.x + params.image - params.length + by, 0u), place.y + by == params.length);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let j = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (j >= params.outputs) { return; }
  // Without remainders: a software adapter divides lane by lane.
  let split = j / params.units;
  let unit = j - split * params.units;
  let first = split * params.chunk;
  let last = min(first + params.chunk, params.values);
  let context = entered(unit);
  var place = vec2<u32>(first * params.image + unit, 0u);
  if (!COLUMNS) {
    let image = first / params.length;
    let within = first - image * params.length;
    place = vec2<u32>(image * params.image + unit * params.length + within, within);
  }
  var total = Pair(F(0.0), F(0.0));
  var n = 0.0;
  for (var block = first; block < last; block += 4u * BLOCK) {
    let stop = min(block + 4u * BLOCK, last);
    var part = Pair(F(0.0), F(0.0));
    var m = 0.0;
    var v = block;
    for (; v + 3u < stop; v += 4u) {
      if (FOURS) {
        part = joined(part, m, four_at(context, place.x, place.x + 1u, place.x + 2u, place.x + 3u), 4.0);
        place = following(place, 4u);
      } else {
        let second = following(place, 1u);
        let third = following(second, 1u);
        let fourth = following(third, 1u);
        part = joined(part, m, four_at(context, place.x, second.x, third.x, fourth.x), 4.0);
        place = following(fourth, 1u);
      }
      m += 4.0;
    }
    for (; v < stop; v++) {
      part = joined(part, m, one_at(context, place.x), 1.0);
      place = following(place, 1u);
      m += 1.0;
    }
    total = joined(total, n, part, m);
    n += m;
  }
  let whole = folded(total, n);
  out_a[j] = whole.a;
  out_b[j] = whole.b / params.divisor;
}
