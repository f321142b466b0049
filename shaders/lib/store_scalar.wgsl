// Writes one output at a time, any strides. The output lies row-major without gaps, so an address is also the number that
// the epilogue knows an output by. `first` is the first element of the matrix.
@group(0) @binding(3) var<storage, read_write> out: array<OUT>;

fn store(at: u32, value: f32) {
  out[at] = stored(epilogue(value, at));
}

fn store1(first: u32, row: u32, col: u32, value: f32) {
  store(first + row * params.out_row + col * params.out_col, value);
}

// Four neighbours along the columns, those below n only.
fn store4(first: u32, row: u32, col: u32, value: vec4<f32>) {
  let at = first + row * params.out_row + col * params.out_col;
  let step = params.out_col;
  if col < params.n { store(at, value.x); }
  if col + 1u < params.n { store(at + step, value.y); }
  if col + 2u < params.n { store(at + 2u * step, value.z); }
  if col + 3u < params.n { store(at + 3u * step, value.w); }
}
