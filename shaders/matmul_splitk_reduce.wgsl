// C[i] = epilogue(sum over s of partials[s, i]): the second pass of a matmul with a split k.
//
// Buffers: size (outputs, splits), partials (f32, each split row-major like C), C. F is f32, or four neighbours of a row
// at once; then `size` and `i` count vectors. The order of the sum is fixed, so that the same inputs give the same bytes.
// Grid: one invocation a value, WORKGROUP to a workgroup, folded. Features: none.
@group(0) @binding(0) var<uniform> size: vec4<u32>;
@group(0) @binding(1) var<storage, read> partials: array<F>;
@group(0) @binding(2) var<storage, read_write> out: array<OUT>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if i >= size.x {
    return;
  }
  var sum = F();
  for (var s = 0u; s < size.y; s += 1u) {
    sum += partials[s * size.x + i];
  }
  out[i] = stored(epilogue(sum, i));
}
