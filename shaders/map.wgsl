// out[i] = value(i): a chain of element-wise functions over operands of any layout.
//
// Buffers: out, row-major; the chain's operands follow it (generated loads know their strides).
// `value(i)` is generated; OUT is one stored element, or four of them side by side where the shape allows it, and `i`
// counts those. `stored` converts from the compute class to the stored type.
// Grid: one invocation a value, workgroups folded over x and y.

@group(0) @binding(0) var<storage, read_write> out: array<OUT>;
@group(0) @binding(1) var<uniform> count: vec4<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i < count.x) {
    out[i] = stored(value(i));
  }
}
