// out[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]), f32; the kernel for software adapters with subgroups
// of one fixed size (lavapipe).
//
// Buffers: params, A (of a convolution a uniform buffer, where it fits), B, out; strides in params, any transpose.
// Workgroup: one subgroup, TILE_M rows x (SUBGROUP * LANE_COLS * COL_VECS) columns; TILE_M is a multiple of SUBGROUP.
// Invocation: all TILE_M rows x COL_VECS vectors of LANE_COLS columns (V: vec4, or the two or three taps of a window). A software adapter walks over the lanes at each load, so a
// load must bring something new to every lane: each lane loads another row of A, and the values are handed round.
// 64 x 64 at four steps of k: 16 vec4 loads for 2,048 vector multiply-adds.
// Grid: tiles_n * tiles_m * batch * splits, folded. Features: subgroups, min size == max size == SUBGROUP (8, 16).
// 55 GFLOP/s at 512^3 and 1024^3 with 64 x 64 (lavapipe, Mesa 22.3.6, 256 bits, 2 cores).
const ROW_GROUPS: u32 = TILE_M / SUBGROUP;
// A transposed A gives four rows at a load: then a lane's rows are neighbours.
const ROWS_BY_FOUR: bool = A_VEC4 && TRANS_A && ROW_GROUPS % 4u == 0u;
alias Handed = vec4<f32>;
alias RowAcc = array<V, COL_VECS>;
alias Acc = array<array<RowAcc, SUBGROUP>, ROW_GROUPS>;

// The row of the tile that lane holds in row group i.
fn tile_row(i: u32, lane: u32) -> u32 {
  if ROWS_BY_FOUR {
    return (i / 4u * SUBGROUP + lane) * 4u + i % 4u;
  }
  return i * SUBGROUP + lane;
}

// acc += A[rows, k..k+4] B[k..k+4, columns]
fn multiply(acc: ptr<function, Acc>, place: Place, starts: ptr<function, array<Columns, COL_VECS>>, lane: u32, k: u32) {
  var bv: array<RowAcc, 4>;
  for (var j = 0u; j < COL_VECS; j += 1u) {
    let block = b_by_k((*starts)[j], k, place.k_end);
    bv[0][j] = block[0];
    bv[1][j] = block[1];
    bv[2][j] = block[2];
    bv[3][j] = block[3];
  }
  // One loop whose counter indexes acc directly, with acc's own length: the driver unrolls that, and acc stays in
  // registers. A loop over i / 4 did not unroll and was 7 times slower.
  var rows: array<vec4<f32>, 4>;
  for (var i = 0u; i < ROW_GROUPS; i += 1u) {
    var mine: vec4<f32>;
    if ROWS_BY_FOUR {
      if i % 4u == 0u {
        rows = a_by_row(place.a, place.row + tile_row(i, lane), k, place.k_end);
      }
      mine = rows[i % 4u];
    } else {
      mine = a_along_k(place.a, place.row + tile_row(i, lane), k, place.k_end);
    }
    for (var l = 0u; l < SUBGROUP; l += 1u) {
      let av = hand_round(mine, l);
      for (var j = 0u; j < COL_VECS; j += 1u) {
        var s = (*acc)[i][l][j];
        s = fma(V(av.x), bv[0][j], s);
        s = fma(V(av.y), bv[1][j], s);
        s = fma(V(av.z), bv[2][j], s);
        if TAPS > 3u {
          s = fma(V(av.w), bv[3][j], s);
        }
        (*acc)[i][l][j] = s;
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32) {
  let place = place_of(group, groups, TILE_M, SUBGROUP * LANE_COLS * COL_VECS);
  var starts: array<Columns, COL_VECS>;
  for (var j = 0u; j < COL_VECS; j += 1u) {
    starts[j] = start_b(place.b, place.col + (j * SUBGROUP + lane) * LANE_COLS);
  }
  var acc: Acc;
  for (var k = place.k_begin; k < place.k_end; k += 4u) {
    multiply(&acc, place, &starts, lane, k);
  }
  if !place.inside {
    return;
  }
  // acc must never be indexed by a runtime value, yet a copy of the stores for each row group would triple the
  // compile time (a store is a lane loop, too): so selects pick the group.
  for (var i = 0u; i < ROW_GROUPS; i += 1u) {
    for (var l = 0u; l < SUBGROUP; l += 1u) {
      let row = place.row + tile_row(i, l);
      for (var j = 0u; j < COL_VECS; j += 1u) {
        var v = acc[0][l][j];
        for (var g = 1u; g < ROW_GROUPS; g += 1u) {
          v = select(v, acc[g][l][j], g == i);
        }
        if row < params.m {
          store_lane(place.out, row, place.col + (j * SUBGROUP + lane) * LANE_COLS, v);
        }
      }
    }
  }
}
