// y[o] = Σ of weight(o, i)·x[i] over the places i that o is made of, along the height and the width: average pooling, interpolation,
// and their gradients, where o and i change sides. One invocation an output, one value a load, in order.
//
// Buffers: x [planes, h.input, w.input] and y [planes, h.output, w.output] in row-major order, of X and Y, which are stored floats.
// RULE_H and RULE_W: 0 the axis stays; 1 windows of equal size; 2 windows that share the axis out (adaptive pooling); 3 nearest
// neighbour; 4 linear between two neighbours, 5 the same with the corners on each other. TRANSPOSED says that y is on the side of
// the places: small is then the side of the windows or samples, whichever it is.
// Grid: one invocation an output, workgroups folded over x and y.

struct Axis {
  places: i32, windows: i32,  // places are what is pooled or interpolated, windows what is made of them
  kernel: i32, stride: i32, begin: i32, low: i32, high: i32,  // rule 1; places from low to high count
  scale: f32,  // rules 3 to 5: places a window
}

struct Params { count: u32, unused_0: u32, unused_1: u32, unused_2: u32, h: Axis, w: Axis }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// Where window o lies between the places, for rules 4 and 5.
fn source(rule: u32, axis: Axis, o: i32) -> f32 {
  if (rule == 5u) { return f32(o) * axis.scale; }
  return max((f32(o) + 0.5) * axis.scale - 0.5, 0.0);
}

// The places of window o, from and to.
fn places_of(rule: u32, axis: Axis, o: i32) -> vec2<i32> {
  if (rule == 0u) { return vec2(o, o + 1); }
  if (rule == 1u) {
    let start = o * axis.stride - axis.begin;
    return vec2(max(start, 0), min(start + axis.kernel, axis.places));
  }
  if (rule == 2u) { return vec2(o * axis.places / axis.windows, ((o + 1) * axis.places + axis.windows - 1) / axis.windows); }
  var first = i32(floor(f32(o) * axis.scale));
  if (rule != 3u) { first = i32(floor(source(rule, axis, o))); }
  first = min(first, axis.places - 1);
  if (rule == 3u) { return vec2(first, first + 1); }
  return vec2(first, min(first + 2, axis.places));
}

// The windows that may have place i, from and to.
fn windows_of(rule: u32, axis: Axis, i: i32) -> vec2<i32> {
  if (rule == 0u) { return vec2(i, i + 1); }
  if (rule == 1u) {
    let first = max(i + axis.begin - axis.kernel + axis.stride, 0) / axis.stride;
    return vec2(first, min((i + axis.begin) / axis.stride + 1, axis.windows));
  }
  if (rule == 2u) { return vec2(i * axis.windows / axis.places, ((i + 1) * axis.windows + axis.places - 1) / axis.places); }
  if (axis.scale == 0.0) { return vec2(0, axis.windows); }
  // One more on either side for rounding: `weight` tells.
  let margin = select(1.0, 1.5, rule != 3u);
  var first = i32(floor((f32(i) - margin) / axis.scale)) - 1;
  var last = i32(ceil((f32(i) + margin) / axis.scale)) + 1;
  first = select(first, 0, i == 0);
  last = select(last, axis.windows, i == axis.places - 1);
  return clamp(vec2(first, last), vec2(0), vec2(axis.windows));
}

// How much of place i is in window o.
fn weight(rule: u32, axis: Axis, o: i32, i: i32) -> f32 {
  if (rule == 0u) { return 1.0; }
  if (rule == 1u) {
    let start = o * axis.stride - axis.begin;
    return 1.0 / f32(min(start + axis.kernel, axis.high) - max(start, axis.low));
  }
  let range = places_of(rule, axis, o);
  if (rule == 2u) { return 1.0 / f32(range.y - range.x); }
  if (rule == 3u) { return select(0.0, 1.0, i == range.x); }
  let share = clamp(source(rule, axis, o) - f32(range.x), 0.0, 1.0);
  // The last place is its own neighbour.
  let here = select(0.0, select(1.0 - share, 1.0, range.x == axis.places - 1), i == range.x);
  return select(here, share, i == range.x + 1);
}

fn range_of(rule: u32, axis: Axis, j: i32) -> vec2<i32> {
  if (TRANSPOSED) { return windows_of(rule, axis, j); }
  return places_of(rule, axis, j);
}

fn share_of(rule: u32, axis: Axis, j: i32, k: i32) -> f32 {
  if (TRANSPOSED) { return weight(rule, axis, k, j); }
  return weight(rule, axis, j, k);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let n = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (n >= params.count) { return; }
  let height = u32(select(params.h.windows, params.h.places, TRANSPOSED));
  let width = u32(select(params.w.windows, params.w.places, TRANSPOSED));
  let down = select(params.h.places, params.h.windows, TRANSPOSED);
  let across = select(params.w.places, params.w.windows, TRANSPOSED);
  let row = i32(n / width % height);
  let col = i32(n % width);
  let plane = i32(n / width / height) * down;
  let rows = range_of(RULE_H, params.h, row);
  let cols = range_of(RULE_W, params.w, col);
  var sum = 0.0;
  for (var r = rows.x; r < rows.y; r++) {
    var line = 0.0;
    for (var c = cols.x; c < cols.y; c++) {
      line += share_of(RULE_W, params.w, col, c) * f32(x[(plane + r) * across + c]);
    }
    sum += share_of(RULE_H, params.h, row, r) * line;
  }
  y[n] = Y(sum);
}
