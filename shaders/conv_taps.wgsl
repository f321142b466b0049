// out[g, m, n] = sum over the pixels of all images of dy[m] x[n], the weight gradient of a convolution with few input channels: n is
// (channel, tap row, tap) of the window, TAP_ROWS * KERNEL_W in all. The kernel for software adapters with subgroups of one fixed size.
//
// Buffers: params, A = dy, images, out, conv. Here k counts pixels of rows that are rounded up to whole strips of four.
// Workgroup: one subgroup, 4 * SUBGROUP output channels. Invocation: four output channels and all taps: dy, the larger operand, is
// loaded once. The pixels that a strip's windows cover are shared out over the lanes and handed round.
// Grid: tiles_m * batch * splits, folded. Features: subgroups, min size == max size == SUBGROUP (8, 16).
const RUN: u32 = 3u * STRIDE_W + (KERNEL_W - 1u) * DILATION_W + 1u;
const PIXELS: u32 = TAP_ROWS * RUN;
const LOADS: u32 = (PIXELS + SUBGROUP - 1u) / SUBGROUP;
alias Acc = array<array<vec4<f32>, KERNEL_W>, TAP_ROWS>;

// One pixel of a lane: its row and column in the windows of a strip, and its element.
struct Spot { y: u32, x: u32, element: u32 }

// Four pixels of a row of outputs.
struct Strip { image: u32, y: u32, x: u32 }

// Lane's value to all lanes. As in matmul_subgroup.wgsl: the switch folds away.
fn hand_round(v: f32, lane: u32) -> f32 {
  switch lane {
    case 0u: { return subgroupBroadcast(v, 0u); }
    case 1u: { return subgroupBroadcast(v, 1u); }
    case 2u: { return subgroupBroadcast(v, 2u); }
    case 3u: { return subgroupBroadcast(v, 3u); }
    case 4u: { return subgroupBroadcast(v, 4u); }
    case 5u: { return subgroupBroadcast(v, 5u); }
    case 6u: { return subgroupBroadcast(v, 6u); }
    case 7u: { return subgroupBroadcast(v, 7u); }
    case 8u: { return subgroupBroadcast(v, 8u); }
    case 9u: { return subgroupBroadcast(v, 9u); }
    case 10u: { return subgroupBroadcast(v, 10u); }
    case 11u: { return subgroupBroadcast(v, 11u); }
    case 12u: { return subgroupBroadcast(v, 12u); }
    case 13u: { return subgroupBroadcast(v, 13u); }
    case 14u: { return subgroupBroadcast(v, 14u); }
    default: { return subgroupBroadcast(v, 15u); }
  }
}

// Four neighbours of a row of dy; zero past its end.
fn gradients(first: u32, channel: u32, strip: Strip) -> vec4<f32> {
  let row = first + strip.image * conv.out_image + min(channel, params.m - 1u) * conv.pixels + strip.y * conv.out_width;
  if WHOLE_STRIPS {
    return vector_a((row + strip.x) / 4u);
  }
  let x = strip.x + QUAD;
  let at = row + min(x, vec4<u32>(conv.out_width - 1u));
  let v = vec4<f32>(load_a(at.x, 0u, 0u), load_a(at.y, 0u, 0u), load_a(at.z, 0u, 0u), load_a(at.w, 0u, 0u));
  return select(vec4<f32>(), v, x < vec4<u32>(conv.out_width));
}

// acc += the strip's part of the sum.
fn add_strip(acc: ptr<function, Acc>, spots: ptr<function, array<Spot, LOADS>>, place: Place, channel: u32, strip: Strip) {
  let top = strip.y * conv.stride.x - conv.pad.x;
  let left = strip.x * STRIDE_W - conv.pad.y;
  let corner = place.b + strip.image * conv.image + top * conv.width + left;
  var mine: array<f32, LOADS>;
  for (var i = 0u; i < LOADS; i += 1u) {
    let spot = (*spots)[i];
    // A negative coordinate is a large one.
    let lies = (top + spot.y < conv.height) & (left + spot.x < conv.width);
    mine[i] = select(0.0, pixel(corner + spot.element), lies);
  }
  let dy = transposed(array<vec4<f32>, 4>(gradients(place.a, channel, strip), gradients(place.a, channel + 1u, strip),
                                          gradients(place.a, channel + 2u, strip), gradients(place.a, channel + 3u, strip)));
  // Loops whose counters index an array of their own length: the driver unrolls those, and acc stays in registers.
  for (var r = 0u; r < TAP_ROWS; r += 1u) {
    var run: array<f32, RUN>;
    for (var i = 0u; i < RUN; i += 1u) {
      run[i] = hand_round(mine[(r * RUN + i) / SUBGROUP], (r * RUN + i) % SUBGROUP);
    }
    for (var t = 0u; t < KERNEL_W; t += 1u) {
      var x = vec4<f32>(run[t * DILATION_W], run[t * DILATION_W + STRIDE_W],
                        run[t * DILATION_W + 2u * STRIDE_W], run[t * DILATION_W + 3u * STRIDE_W]);
      if !WHOLE_STRIPS {
        // What lies past the row's end is no number to multiply with zero.
        x = select(vec4<f32>(), x, strip.x + QUAD < vec4<u32>(conv.out_width));
      }
      var s = (*acc)[r][t];
      s = fma(vec4<f32>(x.x), dy[0], s);
      s = fma(vec4<f32>(x.y), dy[1], s);
      s = fma(vec4<f32>(x.z), dy[2], s);
      s = fma(vec4<f32>(x.w), dy[3], s);
      (*acc)[r][t] = s;
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32) {
  let place = place_of(group, groups, 4u * SUBGROUP, params.n);
  let channel = place.row + 4u * lane;
  var spots: array<Spot, LOADS>;
  for (var i = 0u; i < LOADS; i += 1u) {
    let e = min(i * SUBGROUP + lane, PIXELS - 1u);
    let r = e / RUN;
    let y = r % KERNEL_H * conv.dilation.x;
    spots[i] = Spot(y, e % RUN, r / KERNEL_H * conv.plane + y * conv.width + e % RUN);
  }
  let strips = (conv.out_width + 3u) / 4u;
  let lines = conv.pixels / conv.out_width;
  let line = place.k_begin / 4u / strips;
  var strip = Strip(line / lines, line % lines, place.k_begin / 4u % strips * 4u);
  var acc: Acc;
  for (var k = place.k_begin; k < place.k_end; k += 4u) {
    add_strip(&acc, &spots, place, channel, strip);
    // The next strip, without a division.
    let x = strip.x + 4u;
    let y = strip.y + u32(x >= conv.out_width);
    strip = Strip(strip.image + u32(y == lines), select(y, 0u, y == lines), select(x, 0u, x >= conv.out_width));
  }
  if !place.inside {
    return;
  }
  // As in matmul_subgroup.wgsl: acc must never be indexed by a runtime value, so selects pick the row.
  for (var r = 0u; r < TAP_ROWS; r += 1u) {
    for (var t = 0u; t < KERNEL_W; t += 1u) {
      var v = acc[0][t];
      for (var g = 1u; g < TAP_ROWS; g += 1u) {
        v = select(v, acc[g][t], g == r);
      }
      let col = r * KERNEL_W + t;
      if channel < params.m { store1(place.out, channel, col, v.x); }
      if channel + 1u < params.m { store1(place.out, channel + 1u, col, v.y); }
      if channel + 2u < params.m { store1(place.out, channel + 2u, col, v.z); }
      if channel + 3u < params.m { store1(place.out, channel + 3u, col, v.w); }
    }
  }
}
