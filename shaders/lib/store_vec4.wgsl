// Writes four outputs at a time: n and the row stride are multiples of 4, and columns are neighbours. The epilogue takes all
// four and counts vectors. There is no store of one: two invocations must not write parts of one vector.
@group(0) @binding(3) var<storage, read_write> out: array<OUT>;

fn store4(first: u32, row: u32, col: u32, value: vec4<f32>) {
  if col < params.n {
    let at = (first + row * params.out_row + col) / 4u;
    out[at] = stored(epilogue(value, at));
  }
}
