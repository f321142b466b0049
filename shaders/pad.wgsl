// out[o] = x[k] where o = start + step·k along every axis for some index k of x, else `value`: padding, cropping, and the
// gradient of a slice. An output element looks for its one source, so every element is written once. MODE other than 0 finds one
// inside for every o: 1 mirrored about the ends, 2 the end itself, 3 from the other end on.
//
// Buffers: x with any strides, out row-major; T is one stored element or four side by side, and all numbers count those.
// Axes are collapsed (RANK of them, innermost first); STEPPED says whether some step is not 1, which costs a division.
// Grid: one invocation an output, workgroups folded over x and y.

struct Axis {
  extent: u32, start: i32, step: i32, len: u32,
  stride: i32, unused_0: u32, unused_1: u32, unused_2: u32,
}

struct Params {
  count: u32, offset: u32, value: u32, unused: u32,
  axes: array<Axis, RANK>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> out: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  var rest = i;
  var at = i32(params.offset);
  var inside = true;
  for (var a = 0u; a < RANK; a++) {
    let extent = params.axes[a].extent;
    let distance = i32(rest % extent) - params.axes[a].start;
    rest = rest / extent;
    var k = distance;
    if (STEPPED) {
      k = distance / params.axes[a].step;
      inside = inside & (k * params.axes[a].step == distance);
    }
    let len = i32(params.axes[a].len);
    if (MODE == 1u) {
      k = abs(k);
      k = select(k, 2 * (len - 1) - k, k >= len);
    } else if (MODE == 2u) {
      k = clamp(k, 0, len - 1);
    } else if (MODE == 3u) {
      k = select(k, k + len, k < 0);
      k = select(k, k - len, k >= len);
    }
    inside = inside & (k >= 0) & (k < len);
    at += k * params.axes[a].stride;
  }
  var value = filler(params.value);
  if (inside) { value = x[u32(at)]; }
  out[i] = value;
}
