// dx[o, i, n] = Σ of g[o, j, n] over the places j of the padded axis that showed i: one invocation a place, in the order of j.
//
// Buffers: g [outer, begin + len + end, inner] and dx [outer, len, inner] in row-major order, as G and D; F is the same in f32: one
// value or four neighbours along inner, which counts those. MODE: 1 mirrored about the ends, 2 the end itself, 3 from the other end on.
// Grid: one invocation a place, workgroups folded over x and y.

struct Params { count: u32, inner: u32, len: i32, begin: i32, end: i32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<G>;
@group(0) @binding(2) var<storage, read_write> dx: array<D>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let n = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (n >= params.count) { return; }
  let len = params.len;
  let behind = params.begin + len;
  let i = i32(n / params.inner) % len;
  let first = i32(n / params.inner) / len * (behind + params.end);
  // The places before, the place itself, those behind: each from and to.
  var before = vec2(0);
  var after = vec2(0);
  if (MODE == 1u) {
    before = select(before, vec2(params.begin - i, params.begin - i + 1), i > 0 && i <= params.begin);
    let mirrored = behind + (len - 2 - i);
    after = select(after, vec2(mirrored, mirrored + 1), i < len - 1 && mirrored < behind + params.end);
  } else if (MODE == 2u) {
    before = select(before, vec2(0, params.begin), i == 0);
    after = select(after, vec2(behind, behind + params.end), i == len - 1);
  } else {
    let wrapped = params.begin - (len - i);
    before = select(before, vec2(wrapped, wrapped + 1), wrapped >= 0);
    after = select(after, vec2(behind + i, behind + i + 1), i < params.end);
  }
  var sum = F(0.0);
  for (var j = before.x; j < before.y; j++) {
    sum += F(g[u32(first + j) * params.inner + n % params.inner]);
  }
  sum += F(g[u32(first + params.begin + i) * params.inner + n % params.inner]);
  for (var j = after.x; j < after.y; j++) {
    sum += F(g[u32(first + j) * params.inner + n % params.inner]);
  }
  dx[n] = D(sum);
}
