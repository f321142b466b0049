// out[b, 0, n] = epilogue(sum over k of A[b, 0, k] B[b, k, n]) with B gathered from images: a convolution in which a group has one
// output channel (depthwise), and its weight gradient.
//
// Buffers: params, A, images, out, conv. Nothing of B is used by two rows, so there is nothing to tile.
// Invocation: four columns. Grid: ceil(n / 4) * batch * splits invocations, WORKGROUP to a workgroup, folded. Features: none.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let quads = (params.n + 3u) / 4u;
  let slot = i / quads;
  if slot >= params.batch * params.splits {
    return;
  }
  let first = first_elements(slot % params.batch);
  let begin = slot / params.batch * params.split_k;
  let end = min(begin + params.split_k, params.k);
  let columns = start_b(first.y, i % quads * 4u);
  var sum = vec4<f32>();
  for (var k = begin; k < end; k += 4u) {
    let weights = a_along_k(first.x, 0u, k, end);
    let block = block_b(columns, k, end);
    sum += block[0] * weights.x;
    if TAPS > 1u { sum += block[1] * weights.y; }
    if TAPS > 2u { sum += block[2] * weights.z; }
    if TAPS > 3u { sum += block[3] * weights.w; }
  }
  store4(slot * params.n, 0u, i % quads * 4u, sum);
}
