// Writes outputs that are images, four pixels at a time: an image is a whole number of vectors. As in store_images_scalar.wgsl;
// the epilogue takes all four and counts vectors.
@group(0) @binding(3) var<storage, read_write> out: array<OUT>;

fn store4(first: u32, row: u32, col: u32, value: vec4<f32>) {
  if col < params.n {
    let at = (image_rows(first) + col / conv.pixels * conv.out_image + row * conv.pixels + col % conv.pixels) / 4u;
    out[at] = stored(epilogue(value, at));
  }
}
