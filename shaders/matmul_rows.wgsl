// out[b, m, n] = epilogue(sum over k of A[b, m, k] B[b, k, n]), f32; the kernel for software adapters without
// subgroups (a browser on SwiftShader or lavapipe).
//
// Buffers: params, A, B, out; strides in params, any transpose.
// Invocation: TILE_M (8 or 16) rows x COL_VECS (1 or 2) vec4 of columns, no workgroup memory. Neighbours lie along
// the columns. A software adapter pays for loads, not for arithmetic: 16 x 8 outputs need 24 vec4 loads for
// four steps of k, that is 512 multiply-adds.
// All is written out, no array is indexed by a counter: SwiftShader does not unroll, and an array indexed at run
// time lives in memory (0.26 -> 2.1 GFLOP/s at 256^3 for 8 x 4).
// Workgroup: TILE_M rows x (WORKGROUP * 4 * COL_VECS) columns. Grid: tiles_n * tiles_m * batch * splits, folded.
// Features: none.
alias Block = array<vec4<f32>, 4>;

// c + a b for four rows, four columns and four steps of k; a holds a row each, b a k each.
fn multiply(c: Block, a: Block, b: Block) -> Block {
  return Block(multiply_row(c[0], a[0], b), multiply_row(c[1], a[1], b),
                 multiply_row(c[2], a[2], b), multiply_row(c[3], a[3], b));
}

fn multiply_row(c: vec4<f32>, a: vec4<f32>, b: Block) -> vec4<f32> {
  return fma(vec4<f32>(a.w), b[3], fma(vec4<f32>(a.z), b[2], fma(vec4<f32>(a.y), b[1], fma(vec4<f32>(a.x), b[0], c))));
}

fn store_block(first: u32, row: u32, col: u32, c: Block) {
  if row < params.m {
    store4(first, row, col, c[0]);
  }
  if row + 1u < params.m {
    store4(first, row + 1u, col, c[1]);
  }
  if row + 2u < params.m {
    store4(first, row + 2u, col, c[2]);
  }
  if row + 3u < params.m {
    store4(first, row + 3u, col, c[3]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32) {
  let place = place_of(group, groups, TILE_M, WORKGROUP * 4u * COL_VECS);
  let row = place.row;
  let col = place.col + lane * 4u;
  let next = col + WORKGROUP * 4u;
  // c<rows><columns>; those that the tile does not have stay unused and cost nothing.
  var c00: Block;
  var c10: Block;
  var c20: Block;
  var c30: Block;
  var c01: Block;
  var c11: Block;
  var c21: Block;
  var c31: Block;
  for (var k = place.k_begin; k < place.k_end; k += 4u) {
    let b0 = b_by_k(place.b, k, place.k_end, col);
    var b1: Block;
    if COL_VECS > 1u {
      b1 = b_by_k(place.b, k, place.k_end, next);
    }
    let a0 = a_by_row(place.a, row, k, place.k_end);
    c00 = multiply(c00, a0, b0);
    if COL_VECS > 1u {
      c01 = multiply(c01, a0, b1);
    }
    let a1 = a_by_row(place.a, row + 4u, k, place.k_end);
    c10 = multiply(c10, a1, b0);
    if COL_VECS > 1u {
      c11 = multiply(c11, a1, b1);
    }
    if TILE_M > 8u {
      let a2 = a_by_row(place.a, row + 8u, k, place.k_end);
      c20 = multiply(c20, a2, b0);
      if COL_VECS > 1u {
        c21 = multiply(c21, a2, b1);
      }
      let a3 = a_by_row(place.a, row + 12u, k, place.k_end);
      c30 = multiply(c30, a3, b0);
      if COL_VECS > 1u {
        c31 = multiply(c31, a3, b1);
      }
    }
  }
  if !place.inside {
    return;
  }
  store_block(place.out, row, col, c00);
  store_block(place.out, row + 4u, col, c10);
  if TILE_M > 8u {
    store_block(place.out, row + 8u, col, c20);
    store_block(place.out, row + 12u, col, c30);
  }
  if COL_VECS > 1u {
    store_block(place.out, row, next, c01);
    store_block(place.out, row + 4u, next, c11);
    if TILE_M > 8u {
      store_block(place.out, row + 8u, next, c21);
      store_block(place.out, row + 12u, next, c31);
    }
  }
}
