//! The IDX reader: what it accepts, what it refuses and how it says so, and that no bytes make it panic.

use proptest::prelude::*;
use std::fs;
use std::io::Write;
use wgrad_nn::data::idx::{Idx, IdxKind, MAX_BYTES, Split, images_with_labels, mnist, mnist_from_bytes};
use wgrad_nn::data::{BatchTargets, DataError};

fn idx(dimensions: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|d| bytes.extend_from_slice(&d.to_be_bytes()));
    bytes.extend_from_slice(data);
    bytes
}

fn images(n: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..n * 6).map(|i| (i * 7 % 256) as u8).collect();
    idx(&[n, 2, 3], &pixels)
}

fn labels(n: u32) -> Vec<u8> {
    let labels: Vec<u8> = (0..n).map(|i| (i % 10) as u8).collect();
    idx(&[n], &labels)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn message(bytes: &[u8], kind: IdxKind) -> String {
    Idx::parse("some-file", bytes, kind).unwrap_err().to_string()
}

#[track_caller]
fn refused(bytes: &[u8], kind: IdxKind, parts: &[&str]) {
    for (form, bytes) in [("plain", bytes.to_vec()), ("gzip", gzip(bytes))] {
        let message = message(&bytes, kind);
        assert!(message.starts_with("some-file: "), "{form}: {message}");
        for part in parts {
            assert!(message.contains(part), "{form}: {part:?} is missing from: {message}");
        }
    }
}

#[test]
fn plain_and_gzip_give_the_same() {
    let plain = Idx::parse("a", &images(5), IdxKind::Images).unwrap();
    assert_eq!(plain.shape, [5, 2, 3]);
    assert_eq!(plain.data, images(5)[16..]);
    assert_eq!(Idx::parse("a", &gzip(&images(5)), IdxKind::Images).unwrap(), plain);
}

#[test]
fn empty_file() {
    assert!(matches!(Idx::parse("f", &[], IdxKind::Images), Err(DataError::Empty { .. })));
    assert!(matches!(Idx::parse("f", &gzip(&[]), IdxKind::Images), Err(DataError::Empty { .. })));
}

#[test]
fn no_samples() {
    refused(&idx(&[0, 28, 28], &[]), IdxKind::Images, &["holds no data", "[0, 28, 28]"]);
    refused(&idx(&[3, 0, 28], &[]), IdxKind::Images, &["holds no data"]);
    refused(&idx(&[0], &[]), IdxKind::Labels, &["holds no data"]);
}

#[test]
fn truncated_at_every_byte() {
    let (whole, packed) = (images(3), gzip(&images(3)));
    for len in 1..whole.len() {
        let error = Idx::parse("f", &whole[..len], IdxKind::Images).unwrap_err();
        assert!(matches!(error, DataError::Truncated { .. }), "{len}: {error}");
        let error = Idx::parse("f", &gzip(&whole[..len]), IdxKind::Images).unwrap_err();
        assert!(matches!(error, DataError::Truncated { .. } | DataError::TooLarge { .. }), "gzip of {len}: {error}");
    }
    for len in 2..packed.len() {
        let error = Idx::parse("f", &packed[..len], IdxKind::Images).unwrap_err();
        assert!(matches!(error, DataError::Gzip { .. }), "gzip cut at {len}: {error}");
    }
    let text = message(&whole[..20], IdxKind::Images);
    assert!(text.contains("offset 20") && text.contains("34 bytes") && text.contains("3 images of 2x3"), "{text}");
}

#[test]
fn trailing_bytes() {
    refused(&[images(3), vec![1]].concat(), IdxKind::Images, &["past the end", "offset 34", "3 images of 2x3"]);
    let after_gzip = [gzip(&images(3)), vec![1, 2]].concat();
    assert!(message(&after_gzip, IdxKind::Images).contains("2 bytes after the gzip stream"));
}

#[test]
fn not_idx() {
    refused(b"PNG or anything else", IdxKind::Images, &["not an IDX file", "offset 0", "[50, 4e, 47, 20]"]);
    refused(&idx(&[], &[1, 2]), IdxKind::Labels, &["not an IDX file"]);
}

#[test]
fn floats() {
    let mut bytes = labels(4);
    bytes[2] = 0x0D;
    refused(&bytes, IdxKind::Labels, &["offset 2", "32-bit float", "only unsigned bytes"]);
}

#[test]
fn labels_where_images_are_expected() {
    refused(&labels(4), IdxKind::Images, &["holds labels", "0x00000801", "where images", "0x00000803", "exchanged"]);
    refused(&images(4), IdxKind::Labels, &["holds images", "0x00000803", "where labels", "0x00000801", "[4, 2, 3]"]);
    refused(&idx(&[1, 1], &[0]), IdxKind::Labels, &["another number of dimensions"]);
}

#[test]
fn damaged_gzip() {
    let mut bytes = gzip(&images(50));
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    assert!(matches!(Idx::parse("f", &bytes, IdxKind::Images), Err(DataError::Gzip { .. })));
}

#[test]
fn header_that_claims_terabytes_allocates_nothing() {
    let huge = [u32::MAX, u32::MAX, u32::MAX];
    refused(&idx(&huge, &[0; 100]), IdxKind::Images, &["2^64 or more", "header is damaged"]);
    refused(&idx(&[u32::MAX], &[0; 100]), IdxKind::Labels, &["4294967295 labels", "more than"]);
    // Within the limit, but more than so few bytes of gzip can hold.
    let claim = (MAX_BYTES - 100) as u32;
    let text = message(&gzip(&idx(&[claim], &[0; 100])), IdxKind::Labels);
    assert!(text.contains("can hold at most"), "{text}");
}

#[test]
fn label_that_is_no_class() {
    let mut bytes = labels(5);
    bytes[8 + 3] = 10;
    let error = mnist_from_bytes(Split::Train, &images(5), &bytes).unwrap_err().to_string();
    for part in ["train-labels-idx1-ubyte: label 10", "offset 11", "sample 3", "10 classes"] {
        assert!(error.contains(part), "{part:?} is missing from: {error}");
    }
}

#[test]
fn counts_that_differ() {
    let error = mnist_from_bytes(Split::Test, &images(5), &labels(6)).unwrap_err().to_string();
    assert!(error.contains("t10k-images-idx3-ubyte holds 5") && error.contains("t10k-labels-idx1-ubyte holds 6"), "{error}");
}

#[test]
fn images_without_dimensions_are_an_error() {
    let idx = |shape: &[usize]| Idx { file: "f".into(), shape: shape.to_vec(), data: Vec::new() };
    assert!(images_with_labels("s", idx(&[]), idx(&[]), Vec::new()).is_err());
    assert!(images_with_labels("s", idx(&[2, 3]), idx(&[2]), Vec::new()).is_err());
}

#[test]
fn mnist_is_found_in_each_of_its_folders() {
    for sub in ["", "mnist", "MNIST/raw"] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(sub);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("t10k-images-idx3-ubyte.gz"), gzip(&images(7))).unwrap();
        fs::write(folder.join("t10k-labels-idx1-ubyte"), labels(7)).unwrap();
        let set = mnist(root.path(), Split::Test).unwrap();
        assert_eq!((set.len(), set.input_shape(), set.classes().len()), (7, &[1, 2, 3][..], 10));
        let (mut x, mut y) = (Vec::new(), BatchTargets::default());
        set.fill_batch(&[0, 1], &mut x, &mut y);
        assert_eq!(y, BatchTargets::Classes(vec![0, 1]));
        assert_eq!(x[1], (7.0 / 255.0 - 0.1307) / 0.3081);
        let missing = mnist(root.path(), Split::Train).unwrap_err().to_string();
        for part in ["train-images-idx3-ubyte[.gz]", "MNIST/raw", "wgrad data fetch mnist"] {
            assert!(missing.contains(part), "{part:?} is missing from: {missing}");
        }
    }
}

#[test]
fn unreadable_path_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("none")] {
        let error = Idx::read(&path, IdxKind::Images).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}

/// The real files, where they are at hand: `WGRAD_DATA` names their folder.
#[test]
fn real_mnist_has_the_published_mean_and_deviation() {
    let Some(dir) = std::env::var_os("WGRAD_DATA") else {
        eprintln!("WGRAD_DATA is not set: the real MNIST is not looked at");
        return;
    };
    let set = mnist(dir.as_ref(), Split::Train).unwrap();
    assert_eq!((set.len(), mnist(dir.as_ref(), Split::Test).unwrap().len()), (60_000, 10_000));
    let all: Vec<usize> = (0..set.len()).collect();
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&all, &mut x, &mut y);
    // Normalized by its own mean and deviation, which are published to four digits.
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / x.len() as f64 - mean * mean;
    assert!(mean.abs() < 5e-4 && (variance.sqrt() - 1.0).abs() < 5e-4, "{mean} {variance}");
    let BatchTargets::Classes(y) = y else { panic!("MNIST has classes") };
    assert_eq!(y[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), packed: bool) {
        let bytes = if packed { gzip(&bytes) } else { bytes };
        let _ = Idx::parse("f", &bytes, IdxKind::Images);
        let _ = Idx::parse("f", &bytes, IdxKind::Labels);
    }

    #[test]
    fn arbitrary_header_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 4..60), rank in 0u8..5, packed: bool) {
        bytes[..4].copy_from_slice(&[0, 0, 8, rank]);
        let bytes = if packed { gzip(&bytes) } else { bytes };
        let _ = Idx::parse("f", &bytes, IdxKind::Images);
        let _ = Idx::parse("f", &bytes, IdxKind::Labels);
    }

    #[test]
    fn mutated_file_is_whole_or_refused(
        packed: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = if packed { gzip(&images(9)) } else { images(9) };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(idx) = Idx::parse("f", &bytes, IdxKind::Images) {
            prop_assert_eq!(idx.shape.iter().product::<usize>(), idx.data.len());
            let _ = images_with_labels("s", idx, Idx::parse("l", &labels(9), IdxKind::Labels).unwrap(), vec![]);
        }
    }
}
