// Row indices as in ONNX.

// The row that an index names, counted from the end where negative; u32's largest where it is out of range.
fn row_of(index: i32, rows: u32) -> u32 {
  let row = select(index, index + i32(rows), index < 0);
  return select(0xffffffffu, u32(row), (row >= 0) & (u32(row) < rows));
}
