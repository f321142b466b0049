// B of a convolution as a matrix product: not read by strides but gathered from images, through a window. The parts on top
// define `Columns`, `start_b` and `block_b`; here is what they share, and the same blocks as the tiled kernels want them.
//
// Of the images that are gathered from: image, plane: elements from one image, one channel to the next; last: the last
// element that may be read (other addresses are clamped to it and their values discarded). Of the images on the other side:
// pixels, width. out_image: elements from one image of the output to the next; images: how many.
struct Conv {
  height: u32, width: u32, plane: u32, image: u32,
  pixels: u32, out_width: u32, out_image: u32, images: u32,
  stride: vec2<u32>, pad: vec2<u32>,
  dilation: vec2<u32>, last: u32, channels: u32,
}
@group(0) @binding(4) var<uniform> conv: Conv;

const QUAD: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);

// B[k..k+4, col..col+4], one k each.
fn b_by_k(first: u32, k: u32, k_end: u32, col: u32) -> array<vec4<f32>, 4> {
  let block = block_b(start_b(first, col), k, k_end);
  return array<vec4<f32>, 4>(block[0], block[1], block[2], block[3]);
}
