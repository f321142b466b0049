// A convolution's weights as the rows of a matrix: out[g, m, (k, i, j)], j padded with zeros to TAPS.
// In: w[first, second, kernel_h, kernel_w]. Forward: w[g * M + m, k, i, j]. TRANSPOSED: w[g * K + k, m, KERNEL_H - 1 - i, KERNEL_W - 1 - j].
//
// Buffers: size (rows M and channels K of a group, elements of out, 0), w, out. Elements are copied as they are.
// Grid: one invocation an element of out, WORKGROUP to a workgroup, folded. Features: none.
@group(0) @binding(0) var<uniform> size: vec4<u32>;
@group(0) @binding(1) var<storage, read> w: array<T>;
@group(0) @binding(2) var<storage, read_write> out: array<T>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let at = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if at >= size.z {
    return;
  }
  let j = at % TAPS;
  let i = at / TAPS % KERNEL_H;
  let channel = at / (TAPS * KERNEL_H);
  let k = channel % size.y;
  let m = channel / size.y % size.x;
  let g = channel / (size.y * size.x);
  var value = T();
  if j < KERNEL_W {
    if TRANSPOSED {
      value = w[(((g * size.y + k) * size.x + m) * KERNEL_H + KERNEL_H - 1u - i) * KERNEL_W + KERNEL_W - 1u - j];
    } else {
      value = w[(((g * size.x + m) * size.y + k) * KERNEL_H + i) * KERNEL_W + j];
    }
  }
  out[at] = value;
}
