// out[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]), f32; the kernel for software adapters without
// subgroups (a browser on SwiftShader or lavapipe).
//
// Buffers: params, A, B, out; strides in params, any transpose.
// Invocation: TILE_M (8 or 16) rows x COL_VECS (1, 2 or 4) vec4 of columns, no workgroup memory. Neighbours lie
// along the columns. A software adapter pays for loads and for the arithmetic of their addresses, not for
// multiplying: 16 x 16 outputs need 32 vec4 loads for four steps of k, that is 1,024 multiply-adds, and where rows
// and columns begin is computed once.
// The sums are written out, not indexed by a counter: SwiftShader does not unroll, and an array indexed at run
// time lives in memory (0.26 -> 2.1 GFLOP/s at 256^3 for 8 x 4). The stores are the other way round: a loop, since
// each copy of the epilogue costs some 10 ms of compilation.
// Workgroup: TILE_M rows x (WORKGROUP * 4 * COL_VECS) columns. Grid: tiles_n * tiles_m * batch * splits, folded.
// Features: none.
const A_ALONG_K: bool = A_VEC4 && !TRANS_A;
const A_ALONG_ROWS: bool = A_VEC4 && TRANS_A;
const NEXT: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);

// Where four rows of A begin, in vectors where A is read by vectors. Rows past the edge repeat the last one; nobody stores them.
fn start_a(first: u32, row: u32) -> vec4<u32> {
  if A_ALONG_ROWS {
    return vec4<u32>((first + min(row, params.m - 4u)) / 4u);
  }
  let at = first + min(row + NEXT, vec4<u32>(params.m - 1u)) * params.a_row;
  if A_ALONG_K {
    return at / 4u;
  }
  return at;
}

// Four steps of k, those past the end repeat the last one.
fn steps(k: u32, k_end: u32) -> vec4<u32> {
  if K_WHOLE {
    return k + NEXT;
  }
  return min(k + NEXT, vec4<u32>(k_end - 1u));
}

// From k_end on reads as zero, so that no inf or NaN of a neighbour is multiplied in. A vector holds one k.
fn cut(v: mat4x4<f32>, k: u32, k_end: u32) -> mat4x4<f32> {
  if K_WHOLE {
    return v;
  }
  return mat4x4<f32>(v[0], select(vec4<f32>(), v[1], k + 1u < k_end), select(vec4<f32>(), v[2], k + 2u < k_end),
                     select(vec4<f32>(), v[3], k + 3u < k_end));
}

// A[row..row+4, k..k+4], a vector for each row.
fn block_a(at: vec4<u32>, k: u32, k_end: u32) -> mat4x4<f32> {
  if A_ALONG_K {
    let i = at + a_step(k) / 4u;
    return mat4x4<f32>(vector_a(i.x), vector_a(i.y), vector_a(i.z), vector_a(i.w));
  }
  let s = steps(k, k_end);
  if A_ALONG_ROWS {
    let i = at + s * u32(i32(params.a_k) / 4);
    return transpose(cut(mat4x4<f32>(vector_a(i.x), vector_a(i.y), vector_a(i.z), vector_a(i.w)), k, k_end));
  }
  return transpose(cut(mat4x4<f32>(
    load_a(at.x, 0u, s.x), load_a(at.y, 0u, s.x), load_a(at.z, 0u, s.x), load_a(at.w, 0u, s.x),
    load_a(at.x, 0u, s.y), load_a(at.y, 0u, s.y), load_a(at.z, 0u, s.y), load_a(at.w, 0u, s.y),
    load_a(at.x, 0u, s.z), load_a(at.y, 0u, s.z), load_a(at.z, 0u, s.z), load_a(at.w, 0u, s.z),
    load_a(at.x, 0u, s.w), load_a(at.y, 0u, s.w), load_a(at.z, 0u, s.w), load_a(at.w, 0u, s.w)), k, k_end));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32) {
  let place = place_of(group, groups, TILE_M, WORKGROUP * 4u * COL_VECS);
  let row = place.row;
  let col = place.col + lane * 4u;
  let step = WORKGROUP * 4u;
  let k_end = place.k_end;
  let rows0 = start_a(place.a, row);
  let rows1 = start_a(place.a, row + 4u);
  let rows2 = start_a(place.a, row + 8u);
  let rows3 = start_a(place.a, row + 12u);
  let cols0 = start_b(place.b, col);
  let cols1 = start_b(place.b, col + step);
  let cols2 = start_b(place.b, col + 2u * step);
  let cols3 = start_b(place.b, col + 3u * step);
  // c<columns><rows>, a vector for each row; those that the tile does not have stay unused and cost nothing.
  var c00: mat4x4<f32>;
  var c01: mat4x4<f32>;
  var c02: mat4x4<f32>;
  var c03: mat4x4<f32>;
  var c10: mat4x4<f32>;
  var c11: mat4x4<f32>;
  var c12: mat4x4<f32>;
  var c13: mat4x4<f32>;
  var c20: mat4x4<f32>;
  var c21: mat4x4<f32>;
  var c22: mat4x4<f32>;
  var c23: mat4x4<f32>;
  var c30: mat4x4<f32>;
  var c31: mat4x4<f32>;
  var c32: mat4x4<f32>;
  var c33: mat4x4<f32>;
  for (var k = place.k_begin; k < k_end; k += 4u) {
    let b0 = block_b(cols0, k, k_end);
    var b1: mat4x4<f32>;
    if COL_VECS > 1u {
      b1 = block_b(cols1, k, k_end);
    }
    var b2: mat4x4<f32>;
    var b3: mat4x4<f32>;
    if COL_VECS > 2u {
      b2 = block_b(cols2, k, k_end);
      b3 = block_b(cols3, k, k_end);
    }
    // A product of these matrices takes four rows, columns and steps of k.
    let a0 = block_a(rows0, k, k_end);
    c00 += b0 * a0;
    if COL_VECS > 1u {
      c10 += b1 * a0;
    }
    if COL_VECS > 2u {
      c20 += b2 * a0;
      c30 += b3 * a0;
    }
    let a1 = block_a(rows1, k, k_end);
    c01 += b0 * a1;
    if COL_VECS > 1u {
      c11 += b1 * a1;
    }
    if COL_VECS > 2u {
      c21 += b2 * a1;
      c31 += b3 * a1;
    }
    if TILE_M > 8u {
      let a2 = block_a(rows2, k, k_end);
      c02 += b0 * a2;
      if COL_VECS > 1u {
        c12 += b1 * a2;
      }
      if COL_VECS > 2u {
        c22 += b2 * a2;
        c32 += b3 * a2;
      }
      let a3 = block_a(rows3, k, k_end);
      c03 += b0 * a3;
      if COL_VECS > 1u {
        c13 += b1 * a3;
      }
      if COL_VECS > 2u {
        c23 += b2 * a3;
        c33 += b3 * a3;
      }
    }
  }
  if !place.inside {
    return;
  }
  var sums = array<mat4x4<f32>, 16>(c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33);
  for (var i = 0u; i < COL_VECS; i += 1u) {
    for (var r = 0u; r < TILE_M; r += 1u) {
      if row + r < params.m {
        store4(place.out, row + r, col + i * step, sums[4u * i + r / 4u][r % 4u]);
      }
    }
  }
}
