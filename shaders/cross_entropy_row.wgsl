// One row of the cross-entropy, shared by the kernels in which one invocation does whole rows.
//
// The kernel binds x (logits [rows, classes], as STORED: one logit or four) and labels, and has `params.classes` in units of
// STORED, `params.ignored` (a label whose rows do not count) and `params.smoothing`. `across_max`, `across_sum` (over the four lanes
// of F) and `pick` (one logit of a row) are generated. Where SMOOTHED, `excess` is the sum of all logits less the first one of the row.

// (loss, log of the sum of exponentials) of a row; the loss is 0 where the label names no class.
fn row_loss(row: u32) -> vec2<f32> {
  let first = row * params.classes;
  let last = first + params.classes;
  let base = F(pick(row, 0u));
  var top = F(x[first]);
  var total = F(0.0);
  var excess = F(0.0);
  for (var at = first; at < last; at++) {
    let v = F(x[at]);
    let higher = max(top, v);
    total = total * exp(top - higher) + exp(v - higher);
    top = higher;
    if (SMOOTHED) { excess += v - base; }
  }
  let widest = across_max(top);
  return from_sums(row, first_lane(widest), first_lane(across_sum(total * exp(top - widest))), first_lane(across_sum(excess)));
}

// As row_loss, from the maximum of the row and the sum of exponentials below it. Differences of logits first: they are exact
// enough where all are large, and the logarithm is small.
fn from_sums(row: u32, top: f32, total: f32, excess: f32) -> vec2<f32> {
  let label = labels[row];
  let log_total = log(total);
  var loss = 0.0;
  if (names_class(label)) {
    let logit = pick(row, u32(label));
    loss = (top - logit) + log_total;
    if (SMOOTHED) { loss += params.smoothing * ((logit - pick(row, 0u)) - excess / f32(params.labels)); }
  }
  return vec2<f32>(loss, top + log_total);
}

// Whether a row with this label counts.
fn names_class(label: i32) -> bool {
  return label >= 0 && u32(label) < params.labels && label != params.ignored;
}
