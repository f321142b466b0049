// C[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]), one output an invocation: the plain definition, kept for ever
// beside the tuned variants as their check.
//
// Buffers: params, A, B, C; strides in params, any transpose; C row-major. T is f32 or f16; the sum is f32.
// Grid: one invocation an output, WORKGROUP to a workgroup, folded. Features: none.
// 0.7 GFLOP/s at 512^3 (lavapipe, Mesa 22.3.6, 2 cores, 2026-11-23).
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if i >= params.batch * params.m * params.n * params.splits {
    return;
  }
  let col = i % params.n;
  let row = i / params.n % params.m;
  let slot = i / params.n / params.m;
  let first = first_elements(slot % params.batch);
  let begin = slot / params.batch * params.split_k;
  var sum = 0.0;
  for (var k = begin; k < min(begin + params.split_k, params.k); k += 1u) {
    sum += load_a(first.x, row, k) * load_b(first.y, k, col);
  }
  store1(slot * params.m * params.n, row, col, sum);
}
