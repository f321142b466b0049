// One step of Adam, or of AdamW where DECOUPLED, in place:
//   g = grad + weight_decay·p, or p = p - rate·weight_decay·p
//   m = beta1·m + (1 - beta1)·g;  v = beta2·v + (1 - beta2)·g²;  p = p - rate·(m·c1)/(sqrt(v·c2) + epsilon)
//
// Buffers: rates (learning_rate, c1 = 1/(1 - beta1^t), c2 = 1/(1 - beta2^t)); param, m, v; then the gradient (generated: `value`,
// any layout). F is one element or four side by side.
// Grid: one invocation for REPEAT of them, WORKGROUP apart, workgroups folded over x and y.

struct Params {
  count: u32, beta1: f32, fresh1: f32, beta2: f32,
  fresh2: f32, epsilon: f32, weight_decay: f32, unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read_write> param: array<F>;
@group(0) @binding(3) var<storage, read_write> means: array<F>;
@group(0) @binding(4) var<storage, read_write> squares: array<F>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x + group.y * groups.x) * WORKGROUP * REPEAT + lane;
  let rate = rates[0];
  for (var turn = 0u; turn < REPEAT; turn++) {
    let i = first + turn * WORKGROUP;
    if (i >= params.count) { return; }
    var p = param[i];
    var g = value(i);
    if (DECOUPLED) {
      p -= rate * params.weight_decay * p;
    } else {
      g += params.weight_decay * p;
    }
    let m = params.beta1 * means[i] + params.fresh1 * g;
    let v = params.beta2 * squares[i] + params.fresh2 * g * g;
    means[i] = m;
    squares[i] = v;
    param[i] = p - rate * (m * rates[1]) / (sqrt(v * rates[2]) + params.epsilon);
  }
}
