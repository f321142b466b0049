//! All uniform blocks of a recording in one buffer.

use crate::{Binding, Error, Recording, Step};
use std::collections::HashMap;

/// The packed blocks.
pub(crate) struct Packed {
    /// The buffer's contents.
    pub(crate) bytes: Vec<u8>,
    /// By block, in the order of the recording: offset and size in bytes.
    pub(crate) places: Vec<(u64, u64)>,
}

/// Packs the blocks at the adapter's alignment; equal blocks share their place.
pub(crate) fn pack(recording: &Recording, align: u32, max_bytes: u64) -> Result<Packed, Error> {
    let align = u64::from(align.max(16));
    let mut packed = Packed { bytes: Vec::new(), places: Vec::new() };
    let mut known: HashMap<&[u32], (u64, u64)> = HashMap::new();
    for step in &recording.steps {
        let Step::Dispatch(dispatch) = step else { continue };
        for binding in &dispatch.bindings {
            let Binding::Uniform(words) = binding else { continue };
            let size = (words.len().max(1) as u64 * 4).next_multiple_of(16);
            if size > max_bytes {
                let (label, what) = (dispatch.label.clone(), "bytes of one uniform block");
                return Err(Error::LimitExceeded { label, what, wanted: size, limit: max_bytes });
            }
            let place = *known.entry(words).or_insert_with(|| {
                let offset = (packed.bytes.len() as u64).next_multiple_of(align);
                packed.bytes.resize(offset as usize, 0);
                packed.bytes.extend_from_slice(bytemuck::cast_slice(words));
                packed.bytes.resize((offset + size) as usize, 0);
                (offset, size)
            });
            packed.places.push(place);
        }
    }
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dispatch;
    use wgrad_kernels::{Program, Work};

    fn recording(blocks: &[&[u32]]) -> Recording {
        let step = |words: &&[u32]| {
            Step::Dispatch(Dispatch {
                label: "d".to_owned(),
                program: Program::default(),
                bindings: vec![Binding::Uniform(words.to_vec())],
                grid: [1, 1, 1],
                work: Work::default(),
            })
        };
        Recording { buffers: Vec::new(), steps: blocks.iter().map(step).collect() }
    }

    #[test]
    fn blocks_are_aligned_padded_and_shared() {
        let packed = pack(&recording(&[&[1], &[2, 3, 4, 5, 6], &[1]]), 256, 65536).unwrap();
        assert_eq!(packed.places, [(0, 16), (256, 32), (0, 16)]);
        assert_eq!(packed.bytes.len(), 288);
        assert_eq!(packed.bytes[256..260], 2u32.to_ne_bytes());
    }

    #[test]
    fn a_block_over_the_limit_names_its_dispatch() {
        let error = pack(&recording(&[&[0; 5]]), 256, 16).err();
        let expected = Error::LimitExceeded { label: "d".to_owned(), what: "bytes of one uniform block", wanted: 32, limit: 16 };
        assert_eq!(error, Some(expected));
    }
}
