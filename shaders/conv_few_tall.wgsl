// out[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]) as conv_few.wgsl, for windows up to four by four that move pixel by pixel
// over outputs whose rows are whole strips of four: depthwise convolutions, and input gradients of images of few channels.
//
// Buffers: params, A, images, out, conv. k = (channel * KERNEL_H + tap row) * 4 + tap, and pieces of k are whole channels.
// Invocation: DOWN strips below each other of all ROWS (1 to 4) rows: a row of pixels is loaded once for all strips that see it.
// Grid: out_width / 4 * ceil(height / DOWN) * images * batch * splits invocations, WORKGROUP to a workgroup, folded.
// Features: none.
const DOWN: u32 = 4u;
const READ: u32 = DOWN + KERNEL_H - 1u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let across = conv.out_width / 4u;
  let height = conv.pixels / conv.out_width;
  let down = (height + DOWN - 1u) / DOWN;
  let blocks = across * down * conv.images;
  let slot = i / blocks;
  if slot >= params.batch * params.splits {
    return;
  }
  let first = first_elements(slot % params.batch);
  let begin = slot / params.batch * params.split_k;
  let end = min(begin + params.split_k, params.k);
  let block = i % blocks;
  let image = block / (across * down);
  let y = block / across % down * DOWN;
  let x = block % across * 4u;
  let top = y - conv.pad.x;
  let left = x - conv.pad.y;
  var at = first.y + image * conv.image + begin / (4u * KERNEL_H) * conv.plane + top * conv.width + left;
  var acc: array<array<vec4<f32>, DOWN>, ROWS>;
  for (var k = begin; k < end; k += 4u * KERNEL_H) {
    // Loops whose counters index an array of their own length, so that drivers unroll them.
    var taps: array<array<vec4<f32>, KERNEL_H>, ROWS>;
    for (var m = 0u; m < ROWS; m += 1u) {
      for (var j = 0u; j < KERNEL_H; j += 1u) {
        taps[m][j] = a_along_k(first.x, m, k + 4u * j, end);
      }
    }
    var seen: array<mat4x4<f32>, READ>;
    for (var r = 0u; r < READ; r += 1u) {
      seen[r] = under_taps(neighbours(at + r * conv.width), left + QUAD, vec4<bool>(top + r < conv.height));
    }
    for (var m = 0u; m < ROWS; m += 1u) {
      for (var d = 0u; d < DOWN; d += 1u) {
        var s = acc[m][d];
        for (var j = 0u; j < KERNEL_H; j += 1u) {
          let tap = taps[m][j];
          s = fma(vec4<f32>(tap.x), seen[d + j][0], s);
          if KERNEL_W > 1u { s = fma(vec4<f32>(tap.y), seen[d + j][1], s); }
          if KERNEL_W > 2u { s = fma(vec4<f32>(tap.z), seen[d + j][2], s); }
          if KERNEL_W > 3u { s = fma(vec4<f32>(tap.w), seen[d + j][3], s); }
        }
        acc[m][d] = s;
      }
    }
    at += conv.plane;
  }
  let matrix = slot * params.m * params.n;
  for (var m = 0u; m < ROWS; m += 1u) {
    for (var d = 0u; d < DOWN; d += 1u) {
      if y + d < height {
        store4(matrix, m, image * conv.pixels + (y + d) * conv.out_width + x, acc[m][d]);
      }
    }
  }
}
