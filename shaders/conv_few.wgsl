// out[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]) with B gathered from images and ROWS (1 to 4) rows: a convolution in
// which a group has few output channels (depthwise: one), and its weight gradient.
//
// Buffers: params, A (a uniform buffer, where it fits, on software adapters), images, out, conv. So few rows are not worth a tile:
// what is gathered is used at once for all of them.
// Invocation: four columns of all rows. Grid: ceil(n / 4) * batch * splits invocations, WORKGROUP to a workgroup, folded.
// Features: none.
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
  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();
  for (var k = begin; k < end; k += 4u) {
    let block = block_b(columns, k, end);
    s0 += block * a_along_k(first.x, 0u, k, end);
    if ROWS > 1u { s1 += block * a_along_k(first.x, 1u, k, end); }
    if ROWS > 2u { s2 += block * a_along_k(first.x, 2u, k, end); }
    if ROWS > 3u { s3 += block * a_along_k(first.x, 3u, k, end); }
  }
  let at = slot * params.m * params.n;
  store4(at, 0u, i % quads * 4u, s0);
  if ROWS > 1u { store4(at, 1u, i % quads * 4u, s1); }
  if ROWS > 2u { store4(at, 2u, i % quads * 4u, s2); }
  if ROWS > 3u { store4(at, 3u, i % quads * 4u, s3); }
}
