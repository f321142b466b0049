// The outputs of one lane in a row.
fn store_lane(first: u32, row: u32, col: u32, value: vec4<f32>) {
  store4(first, row, col, value);
}
