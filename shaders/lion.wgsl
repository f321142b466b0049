// One step of Lion in place:
//   p = p - rate·(sign(beta1·m + (1 - beta1)·grad) + weight_decay·p);  m = beta2·m + (1 - beta2)·grad
//
// Buffers: rates (learning_rate); param, means; then the gradient (generated: `value`, any layout). F is one element or four side
// by side.
// Grid: one invocation for REPEAT of them, WORKGROUP apart, workgroups folded over x and y.

struct Params { count: u32, beta1: f32, fresh1: f32, beta2: f32, fresh2: f32, weight_decay: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read_write> param: array<F>;
@group(0) @binding(3) var<storage, read_write> means: array<F>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x + group.y * groups.x) * WORKGROUP * REPEAT + lane;
  let rate = rates[0];
  for (var turn = 0u; turn < REPEAT; turn++) {
    let i = first + turn * WORKGROUP;
    if (i >= params.count) { return; }
    let p = param[i];
    let m = means[i];
    let g = value(i);
    means[i] = params.beta2 * m + params.fresh2 * g;
    param[i] = p - rate * (sign(params.beta1 * m + params.fresh1 * g) + params.weight_decay * p);
  }
}
