// out = mean + scale·z, z standard normal by Box and Muller: words 0 and 1 of a block give elements 0 and 1, words 2 and 3 the others.
//   v = (w0 >> 8)·2^-24,  theta = 2 pi ((w1 >> 8)·2^-24 - 1/2),  r = sqrt(-2 ln(1 - v)),  z = (r cos theta, r sin theta)
//
// Buffers: key (seed_lo, seed_hi, step); out follows it (generated, with `store4`, which writes as much of a block as there is).
// Grid: one invocation a block of four, workgroups folded over x and y.

struct Params {
  blocks: u32, count: u32, stream: u32, unused: u32,
  mean: f32, scale: f32, unused_1: u32, unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> key: array<u32>;

// -ln(1 - v) for v in [0, 1 - 2^-24]. WGSL grants log only an absolute error of 2^-21 near 1, where the square root of the result
// would lose half of its digits: there, below 1/16, the series v + v^2/2 + … is good to 1e-8.
fn minus_log_of_rest(v: vec2<f32>) -> vec2<f32> {
  let series = v * (1.0 + v * (0.5 + v * (0.33333333 + v * (0.25 + v * (0.2 + v * 0.16666667)))));
  return select(-log(1.0 - v), series, v < vec2<f32>(0.0625));
}

// Two cosines, then two sines, of 2 pi t for t in [-1/2, 1/2), to 1e-7. WGSL grants both only an absolute error of 2^-11, and SwiftShader
// makes use of it. Quarter turns are taken out exactly; within an eighth of a turn the Taylor series ends soon.
fn turn(t: vec2<f32>) -> vec4<f32> {
  let quarter = floor(4.0 * t + 0.5);
  let x = 6.2831855 * (t - 0.25 * quarter);
  let z = x * x;
  let c = 1.0 + z * (-0.5 + z * (0.041666668 + z * (-0.0013888889 + z * 2.4801588e-5)));
  let s = x * (1.0 + z * (-0.16666667 + z * (0.008333334 + z * (-1.984127e-4 + z * 2.7557319e-6))));
  let turns = vec2<u32>(vec2<i32>(quarter)) & vec2<u32>(3u);
  let odd = (turns & vec2<u32>(1u)) == vec2<u32>(1u);
  let cosine = select(c, s, odd);
  let sine = select(s, c, odd);
  return vec4<f32>(select(cosine, -cosine, ((turns + vec2<u32>(1u)) & vec2<u32>(2u)) != vec2<u32>(0u)), select(sine, -sine, turns >= vec2<u32>(2u)));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let block = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (block >= params.blocks) { return; }
  let words = threefry(vec4<u32>(key[0], key[1], key[2], params.stream), vec4<u32>(block, 0u, 0u, 0u));
  let u = vec4<f32>(words >> vec4<u32>(8u)) * 5.9604644775390625e-8;
  let r = sqrt(2.0 * minus_log_of_rest(u.xz));
  let z = r.xyxy * turn(u.yw - 0.5);
  store4(block, params.mean + params.scale * z.xzyw);
}
