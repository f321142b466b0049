// One row of the cross-entropy, shared by the kernels in which one invocation does whole rows.
//
// The kernel binds x (logits [rows, classes], as STORED: one logit or four) and labels, and has `params.classes` in units of
// STORED. `across_max`, `across_sum` (over the four lanes of F) and `pick` (one logit of a row) are generated.

// (loss, log of the sum of exponentials) of a row; the loss is 0 where the label names no class.
fn row_loss(row: u32) -> vec2<f32> {
  let first = row * params.classes;
  let last = first + params.classes;
  var top = F(x[first]);
  var total = F(0.0);
  for (var at = first; at < last; at++) {
    let v = F(x[at]);
    let higher = max(top, v);
    total = total * exp(top - higher) + exp(v - higher);
    top = higher;
  }
  let widest = across_max(top);
  return from_sums(row, first_lane(widest), first_lane(across_sum(total * exp(top - widest))));
}

// As row_loss, from the maximum of the row and the sum of exponentials below it. top - logit first: their difference is exact
// enough where both are large, and the logarithm is small.
fn from_sums(row: u32, top: f32, total: f32) -> vec2<f32> {
  let label = labels[row];
  let log_total = log(total);
  var loss = 0.0;
  if (label >= 0 && u32(label) < params.labels) {
    loss = (top - pick(row, u32(label))) + log_total;
  }
  return vec2<f32>(loss, top + log_total);
}
