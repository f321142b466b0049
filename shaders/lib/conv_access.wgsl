// B of a convolution as a matrix product: not read by strides but gathered from images, through a window. The parts on top
// define `Columns`, `start_b` and `block_b`; here is what they share.
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
