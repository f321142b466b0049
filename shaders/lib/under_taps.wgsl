// What each of KERNEL_W (up to 4) taps of a row of the window sees of four neighbours, of which the first tap sees the columns x: `run` are
// the pixels from there on, and those outside the image are zero. A negative coordinate is a large one.
fn under_taps(run: mat2x4<f32>, x: vec4<u32>, inside: vec4<bool>) -> mat4x4<f32> {
  let width = vec4<u32>(conv.width);
  var v: mat4x4<f32>;
  v[0] = select(vec4<f32>(), run[0], inside & (x < width));
  if KERNEL_W > 1u { v[1] = select(vec4<f32>(), vec4<f32>(run[0].yzw, run[1].x), inside & (x + 1u < width)); }
  if KERNEL_W > 2u { v[2] = select(vec4<f32>(), vec4<f32>(run[0].zw, run[1].xy), inside & (x + 2u < width)); }
  if KERNEL_W > 3u { v[3] = select(vec4<f32>(), vec4<f32>(run[0].w, run[1].xyz), inside & (x + 3u < width)); }
  return v;
}
