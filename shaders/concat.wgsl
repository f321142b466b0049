// out[o, base + j] = value(o, j): one input of a concatenation, written to its columns of the output.
//
// Buffers: out, row-major; the input follows it (generated loads know its strides).
// `value(i)` is generated; all numbers count stored elements OUT: one, or four side by side where every number allows it.
// Grid: one invocation an element of the input, workgroups folded over x and y.

struct Place {
  count: u32,  // elements of the input
  own: u32,    // elements of the input before the next step of the outer axes
  row: u32,    // the same of the output
  base: u32,   // where the input starts in such a row
}

@group(0) @binding(0) var<storage, read_write> out: array<OUT>;
@group(0) @binding(1) var<uniform> place: Place;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i < place.count) {
    out[(i / place.own) * place.row + place.base + i % place.own] = stored(value(i));
  }
}
