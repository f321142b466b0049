// dx = r (v - mean of v - z · mean of v z), v = g · scale, z = (x - mean) r, r = 1 / sqrt(variance + epsilon), the means over each
// row: the gradient of norm.wgsl, one invocation does ROWS rows. Where CENTRED is false (RMS) the mean of v is left out.
//
// Buffers: g, x and dx [rows, channels, length] in row-major order, as STORED: one value or four neighbours. variances [rows] in
// f32; `mean_of` and `scale_at` are generated, and so is `across_sum`: the sum of the lanes of F. Channels as in norm.wgsl.
// Both sums are taken in blocks, so that a long row loses no more than a few units in the last place.
// Grid: one invocation for ROWS rows, workgroups folded over x and y.

const BLOCK = 64u;

struct Params { rows: u32, channels: u32, length: u32, repeat: u32, count: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read_write> dx: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> variances: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<STORED>;
@group(0) @binding(4) var<storage, read> g: array<STORED>;

// a and b: the sums of v and of v z; later their means.
struct Row { first: u32, mean: f32, factor: f32, a: F, b: F }

fn entered(number: u32) -> Row {
  let row = min(number, params.rows - 1u);
  return Row(row * params.channels * params.length, mean_of(row), 1.0 / sqrt(variances[row] + params.epsilon), F(0.0), F(0.0));
}

// The row with one more element in its sums.
fn taken(row: Row, at: u32, scale: F) -> Row {
  let i = row.first + at;
  let v = F(g[i]) * scale;
  let z = (F(x[i]) - F(row.mean)) * F(row.factor);
  return Row(row.first, row.mean, row.factor, row.a + v, row.b + v * z);
}

// The row with the sums of a block added.
fn added(row: Row, block: Row) -> Row {
  return Row(row.first, row.mean, row.factor, row.a + block.a, row.b + block.b);
}

fn emptied(row: Row) -> Row {
  return Row(row.first, row.mean, row.factor, F(0.0), F(0.0));
}

fn averaged(row: Row) -> Row {
  let a = select(F(0.0), across_sum(row.a) / params.count, CENTRED);
  return Row(row.first, row.mean, row.factor, a, across_sum(row.b) / params.count);
}

fn put(row: Row, at: u32, scale: F) {
  let i = row.first + at;
  let z = (F(x[i]) - F(row.mean)) * F(row.factor);
  dx[i] = STORED(F(row.factor) * (F(g[i]) * scale - row.a - z * row.b));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = ((group.x + group.y * groups.x) * WORKGROUP + lane) * ROWS;
  if (first >= params.rows) { return; }
  var row0 = entered(first);
  var row1 = row0;
  var row2 = row0;
  var row3 = row0;
  if (ROWS > 1u) {
    row1 = entered(first + 1u);
    row2 = entered(first + 2u);
    row3 = entered(first + 3u);
  }
  let channel = (first % params.repeat) * params.channels;
  let width = params.channels * params.length;
  var c = channel;
  var i = 0u;
  var scale = F(1.0);
  for (var block = 0u; block < width; block += BLOCK) {
    let stop = min(block + BLOCK, width);
    var part0 = emptied(row0);
    var part1 = emptied(row1);
    var part2 = emptied(row2);
    var part3 = emptied(row3);
    for (var at = block; at < stop; at++) {
      if (COLUMNS) {
        scale = scale_at(channel + at);
      } else {
        if (i == 0u) { scale = scale_at(c); }
        i++;
        if (i == params.length) {
          i = 0u;
          c++;
        }
      }
      part0 = taken(part0, at, scale);
      if (ROWS > 1u) {
        part1 = taken(part1, at, scale);
        part2 = taken(part2, at, scale);
        part3 = taken(part3, at, scale);
      }
    }
    row0 = added(row0, part0);
    if (ROWS > 1u) {
      row1 = added(row1, part1);
      row2 = added(row2, part2);
      row3 = added(row3, part3);
    }
  }
  row0 = averaged(row0);
  if (ROWS > 1u) {
    row1 = averaged(row1);
    row2 = averaged(row2);
    row3 = averaged(row3);
  }
  c = channel;
  i = 0u;
  for (var at = 0u; at < width; at++) {
    if (COLUMNS) {
      scale = scale_at(channel + at);
    } else {
      if (i == 0u) { scale = scale_at(c); }
      i++;
      if (i == params.length) {
        i = 0u;
        c++;
      }
    }
    put(row0, at, scale);
    if (ROWS > 1u) {
      put(row1, at, scale);
      put(row2, at, scale);
      put(row3, at, scale);
    }
  }
}
