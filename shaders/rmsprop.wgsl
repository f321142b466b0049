// One step of RMSprop in place:
//   g = grad + weight_decay·p;  v = alpha·v + (1 - alpha)·g²;  d = g / (sqrt(v) + epsilon);  p = p - rate·d
// where CENTERED with sqrt(v - mean²), mean = alpha·mean + (1 - alpha)·g; with momentum along b = momentum·b + d.
//
// Buffers: rates (learning_rate); param, squares; mean and momentum are bound by `centred` and `along` (generated), where they are
// kept; then the gradient (generated: `value`, any layout). F is one element or four side by side.
// Grid: one invocation for REPEAT of them, WORKGROUP apart, workgroups folded over x and y.

struct Params { count: u32, alpha: f32, fresh: f32, epsilon: f32, weight_decay: f32, momentum: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read_write> param: array<F>;
@group(0) @binding(3) var<storage, read_write> squares: array<F>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x + group.y * groups.x) * WORKGROUP * REPEAT + lane;
  let rate = rates[0];
  for (var turn = 0u; turn < REPEAT; turn++) {
    let i = first + turn * WORKGROUP;
    if (i >= params.count) { return; }
    let p = param[i];
    let g = value(i) + params.weight_decay * p;
    let v = params.alpha * squares[i] + params.fresh * g * g;
    squares[i] = v;
    let d = g / (sqrt(centred(i, g, v)) + params.epsilon);
    param[i] = p - rate * along(i, d);
  }
}
