// One step of stochastic gradient descent, in place:
//   g = grad + weight_decay·p;  v = momentum·v + fresh·g;  d = NESTEROV ? g + momentum·v : v;  p = p - rate·d
//
// Buffers: rates (learning_rate); param; then velocity where there is one (generated, with `recall` and `remember`; without it v is 0
// before and dropped after) and the gradient (generated: `value`, any layout). F is one element or four side by side.
// Grid: one invocation for REPEAT of them, WORKGROUP apart, workgroups folded over x and y.

struct Params { count: u32, momentum: f32, fresh: f32, weight_decay: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read_write> param: array<F>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x + group.y * groups.x) * WORKGROUP * REPEAT + lane;
  for (var turn = 0u; turn < REPEAT; turn++) {
    let i = first + turn * WORKGROUP;
    if (i >= params.count) { return; }
    let p = param[i];
    let g = value(i) + params.weight_decay * p;
    let v = params.momentum * recall(i) + params.fresh * g;
    remember(i, v);
    var d = v;
    if (NESTEROV) { d = g + params.momentum * v; }
    param[i] = p - rates[0] * d;
  }
}
