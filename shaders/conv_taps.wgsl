// out[g, m, n] = sum over the pixels of all images of dy[m] x[n], the weight gradient of a convolution with few input channels: n is
// (channel, tap row, tap) of the window, CHANNELS * KERNEL_H * KERNEL_W in all. For software adapters with subgroups of one fixed size.
//
// Buffers: params, A = dy, images, out, conv. Here k counts pixels of rows that are rounded up to whole strips of four.
// Workgroup: one subgroup, 4 * SUBGROUP output channels. Invocation: four output channels and all taps: dy, the larger operand, is
// loaded once. It walks down a column of strips: of the pixels that the windows of a strip cover, those of FRESH rows are new. They
// are shared out over the lanes and handed round.
// Grid: tiles_m * batch * splits, folded. Features: subgroups, min size == max size == SUBGROUP (8, 16).
const RUN: u32 = 3u * STRIDE_W + (KERNEL_W - 1u) * DILATION_W + 1u;
const LOADS: u32 = (CHANNELS * RUN + SUBGROUP - 1u) / SUBGROUP;
const KEPT: u32 = KERNEL_H - FRESH;
alias Handed = f32;
alias Acc = array<array<array<vec4<f32>, KERNEL_W>, KERNEL_H>, CHANNELS>;
// Of each row of the window the pixels of all channels, each lane its share.
alias Rows = array<array<f32, LOADS>, KERNEL_H>;

// Where the windows of a strip begin: its first pixel's corner, and that corner's element.
struct Corner { y: u32, x: u32, element: u32 }

// A lane's share of a row: the column, and the element from the corner on.
struct Share { x: array<u32, LOADS>, element: array<u32, LOADS> }

// Four neighbours of a row of dy from element `at` and column x on; zero past the row's end.
fn gradients(at: u32, x: u32) -> vec4<f32> {
  if WHOLE_STRIPS {
    return vector_a(at / 4u);
  }
  let i = at + min(QUAD, vec4<u32>(conv.out_width - 1u - x));
  let v = vec4<f32>(load_a(i.x, 0u, 0u), load_a(i.y, 0u, 0u), load_a(i.z, 0u, 0u), load_a(i.w, 0u, 0u));
  return select(vec4<f32>(), v, x + QUAD < vec4<u32>(conv.out_width));
}

// One row of the window.
fn row_of(share: Share, corner: Corner, row: u32) -> array<f32, LOADS> {
  var mine: array<f32, LOADS>;
  let down = row * conv.dilation.x;
  for (var i = 0u; i < LOADS; i += 1u) {
    // A negative coordinate is a large one.
    let lies = (corner.y + down < conv.height) & (corner.x + share.x[i] < conv.width);
    mine[i] = select(0.0, pixel(corner.element + down * conv.width + share.element[i]), lies);
  }
  return mine;
}

// acc += a strip's part of the sum. dy: one vector of four channels for each pixel; x: the strip's column.
fn add_strip(acc: ptr<function, Acc>, rows: ptr<function, Rows>, dy: array<vec4<f32>, 4>, x: u32) {
  // Loops whose counters index an array of their own length: the driver unrolls those, and acc stays in registers.
  for (var c = 0u; c < CHANNELS; c += 1u) {
    for (var j = 0u; j < KERNEL_H; j += 1u) {
      var run: array<f32, RUN>;
      for (var i = 0u; i < RUN; i += 1u) {
        run[i] = hand_round((*rows)[j][(c * RUN + i) / SUBGROUP], (c * RUN + i) % SUBGROUP);
      }
      for (var t = 0u; t < KERNEL_W; t += 1u) {
        var v = vec4<f32>(run[t * DILATION_W], run[t * DILATION_W + STRIDE_W],
                          run[t * DILATION_W + 2u * STRIDE_W], run[t * DILATION_W + 3u * STRIDE_W]);
        if !WHOLE_STRIPS {
          // What lies past the row's end is no number to multiply with zero.
          v = select(vec4<f32>(), v, x + QUAD < vec4<u32>(conv.out_width));
        }
        var s = (*acc)[c][j][t];
        s = fma(vec4<f32>(v.x), dy[0], s);
        s = fma(vec4<f32>(v.y), dy[1], s);
        s = fma(vec4<f32>(v.z), dy[2], s);
        s = fma(vec4<f32>(v.w), dy[3], s);
        (*acc)[c][j][t] = s;
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32) {
  let place = place_of(group, groups, 4u * SUBGROUP, params.n);
  let channel = place.row + 4u * lane;
  var share: Share;
  for (var i = 0u; i < LOADS; i += 1u) {
    let e = min(i * SUBGROUP + lane, CHANNELS * RUN - 1u);
    share.x[i] = e % RUN;
    share.element[i] = e / RUN * conv.plane + e % RUN;
  }
  let lines = conv.pixels / conv.out_width;
  let strips = (conv.out_width + 3u) / 4u;
  // Of a lane's four channels, those past the last repeat it; nobody stores them.
  let planes = place.a + min(channel + QUAD, vec4<u32>(params.m - 1u)) * conv.pixels;
  var acc: Acc;
  var rows: Rows;
  for (var k = place.k_begin; k < place.k_end;) {
    // A column of strips.
    let column = k / 4u / lines;
    let image = column / strips;
    let x = column % strips * 4u;
    let left = x * STRIDE_W - conv.pad.y;
    let first = image * conv.out_image + x;
    var y = k / 4u % lines;
    let end = min(lines, y + (place.k_end - k) / 4u);
    k += (end - y) * 4u;
    let top = y * conv.stride.x - conv.pad.x;
    var corner = Corner(top, left, place.b + image * conv.image + top * conv.width + left);
    for (var j = 0u; j < KERNEL_H; j += 1u) {
      if j >= FRESH {
        rows[j] = row_of(share, corner, j - FRESH);
      }
    }
    for (; y < end; y += 1u) {
      for (var j = 0u; j < KERNEL_H; j += 1u) {
        if j < KEPT {
          rows[j] = rows[j + FRESH];
        } else {
          rows[j] = row_of(share, corner, j);
        }
      }
      let at = planes + first + y * conv.out_width;
      let dy = transposed(array<vec4<f32>, 4>(gradients(at.x, x), gradients(at.y, x), gradients(at.z, x), gradients(at.w, x)));
      add_strip(&acc, &rows, dy, x);
      corner.y += conv.stride.x;
      corner.element += conv.stride.x * conv.width;
    }
  }
  if !place.inside {
    return;
  }
  // As in matmul_subgroup.wgsl: acc must never be indexed by a runtime value, so selects pick the channel.
  for (var c = 0u; c < CHANNELS; c += 1u) {
    for (var j = 0u; j < KERNEL_H; j += 1u) {
      for (var t = 0u; t < KERNEL_W; t += 1u) {
        var v = acc[0][j][t];
        for (var g = 1u; g < CHANNELS; g += 1u) {
          v = select(v, acc[g][j][t], g == c);
        }
        let col = (c * KERNEL_H + j) * KERNEL_W + t;
        if channel < params.m { store1(place.out, channel, col, v.x); }
        if channel + 1u < params.m { store1(place.out, channel + 1u, col, v.y); }
        if channel + 2u < params.m { store1(place.out, channel + 2u, col, v.z); }
        if channel + 3u < params.m { store1(place.out, channel + 3u, col, v.w); }
      }
    }
  }
}
