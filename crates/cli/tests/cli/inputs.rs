//! Bad data and bad recipes: a clear error, code 2, nothing left behind.

use crate::common::{Place, SMALL};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// An IDX file of unsigned bytes.
pub(crate) fn idx(dimensions: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend(data);
    bytes
}

pub(crate) fn images(n: u32) -> Vec<u8> {
    idx(&[n, 28, 28], &(0..n * 784).map(|i| (i % 251) as u8).collect::<Vec<_>>())
}

fn labels(n: u32) -> Vec<u8> {
    idx(&[n], &(0..n).map(|i| (i % 10) as u8).collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The four files, of a few images each.
fn mnist(place: &Place) {
    for (split, n) in [("train", 64), ("t10k", 20)] {
        place.write(&format!("mnist/{split}-images-idx3-ubyte"), images(n));
        place.write(&format!("mnist/{split}-labels-idx1-ubyte.gz"), gzip(&labels(n)));
    }
}

const TRAIN: [&str; 7] = ["train", "mnist-mlp", "--data", "mnist", "--epochs", "1", "--quiet"];

#[test]
fn whole_files_are_taken_plain_and_gzip() {
    let place = Place::new();
    mnist(&place);
    place.good(&TRAIN);
    assert!(place.exists("runs/mnist-mlp-1/last.safetensors"));
}

#[test]
fn damaged_data_files_are_refused_by_name_and_leave_nothing_behind() {
    let (whole, packed) = (images(64), gzip(&images(64)));
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("truncated", whole[..1000].to_vec(), "breaks off"),
        ("a header only", whole[..7].to_vec(), "breaks off"),
        ("mislabelled", labels(64), "labels"),
        ("empty", Vec::new(), "holds no data"),
        ("no samples", idx(&[0, 28, 28], &[]), "holds no data"),
        ("oversized", idx(&[u32::MAX, 28, 28], &[0; 100]), "more than"),
        ("too long", [whole.as_slice(), &[1, 2, 3]].concat(), "past the end"),
        ("broken gzip", packed[..packed.len() / 2].to_vec(), "gzip"),
        ("no IDX", b"<html>404 not found</html>".to_vec(), "not an IDX file"),
    ];
    let place = Place::new();
    for (what, bytes, text) in cases {
        mnist(&place);
        place.write("mnist/train-images-idx3-ubyte", bytes);
        let done = place.refused(&TRAIN, &["train-images-idx3-ubyte", text]);
        assert!(!place.exists("runs"), "{what}: {}", done.stderr);
    }
    mnist(&place);
    place.write("mnist/train-labels-idx1-ubyte.gz", gzip(&labels(63)));
    place.refused(&TRAIN, &["64", "63"]);
    place.write("mnist/train-labels-idx1-ubyte.gz", gzip(&idx(&[64], &[11; 64])));
    place.refused(&TRAIN, &["label 11", "10 classes"]);
    assert!(!place.exists("runs"));
}

#[test]
fn missing_data_lists_the_places_and_the_ways_to_get_them() {
    let place = Place::new();
    place.write("mnist/readme", "");
    let mut command = place.command(&TRAIN);
    command.env("XDG_CACHE_HOME", place.path("no-cache"));
    let done = crate::common::Done::of(command.output().unwrap());
    done.expect_refusal("no MNIST", &["no MNIST found", "no-cache", "wgrad data fetch mnist", "--data"]);
}

#[test]
fn bad_recipes_are_refused_and_leave_nothing_behind() {
    let place = Place::new();
    let cases: [(&str, &str, &[&str]); 9] = [
        ("units = 24", "unitz = 24", &["unitz", "line"]),
        ("seed = 3", "sead = 3", &["sead", "line"]),
        ("kind = \"relu\"", "kind = \"rleu\"", &["rleu", "relu"]),
        ("kind = \"adam\"", "kind = \"adamm\"", &["adamm", "adam"]),
        ("batch_size = 16", "batch_size = 0", &["batch_size"]),
        ("kind = \"flatten\"", "kind = \"tanh\"", &["layer 1", "linear 24", "[1, 28, 28]", "flatten"]),
        ("units = 10", "units = 9", &["[9]", "10 classes"]),
        ("learning_rate = 0.003", "learning_rate = -1.0", &["learning_rate"]),
        ("name = \"small\"", "name = \"../small\"", &["name"]),
    ];
    for (from, to, texts) in cases {
        assert!(SMALL.contains(from), "{from}");
        place.write("bad.toml", SMALL.replace(from, to));
        let done = place.refused(&["train", "bad.toml"], texts);
        assert!(!place.exists("runs"), "{to}: {}", done.stderr);
    }
    place.write("bad.toml", "name = [");
    place.refused(&["train", "bad.toml"], &["bad.toml", "line 1"]);
    place.write("bad.toml", [0xff, 0xfe, 0x00]);
    place.refused(&["train", "bad.toml"], &["bad.toml"]);
    place.refused(&["train", "missing.toml"], &["missing.toml"]);
    place.refused(&["train", "missing"], &["missing", "quickstart, mnist-mlp, linear"]);
    assert!(!place.exists("runs"));
}
