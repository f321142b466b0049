// out[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]), f32; the kernel for real GPUs.
//
// Buffers: params, A, B, out; strides in params, any transpose.
// Workgroup: TILE_M x TILE_N outputs, TILE_K steps of k staged in workgroup memory at a time, (TILE_M + TILE_N) *
// TILE_K * 4 bytes; WORKGROUP = (TILE_M / REG_M) * (TILE_N / REG_N) invocations.
// Invocation: REG_M x REG_N outputs as 4x4 blocks that lie THREADS_M (THREADS_N) blocks apart, so that neighbours read
// neighbouring vec4 of the tile: no bank conflict, and A's vec4 is one broadcast for a whole row of invocations.
// Staging is by 4x4 blocks, transposed in registers where memory runs along k; the next blocks are fetched while
// these are multiplied. TILE_M, TILE_N: multiples of 32; TILE_K: 4, 8, 16, 32; REG_M, REG_N: 4 or 8.
// Grid: tiles_n * tiles_m * batch * splits, folded. Features: none.
const THREADS_N: u32 = TILE_N / REG_N;
const THREADS_M: u32 = TILE_M / REG_M;
const ROW_VECS: u32 = REG_M / 4u;
const COL_VECS: u32 = REG_N / 4u;
const A_BLOCKS: u32 = TILE_M * TILE_K / 16u;
const B_BLOCKS: u32 = TILE_N * TILE_K / 16u;
// 4x4 blocks that one invocation stages for each step of TILE_K.
const STAGED: u32 = (A_BLOCKS + B_BLOCKS + WORKGROUP - 1u) / WORKGROUP;
alias Block = array<vec4<f32>, 4>;

// Both k-major: four rows (columns) of one k to a vec4.
var<workgroup> tile_a: array<array<vec4<f32>, TILE_M / 4u>, TILE_K>;
var<workgroup> tile_b: array<array<vec4<f32>, TILE_N / 4u>, TILE_K>;

// Where staged block x lies in a tile: (quad of rows or columns, step of four k). Contiguous along the quads:
// neighbours in x read neighbours in memory. Contiguous along k: eight invocations take eight quads, so
// that their vec4 writes meet eight different bank groups, and the next ones the next k of the same rows,
// so that a warp still reads whole 64-byte runs.
fn spot(x: u32, quads: u32, along_k: bool) -> vec2<u32> {
  if along_k {
    return vec2<u32>(x % 8u + x / (2u * TILE_K) * 8u, x / 8u % (TILE_K / 4u));
  }
  return vec2<u32>(x % quads, x / quads);
}

fn fetch(x: u32, place: Place, k: u32) -> Block {
  if x >= A_BLOCKS + B_BLOCKS {
    return Block();
  }
  if x < A_BLOCKS {
    let at = spot(x, TILE_M / 4u, !TRANS_A);
    return a_by_k(place.a, place.row + at.x * 4u, k + at.y * 4u, place.k_end);
  }
  let at = spot(x - A_BLOCKS, TILE_N / 4u, TRANS_B);
  return b_by_k(start_b(place.b, place.col + at.x * 4u), k + at.y * 4u, place.k_end);
}

fn put(x: u32, block: Block) {
  if x < A_BLOCKS {
    let at = spot(x, TILE_M / 4u, !TRANS_A);
    tile_a[at.y * 4u][at.x] = block[0];
    tile_a[at.y * 4u + 1u][at.x] = block[1];
    tile_a[at.y * 4u + 2u][at.x] = block[2];
    tile_a[at.y * 4u + 3u][at.x] = block[3];
  } else if x < A_BLOCKS + B_BLOCKS {
    let at = spot(x - A_BLOCKS, TILE_N / 4u, TRANS_B);
    tile_b[at.y * 4u][at.x] = block[0];
    tile_b[at.y * 4u + 1u][at.x] = block[1];
    tile_b[at.y * 4u + 2u][at.x] = block[2];
    tile_b[at.y * 4u + 3u][at.x] = block[3];
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lid: u32) {
  let place = place_of(group, groups, TILE_M, TILE_N);
  let tx = lid % THREADS_N;
  let ty = lid / THREADS_N;

  var acc: array<array<array<vec4<f32>, COL_VECS>, 4>, ROW_VECS>;
  // The next tile is fetched into registers while this one is multiplied.
  var staged: array<Block, STAGED>;
  if place.k_begin < place.k_end {
    for (var s = 0u; s < STAGED; s += 1u) {
      staged[s] = fetch(lid + s * WORKGROUP, place, place.k_begin);
    }
  }
  for (var k = place.k_begin; k < place.k_end; k += TILE_K) {
    workgroupBarrier();
    for (var s = 0u; s < STAGED; s += 1u) {
      put(lid + s * WORKGROUP, staged[s]);
    }
    workgroupBarrier();
    if k + TILE_K < place.k_end {
      for (var s = 0u; s < STAGED; s += 1u) {
        staged[s] = fetch(lid + s * WORKGROUP, place, k + TILE_K);
      }
    }
    for (var kk = 0u; kk < TILE_K; kk += 1u) {
      if kk % 4u >= TAPS {
        continue;
      }
      var bv: array<vec4<f32>, COL_VECS>;
      for (var j = 0u; j < COL_VECS; j += 1u) {
        bv[j] = tile_b[kk][j * THREADS_N + tx];
      }
      for (var i = 0u; i < ROW_VECS; i += 1u) {
        let av = tile_a[kk][i * THREADS_M + ty];
        for (var j = 0u; j < COL_VECS; j += 1u) {
          acc[i][0][j] = fma(vec4<f32>(av.x), bv[j], acc[i][0][j]);
          acc[i][1][j] = fma(vec4<f32>(av.y), bv[j], acc[i][1][j]);
          acc[i][2][j] = fma(vec4<f32>(av.z), bv[j], acc[i][2][j]);
          acc[i][3][j] = fma(vec4<f32>(av.w), bv[j], acc[i][3][j]);
        }
      }
    }
  }
  if !place.inside {
    return;
  }
  for (var i = 0u; i < ROW_VECS; i += 1u) {
    for (var r = 0u; r < 4u; r += 1u) {
      let row = place.row + (i * THREADS_M + ty) * 4u + r;
      if row < params.m {
        for (var j = 0u; j < COL_VECS; j += 1u) {
          store4(place.out, row, place.col + (j * THREADS_N + tx) * 4u, acc[i][r][j]);
        }
      }
    }
  }
}
