//! A set of pictures whose files somebody else reads and decodes, one after another: in a browser the page does. The sets are those that
//! [`Images::read`](super::Images) would give.
//!
//! First every path is listed, then those that [`Gathering::wants`] are handed over in any order, then the sets are made.

use super::assemble::{Assembly, ImageOptions, Images, Kept, chosen};
use super::layout::{Layout, layout};
use super::pixels::Pixels;
use crate::data::error::DataError;
use crate::recipe::Keep;

/// A set under way.
#[derive(Debug)]
pub struct Gathering {
    place: String,
    options: ImageOptions,
    files: Vec<String>,
    folders: Vec<String>,
    /// The numbers of the files in the order of their paths.
    order: Vec<usize>,
    /// Which ones are still to come.
    wanted: Vec<bool>,
    decoded: Vec<Option<Kept>>,
}

impl Gathering {
    /// A set that `place` names in messages. Pictures are kept as pixels, whatever the options say.
    ///
    /// # Errors
    /// [`DataError::Setting`] where pictures cannot be kept as the options say.
    pub fn new(place: impl Into<String>, options: ImageOptions) -> Result<Self, DataError> {
        let place = place.into();
        let options = ImageOptions { keep: Keep::Pixels, ..options };
        options.check(&place)?;
        Ok(Self { place, options, files: Vec::new(), folders: Vec::new(), order: Vec::new(), wanted: Vec::new(), decoded: Vec::new() })
    }

    /// How it is read.
    pub fn options(&self) -> &ImageOptions {
        &self.options
    }

    /// There is a folder.
    pub fn list_folder(&mut self, path: String) {
        self.folders.push(path);
    }

    /// There is a file.
    pub fn list_file(&mut self, path: String) {
        self.files.push(path);
    }

    /// All is listed: chooses what is to be read, and says how many files that are.
    ///
    /// # Errors
    /// Where the pictures take too much memory.
    pub fn choose(&mut self) -> Result<usize, DataError> {
        let files = &self.files;
        self.order = (0..files.len()).collect();
        self.order.sort_unstable_by(|&a, &b| (&files[a], a).cmp(&(&files[b], b)));
        self.wanted = chosen(&self.layout(), files.len(), &self.options);
        self.decoded.resize_with(files.len(), || None);
        let wanted = self.wanted.iter().filter(|wanted| **wanted).count();
        if wanted as u64 * self.options.each() as u64 > self.options.limits.kept {
            return Err(self.options.too_much(&self.place));
        }
        Ok(wanted)
    }

    /// Whether a file is to be read. Of two files of one name the first one is.
    pub fn wants(&self, path: &str) -> bool {
        self.number(path).is_some()
    }

    fn number(&self, path: &str) -> Option<usize> {
        let at = self.order.binary_search_by(|&n| self.files[n].as_str().cmp(path)).ok()?;
        Some(self.order[at]).filter(|&n| self.wanted[n])
    }

    /// Takes a picture, or what is wrong with its file.
    pub fn take(&mut self, path: &str, picture: Result<Pixels, String>) {
        if let Some(number) = self.number(path) {
            let ImageOptions { channels, size, fit, .. } = self.options;
            self.wanted[number] = false;
            self.decoded[number] = Some(picture.map(|pixels| pixels.planes(channels, size, fit).into()));
        }
    }

    /// The sets; `classes` are those of the training set, where this is another part of it.
    ///
    /// # Errors
    /// As [`Images::read`](super::Images).
    pub fn finish(self, classes: Option<&[String]>) -> Result<Images, DataError> {
        let layout = self.layout();
        let Self { place, options, files, decoded, .. } = self;
        Assembly { place, options: &options, files: &files, decoded, bad: Vec::new() }.assemble(layout, classes)
    }

    fn layout(&self) -> Layout {
        layout(&self.files, &self.folders)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::data::BatchTargets;
    use crate::data::dataset::Dataset;
    use crate::data::image::{Images, Part};
    use std::path::Path;

    fn png(path: &Path, width: u32, height: u32, shade: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
        encoder.set_color(png::ColorType::Rgb);
        let bytes: Vec<u8> = (0..width * height * 3).map(|n| (n as u8).wrapping_mul(7).wrapping_add(shade)).collect();
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
    }

    fn values(set: &Dataset) -> (Vec<f32>, BatchTargets) {
        let (mut x, mut y) = (Vec::new(), BatchTargets::default());
        set.fill_batch(&(0..set.len()).collect::<Vec<_>>(), &mut x, &mut y);
        (x, y)
    }

    #[test]
    fn gathered_in_any_order_the_sets_are_those_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut files: Vec<String> = (0..12u32)
            .map(|n| {
                let path = format!("{}/{}/{n}.png", if n % 4 == 3 { "test" } else { "train" }, ["cats", "dogs"][n as usize % 2]);
                png(&folder.path().join(&path), 9 + n, 14, n as u8 * 20);
                path
            })
            .collect();
        std::fs::write(folder.path().join("train/cats/notes.txt"), "no picture").unwrap();
        files.extend(["test/cats/x.png", "train/cats/notes.txt"].map(str::to_owned));
        png(&folder.path().join("test/cats/x.png"), 3, 3, 0);
        for samples in [None, Some(5)] {
            let options = ImageOptions { size: [6, 5], samples, ..ImageOptions::default() };
            let read = Images::read(folder.path(), &options, None).unwrap();
            let mut gathering = Gathering::new(folder.path().display().to_string(), options).unwrap();
            ["train", "test"].iter().for_each(|f| gathering.list_folder((*f).to_owned()));
            files.iter().rev().for_each(|file| gathering.list_file(file.clone()));
            assert_eq!(gathering.choose().unwrap(), samples.map_or(files.len(), |n| n + 4));
            for file in &files {
                let decoded = Pixels::decode(&std::fs::read(folder.path().join(file)).unwrap(), 1 << 20);
                if gathering.wants(file) {
                    gathering.take(file, decoded);
                }
            }
            let gathered = gathering.finish(None).unwrap();
            assert_eq!((gathered.bad.clone(), gathered.beside), (read.bad.clone(), read.beside));
            for part in [Part::Train, Part::Test] {
                assert_eq!(values(&gathered.parts[&part]), values(&read.parts[&part]), "{part:?} {samples:?}");
                assert_eq!(gathered.parts[&part].classes(), read.parts[&part].classes());
            }
        }
    }

    #[test]
    fn browsers_pictures_lie_on_white_paper() {
        assert!(Pixels::rgba(2, 2, vec![0; 15]).is_none() && Pixels::rgba(0, 2, Vec::new()).is_none());
        let pixels = Pixels::rgba(2, 1, vec![10, 20, 30, 255, 10, 20, 30, 0]).unwrap();
        assert_eq!(pixels.planes(3, [1, 2], Default::default()), [10, 255, 20, 255, 30, 255]);
    }
}
