// y = (x - mean) / sqrt(variance + epsilon) · scale + shift, mean and variance those of each row: one subgroup a row, which stays in
// its registers from the mean to the store.
//
// Buffers, sizes and generated functions are those of norm.wgsl, `across_sum` and `one` those of softmax.wgsl. Each lane holds UNITS
// values (or vectors) of a row, a subgroup's width apart; WHOLE says that they make up the row. A workgroup does `together` rows that have
// the same channels, and keeps scale and shift for all of them. x is read once: mean first, then the squares of what differs from it.
// Workgroup: one subgroup. Grid: for each `together` images `repeat` workgroups, folded over x and y.
// Features: subgroups, min size == max size == WORKGROUP.

struct Params { rows: u32, channels: u32, length: u32, repeat: u32, count: f32, epsilon: f32, together: u32 }

@group(0) @binding(0) var<storage, read_write> y: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> variances: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let number = group.x + group.y * groups.x;
  let series = number % params.repeat;
  let width = params.channels * params.length;
  var scales: array<F, UNITS>;
  var shifts: array<F, UNITS>;
  for (var u = 0u; u < UNITS; u++) {
    let at = min(u * WORKGROUP + lane, width - 1u);
    let channel = series * params.channels + select(at / params.length, at, COLUMNS);
    scales[u] = scale_at(channel);
    shifts[u] = shift_at(channel);
  }
  let begin = number / params.repeat * params.together * params.repeat + series;
  let end = min(begin + params.together * params.repeat, params.rows);
  for (var row = begin; row < end; row += params.repeat) {
    let first = row * width;
    var kept: array<F, UNITS>;
    var total = F(0.0);
    for (var u = 0u; u < UNITS; u++) {
      let at = u * WORKGROUP + lane;
      var v = F(0.0);
      if (WHOLE || at < width) {
        v = F(x[first + at]);
      }
      kept[u] = v;
      total += v;
    }
    var mean = 0.0;
    if (CENTRED) {
      mean = subgroupAdd(one(across_sum(total))) / params.count;
    }
    var squares = F(0.0);
    for (var u = 0u; u < UNITS; u++) {
      if (WHOLE || u * WORKGROUP + lane < width) {
        kept[u] -= F(mean);
      }
      squares += kept[u] * kept[u];
    }
    let variance = subgroupAdd(one(across_sum(squares))) / params.count;
    let factor = F(1.0 / sqrt(variance + params.epsilon));
    if (lane == 0u) {
      remember(row, mean);
      variances[row] = variance;
    }
    for (var u = 0u; u < UNITS; u++) {
      let at = u * WORKGROUP + lane;
      if (WHOLE || at < width) {
        y[first + at] = STORED(kept[u] * (factor * scales[u]) + shifts[u]);
      }
    }
  }
}
