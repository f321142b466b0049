//! Bytes that nobody wrote with care: pictures, archives, tables, CIFAR-10's batches and recipes are read or refused, and nothing panics.

mod pictures;

use pictures::{gzip, png, tar, zip};
use proptest::prelude::*;
use std::fs;
use wgrad_nn::Recipe;
use wgrad_nn::data::cifar::cifar10_from_bytes;
use wgrad_nn::data::image::{ImageOptions, Images, Limits, picture};
use wgrad_nn::files::Input;
use wgrad_nn::recipe::BUILT_IN;

/// What the formats of pictures and archives begin with: behind it a reader believes what it is told.
const STARTS: [&[u8]; 9] = [
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
    b"\xff\xd8\xff\xe1\x00\x20Exif\x00\x00II*\x00\x08\x00\x00\x00",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    b"RIFF\xff\x00\x00\x00WEBPVP8L",
    b"RIFF\xff\x00\x00\x00WEBPVP8 ",
    b"GIF89a",
    b"BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    b"PK\x03\x04",
    b"\x1f\x8b\x08\x00",
];

fn begun() -> impl Strategy<Value = Vec<u8>> {
    (0..=STARTS.len(), prop::collection::vec(any::<u8>(), 0..400)).prop_map(|(start, rest)| [STARTS.get(start).copied().unwrap_or_default(), &rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_pictures_never_panic(bytes in begun(), channels in prop::sample::select(vec![1usize, 3])) {
        let input = Input { shape: vec![channels, 5, 4], classes: vec![], normalize: None, picture: None };
        if let Ok(values) = picture("p", &bytes, &input) {
            prop_assert_eq!(values.len(), channels * 20);
        }
    }

    #[test]
    fn arbitrary_batches_of_cifar_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), records in 0usize..3, cut in 0usize..3, meta in ".{0,80}") {
        let mut whole = vec![bytes.first().copied().unwrap_or(0) % 12; records * 3073];
        whole.extend(&bytes[..cut.min(bytes.len())]);
        for meta in [None, Some(meta.as_str())] {
            if let Ok(set) = cifar10_from_bytes("c", &[("b".to_owned(), whole.clone())], meta) {
                prop_assert_eq!(set.len(), records);
            }
        }
    }

    #[test]
    fn mutated_recipes_are_refused_or_read_back(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[-0-9a-z\"=\\[\\]{}.,\n ]{0,12}"), 1..4),
    ) {
        let mut text = BUILT_IN[which.index(BUILT_IN.len())].1.to_owned();
        for (at, new) in changes {
            // The recipes hold nothing but ASCII outside of comments.
            let at = (at.index(text.len())..).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let to = (at + new.len() / 2..).find(|&to| to >= text.len() || text.is_char_boundary(to)).unwrap_or(at).min(text.len());
            text.replace_range(at..to, &new);
        }
        if let Ok(recipe) = Recipe::parse("mutated", &text) {
            prop_assert_eq!(Recipe::parse("again", &recipe.to_toml()).map_err(|e| e.to_string()), Ok(recipe));
        }
    }
}

proptest! {
    // Each writes a file.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_archives_never_panic(bytes in begun(), inside in prop::collection::vec(any::<u8>(), 0..600), how in 0u8..5) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        let picture = png(2, 2, 1, &[1; 4]);
        let entries: [(&str, &[u8]); 3] = [("a/1.png", &picture), ("b/2.png", &bytes), ("b/3", &inside)];
        let bytes = match how {
            0 => bytes.clone(),
            1 => tar(&entries),
            2 => zip(&entries),
            // Blocks of tar, and gzip, of anything.
            3 => gzip(&inside),
            _ => [&tar(&entries)[..1024], &inside].concat(),
        };
        fs::write(&path, &bytes).unwrap();
        let limits = Limits { expanded: 1 << 20, ..Limits::default() };
        let options = ImageOptions { size: [4, 4], workers: 1, limits, ..ImageOptions::default() };
        if let Ok(images) = Images::read(&path, &options, None) {
            prop_assert!(images.parts.iter().all(|(_, set)| set.input_shape() == [3, 4, 4]));
        }
    }

    #[test]
    fn arbitrary_tables_never_panic(text in "([-+0-9a-z\",;\r\n é]|1e999|nan|\"\"){0,200}", header: bool, raw in prop::collection::vec(any::<u8>(), 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t.csv"), [text.as_bytes(), &raw].concat()).unwrap();
        for targets in ["classes", "values"] {
            let recipe = format!(
                "name = \"t\"\nepochs = 1\nbatch_size = 2\nloss = \"mse\"\noptimizer = {{ kind = \"adam\" }}\nlayers = [{{ kind = \"relu\" }}]\n\
                 data = {{ source = \"csv\", train = \"t.csv\", test = \"t.csv\", header = {header}, targets = \"{targets}\" }}"
            );
            if let Ok(data) = Recipe::parse("t", &recipe).unwrap().data(Some(folder.path())) {
                prop_assert!(!data.train.is_empty());
            }
        }
    }
}
