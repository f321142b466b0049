// Four columns of B for `matmul_rows`, read by strides: where they begin is computed once, then a block each four steps of k.
const B_ALONG_COLS: bool = B_VEC4 && !TRANS_B;
const B_ALONG_K: bool = B_VEC4 && TRANS_B;
alias Columns = vec4<u32>;

// Where four columns of B begin, likewise.
fn start_b(first: u32, col: u32) -> Columns {
  if B_ALONG_COLS {
    return vec4<u32>((first + min(col, params.n - 4u)) / 4u);
  }
  let at = first + min(col + NEXT, vec4<u32>(params.n - 1u)) * params.b_col;
  if B_ALONG_K {
    return at / 4u;
  }
  return at;
}

// B[k..k+4, col..col+4], a vector for each k.
fn block_b(at: Columns, k: u32, k_end: u32) -> mat4x4<f32> {
  if B_ALONG_K {
    let i = at + k / 4u;
    return transpose(mat4x4<f32>(vector_b(i.x), vector_b(i.y), vector_b(i.z), vector_b(i.w)));
  }
  let s = steps(k, k_end);
  if B_ALONG_COLS {
    let i = at + s * u32(i32(params.b_k) / 4);
    return cut(mat4x4<f32>(vector_b(i.x), vector_b(i.y), vector_b(i.z), vector_b(i.w)), k, k_end);
  }
  return cut(mat4x4<f32>(
    load_b(at.x, s.x, 0u), load_b(at.y, s.x, 0u), load_b(at.z, s.x, 0u), load_b(at.w, s.x, 0u),
    load_b(at.x, s.y, 0u), load_b(at.y, s.y, 0u), load_b(at.z, s.y, 0u), load_b(at.w, s.y, 0u),
    load_b(at.x, s.z, 0u), load_b(at.y, s.z, 0u), load_b(at.z, s.z, 0u), load_b(at.w, s.z, 0u),
    load_b(at.x, s.w, 0u), load_b(at.y, s.w, 0u), load_b(at.z, s.w, 0u), load_b(at.w, s.w, 0u)), k, k_end);
}
