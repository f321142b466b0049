//! Random numbers without state: Threefry-4x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC11; rotations from table 2 there), the same on the device and in the references. The shader is `shaders/lib/threefry.wgsl`.
//!
//! Key: (seed_lo, seed_hi, step, stream). The first three come from a u32\[3\] tensor, so that a training step changes data alone;
//! `stream` is an attribute that tells the nodes of a graph apart. Counter: (block, 0, 0, 0); element i of a tensor takes
//! word i mod 4 of block i / 4.

use crate::{Array, DType, OpError, TensorType};

/// Rotation distances, one pair a round, repeating after eight rounds.
const ROTATIONS: [[u32; 2]; 8] = [[10, 26], [11, 21], [13, 27], [23, 5], [6, 20], [17, 11], [25, 10], [18, 20]];

/// One block of random bits.
pub fn threefry4x32(key: [u32; 4], counter: [u32; 4]) -> [u32; 4] {
    // The fifth key word makes the key schedule's parity odd for all-zero keys.
    let parity = key.iter().fold(0x1bd1_1bda, |p, k| p ^ k);
    let schedule = [key[0], key[1], key[2], key[3], parity];
    let inject = |x: &mut [u32; 4], n: usize| {
        for (i, word) in x.iter_mut().enumerate() {
            *word = word.wrapping_add(schedule[(n + i) % 5]);
        }
        x[3] = x[3].wrapping_add(n as u32);
    };
    let mut x = counter;
    inject(&mut x, 0);
    for round in 0..20 {
        // Even rounds mix (0, 1) and (2, 3), odd ones (0, 3) and (2, 1).
        let partners = if round % 2 == 0 { [1, 3] } else { [3, 1] };
        for (n, (into, from)) in [0, 2].into_iter().zip(partners).enumerate() {
            x[into] = x[into].wrapping_add(x[from]);
            x[from] = x[from].rotate_left(ROTATIONS[round % 8][n]) ^ x[into];
        }
        if round % 4 == 3 {
            inject(&mut x, round / 4 + 1);
        }
    }
    x
}

/// The words of a tensor's elements, in order, without end.
pub(crate) fn words(key: &Array, stream: u32) -> impl Iterator<Item = u32> {
    let word = |n: usize| key.data.get(n).map_or(0, |&v| v as u32);
    let key = [word(0), word(1), word(2), stream];
    (0u32..).flat_map(move |block| threefry4x32(key, [block, 0, 0, 0]))
}

/// A word as a number in [0, 1): its upper 24 bits, which f32 holds exactly.
pub(crate) fn uniform(word: u32) -> f64 {
    f64::from(word >> 8) * 2f64.powi(-24)
}

/// Refuses anything but a key.
pub(crate) fn check_key(op: &str, key: &TensorType) -> Result<(), OpError> {
    if key.dtype == DType::U32 && key.shape[..] == [3] {
        return Ok(());
    }
    Err(OpError::new(op, format!("the key must be u32[3] = (seed_lo, seed_hi, step), got {key}")))
}

/// The output at `binding` and `store4(block, v)`, which writes elements 4·block to 4·block + 3 as far as there are any. It
/// names `params.count`.
pub(crate) fn store4(binding: u32, dtype: DType, count: usize) -> String {
    let element = dtype.wgsl();
    if count.is_multiple_of(4) {
        return format!(
            "@group(0) @binding({binding}) var<storage, read_write> out: array<vec4<{element}>>;\n\
             fn store4(block: u32, v: vec4<f32>) {{ out[block] = vec4<{element}>(v); }}\n"
        );
    }
    let mut text = format!(
        "@group(0) @binding({binding}) var<storage, read_write> out: array<{element}>;\n\
         fn store4(block: u32, v: vec4<f32>) {{\n  let at = block * 4u;\n  let left = params.count - at;\n  out[at] = {element}(v.x);\n"
    );
    for (n, part) in [(1, 'y'), (2, 'z'), (3, 'w')] {
        text.push_str(&format!("  if (left > {n}u) {{ out[at + {n}u] = {element}(v.{part}); }}\n"));
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threefry_gives_the_known_answers_of_random123() {
        // The vectors that Random123 publishes for threefry4x32 with 20 rounds.
        assert_eq!(threefry4x32([0; 4], [0; 4]), [0x9c6c_a96a, 0xe17e_ae66, 0xfc10_ecd4, 0x5256_a7d8]);
        assert_eq!(threefry4x32([u32::MAX; 4], [u32::MAX; 4]), [0x2a88_1696, 0x5701_2287, 0xf6c7_446e, 0xa16a_6732]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let key = [0xa409_3822, 0x299f_31d0, 0x082e_fa98, 0xec4e_6c89];
        assert_eq!(threefry4x32(key, counter), [0x59cd_1dbb, 0xb887_9579, 0x86b5_d00c, 0xac8b_6d84]);
    }

    #[test]
    fn elements_take_the_words_of_their_block() {
        let key = Array::new(TensorType::new([3], DType::U32), vec![1.0, 4_294_967_295.0, 7.0]);
        let found: Vec<u32> = words(&key, 9).take(6).collect();
        let block = |n| threefry4x32([1, u32::MAX, 7, 9], [n, 0, 0, 0]);
        assert_eq!(found[..4], block(0));
        assert_eq!(found[4..], block(1)[..2]);
    }
}
