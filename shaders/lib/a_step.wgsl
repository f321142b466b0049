// How far apart in memory the steps of k of A lie, in elements.
fn a_step(k: u32) -> u32 {
  return k * params.a_k;
}
