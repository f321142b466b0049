// out[i, c] = (exp(x[i, c] - lse[i]) - target) g[i], target = hit · (c == labels[i]) + rest: the gradient of the cross-entropy, in one
// pass; a row of zeros where the label names no class or is the ignored one.
//
// Buffers: out and x [rows, classes] in row-major order, as STORED: one logit or four neighbours, and params.classes counts
// those; labels [rows]; lse [rows]; g, row i at offset + i * stride (a broadcast scalar has stride 0).
// Each invocation does RUN neighbours of one row, so that label, lse and g are loaded once for them; params.runs of them a row.
// Grid: one invocation a run, workgroups folded over x and y.

struct Params { count: u32, runs: u32, classes: u32, labels: u32, stride: u32, offset: u32, ignored: i32, hit: f32, rest: f32 }

@group(0) @binding(0) var<storage, read_write> out: array<STORED>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<STORED>;
@group(0) @binding(3) var<storage, read> labels: array<i32>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> g: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let row = i / params.runs;
  let first = (i % params.runs) * RUN;
  let last = min(first + RUN, params.classes);
  let label = labels[row];
  let valid = label >= 0 && u32(label) < params.labels && label != params.ignored;
  let scale = select(0.0, g[params.offset + row * params.stride], valid);
  let log_total = lse[row];
  for (var c = first; c < last; c++) {
    let at = row * params.classes + c;
    // `one_hot` is generated: 1 in the lane whose class is the label.
    let wanted = one_hot(c, u32(label)) * params.hit + params.rest;
    out[at] = STORED((exp(F(x[at]) - F(log_total)) - wanted) * F(scale));
  }
}
