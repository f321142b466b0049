// k runs over the pixels of all images: from one image to the next the memory jumps over the other channels.
fn a_step(k: u32) -> u32 {
  return k / conv.pixels * conv.out_image + k % conv.pixels;
}
