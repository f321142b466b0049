// dx = r (v - mean of v - z · mean of v z), v = g · scale, z = (x - mean) r, r = 1 / sqrt(variance + epsilon), the means over each
// row: one subgroup a row, whose v and z stay in its registers between the sweeps.
//
// Buffers, sizes and generated functions are those of norm_backward.wgsl, `one` that of softmax.wgsl; lanes, UNITS, WHOLE,
// `together` and grid as in norm_subgroup.wgsl.
// Workgroup: one subgroup. Features: subgroups, min size == max size == WORKGROUP.

struct Params { rows: u32, channels: u32, length: u32, repeat: u32, count: f32, epsilon: f32, together: u32 }

@group(0) @binding(0) var<storage, read_write> dx: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> variances: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;
@group(0) @binding(4) var<storage, read> g: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let number = group.x + group.y * groups.x;
  let series = number % params.repeat;
  let width = params.channels * params.length;
  var scales: array<F, UNITS>;
  for (var u = 0u; u < UNITS; u++) {
    let at = min(u * WORKGROUP + lane, width - 1u);
    scales[u] = scale_at(series * params.channels + select(at / params.length, at, COLUMNS));
  }
  let begin = number / params.repeat * params.together * params.repeat + series;
  let end = min(begin + params.together * params.repeat, params.rows);
  for (var row = begin; row < end; row += params.repeat) {
    let first = row * width;
    let mean = F(mean_of(row));
    let factor = F(1.0 / sqrt(variances[row] + params.epsilon));
    var scaled: array<F, UNITS>;
    var centred: array<F, UNITS>;
    var sum = F(0.0);
    var product = F(0.0);
    for (var u = 0u; u < UNITS; u++) {
      let at = u * WORKGROUP + lane;
      var v = F(0.0);
      var z = F(0.0);
      if (WHOLE || at < width) {
        v = F(g[first + at]) * scales[u];
        z = (F(x[first + at]) - mean) * factor;
      }
      scaled[u] = v;
      centred[u] = z;
      sum += v;
      product += v * z;
    }
    var a = F(0.0);
    if (CENTRED) {
      a = F(subgroupAdd(one(across_sum(sum))) / params.count);
    }
    let b = F(subgroupAdd(one(across_sum(product))) / params.count);
    for (var u = 0u; u < UNITS; u++) {
      let at = u * WORKGROUP + lane;
      if (WHOLE || at < width) {
        dx[first + at] = STORED(factor * (scaled[u] - a - centred[u] * b));
      }
    }
  }
}
