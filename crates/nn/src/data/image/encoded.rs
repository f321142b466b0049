//! Pictures that are kept as the files that they are, and decoded for every batch by the loader's threads.

use super::assemble::ImageOptions;
use super::pixels::Pixels;
use crate::data::dataset::Samples;
use std::fmt;

/// The files of a set. All of them could be decoded once.
pub(super) struct Encoded {
    pub(super) files: Vec<Box<[u8]>>,
    pub(super) options: ImageOptions,
}

impl Samples for Encoded {
    fn values(&self) -> usize {
        self.files.len() * self.options.each()
    }

    fn make(&self, row: usize, out: &mut Vec<f32>) {
        let ImageOptions { channels, size, fit, limits, .. } = self.options;
        match Pixels::decode(&self.files[row], limits.pixels) {
            // Through bytes, so that the samples are those of a set that keeps pixels.
            Ok(pixels) => out.extend(pixels.planes(channels, size, fit).iter().map(|&v| f32::from(v) / 255.0)),
            // invariant: decoding is a pure function, and went well once.
            Err(_) => out.resize(out.len() + self.options.each(), 0.0),
        }
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files", self.files.len())
    }
}
