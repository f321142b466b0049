// Writes outputs that are images: a column is a pixel of an image, a row a channel of the group whose channels `first` counts.
// One output at a time. An address is also the number that the epilogue knows an output by.
@group(0) @binding(3) var<storage, read_write> out: array<OUT>;

fn store1(first: u32, row: u32, col: u32, value: f32) {
  if col < params.n {
    let at = image_rows(first) + col / conv.pixels * conv.out_image + row * conv.pixels + col % conv.pixels;
    out[at] = stored(epilogue(value, at));
  }
}

// Four neighbours along the columns, those below n only.
fn store4(first: u32, row: u32, col: u32, value: vec4<f32>) {
  store1(first, row, col, value.x);
  store1(first, row, col + 1u, value.y);
  store1(first, row, col + 2u, value.z);
  store1(first, row, col + 3u, value.w);
}
