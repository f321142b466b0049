// Threefry-4x32 with 20 rounds: 128 random bits from a key and a counter (Salmon et al., SC11).

// The four words of a block. Every fourth round a part of the key is added; the fifth key word is the parity of the others.
fn threefry(key: vec4<u32>, counter: vec4<u32>) -> vec4<u32> {
  let parity = 0x1bd11bdau ^ key.x ^ key.y ^ key.z ^ key.w;
  var x = threefry_first(counter + key);
  x = threefry_second(x + vec4<u32>(key.y, key.z, key.w, parity + 1u));
  x = threefry_first(x + vec4<u32>(key.z, key.w, parity, key.x + 2u));
  x = threefry_second(x + vec4<u32>(key.w, parity, key.x, key.y + 3u));
  x = threefry_first(x + vec4<u32>(parity, key.x, key.y, key.z + 4u));
  return x + vec4<u32>(key.x, key.y, key.z, key.w + 5u);
}

fn threefry_first(x: vec4<u32>) -> vec4<u32> {
  let half = threefry_round(threefry_round(x, vec2<u32>(10u, 26u)), vec2<u32>(11u, 21u));
  return threefry_round(threefry_round(half, vec2<u32>(13u, 27u)), vec2<u32>(23u, 5u));
}

fn threefry_second(x: vec4<u32>) -> vec4<u32> {
  let half = threefry_round(threefry_round(x, vec2<u32>(6u, 20u)), vec2<u32>(17u, 11u));
  return threefry_round(threefry_round(half, vec2<u32>(25u, 10u)), vec2<u32>(18u, 20u));
}

// Adds y to x and w to z, turns y and w and mixes them with the sums; then swaps y and w, so that the next round pairs x with
// w and z with y. After two rounds the order is the natural one again.
fn threefry_round(x: vec4<u32>, turns: vec2<u32>) -> vec4<u32> {
  let sum = x.xz + x.yw;
  let mixed = ((x.yw << turns) | (x.yw >> (vec2<u32>(32u) - turns))) ^ sum;
  return vec4<u32>(sum.x, mixed.y, sum.y, mixed.x);
}
