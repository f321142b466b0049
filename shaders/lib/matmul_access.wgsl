// Shared by every matmul kernel. Strides and offsets count elements; they may be negative (the sums wrap) or 0 (broadcast).
// tiles_m, tiles_n: tiles of the output; splits, split_k: pieces of k and their length, a multiple of 4.
struct Params {
  m: u32, n: u32, k: u32, batch: u32,
  a_offset: u32, a_row: u32, a_k: u32, splits: u32,
  b_offset: u32, b_k: u32, b_col: u32, split_k: u32,
  out_row: u32, out_col: u32, tiles_m: u32, tiles_n: u32,
  // Of each batch axis, innermost first: its extent, A's stride, B's stride. The last entry is not used.
  axes: array<vec4<u32>, BATCH_AXES + 1u>,
}
@group(0) @binding(0) var<uniform> params: Params;

// What one workgroup computes, from its number in the folded grid. Workgroups that the fold adds take the last
// batch and must not store. a, b, out: the first element of the batch's matrix.
struct Place { a: u32, b: u32, out: u32, row: u32, col: u32, k_begin: u32, k_end: u32, inside: bool }

// The first elements of A and B of a batch.
fn first_elements(batch: u32) -> vec2<u32> {
  var first = vec2<u32>(params.a_offset, params.b_offset);
  var rest = batch;
  for (var axis = 0u; axis < BATCH_AXES; axis += 1u) {
    let of_axis = params.axes[axis];
    first += rest % of_axis.x * of_axis.yz;
    rest = rest / of_axis.x;
  }
  return first;
}

// A slot is a matrix of the output: a batch, or batch + split * batches for a split k.
fn place_of(group: vec3<u32>, groups: vec3<u32>, tile_m: u32, tile_n: u32) -> Place {
  let number = group.x + group.y * groups.x;
  let tiles = params.tiles_m * params.tiles_n;
  let slots = params.batch * params.splits;
  let slot = min(number / tiles, slots - 1u);
  let k_begin = slot / params.batch * params.split_k;
  let tile = number % tiles;
  let first = first_elements(slot % params.batch);
  return Place(first.x, first.y, slot * params.m * params.n, tile / params.tiles_n * tile_m, tile % params.tiles_n * tile_n,
               k_begin, min(k_begin + params.split_k, params.k), number < tiles * slots);
}

fn transposed(v: array<vec4<f32>, 4>) -> array<vec4<f32>, 4> {
  return array<vec4<f32>, 4>(
    vec4<f32>(v[0].x, v[1].x, v[2].x, v[3].x), vec4<f32>(v[0].y, v[1].y, v[2].y, v[3].y),
    vec4<f32>(v[0].z, v[1].z, v[2].z, v[3].z), vec4<f32>(v[0].w, v[1].w, v[2].w, v[3].w));
}
