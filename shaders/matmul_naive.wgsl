// C[b, m, n] = sum over k of A[b, m, k] B[b, k, n], one output an invocation: the plain definition, kept for ever beside the
// tuned variants as their check.
//
// Buffers: a, b with any strides (a transposed operand is swapped strides), c row-major. T is f32 or f16; the sum is f32.
// Every sum passes through the generated `epilogue` (bias, activation) and `stored`.
// Grid: one invocation an output, workgroups folded over x and y.

struct Params {
  m: u32, n: u32, k: u32, count: u32,
  a: vec4<u32>,  // stride of m, stride of k, offset
  b: vec4<u32>,  // stride of k, stride of n, offset
  batch: vec4<u32>,  // batch extents, innermost first
  a_batch: vec4<u32>,  // batch strides, innermost first
  b_batch: vec4<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<T>;
@group(0) @binding(2) var<storage, read> b: array<T>;
@group(0) @binding(3) var<storage, read_write> c: array<OUT>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= params.count) { return; }
  let column = i % params.n;
  let row = (i / params.n) % params.m;
  var rest = i / (params.n * params.m);
  var at_a = params.a.z + row * params.a.x;
  var at_b = params.b.z + column * params.b.y;
  for (var axis = 0u; axis < 4u; axis++) {
    let x = rest % params.batch[axis];
    rest = rest / params.batch[axis];
    at_a += x * params.a_batch[axis];
    at_b += x * params.b_batch[axis];
  }
  var sum = 0.0;
  for (var k = 0u; k < params.k; k++) {
    sum += f32(a[at_a]) * f32(b[at_b]);
    at_a += params.a.y;
    at_b += params.b.x;
  }
  c[i] = stored(epilogue(sum, i));
}
