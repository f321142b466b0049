//! `predict` on pictures and IDX files.

use crate::common::{Place, SMALL};
use crate::inputs::idx;
use wgrad_nn::data::digits::digits;
use wgrad_nn::data::idx::Split;
use wgrad_nn::data::{BatchTargets, Dataset};

const SIDE: usize = 28;

/// The bytes of the test digits, back from the values that the network sees.
fn test_digits(n: usize) -> (Vec<u8>, Vec<u32>) {
    let set: Dataset = digits(Split::Test, n, 1).unwrap();
    let normalize = set.normalize().unwrap().clone();
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&(0..n).collect::<Vec<_>>(), &mut x, &mut y);
    let byte = |v: &f32| ((v * normalize.std[0] + normalize.mean[0]) * 255.0).round() as u8;
    (x.iter().map(byte).collect(), (0..n).map(|i| set.label(i).unwrap()).collect())
}

fn png(side: usize, color: png::ColorType, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side as u32, side as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(bytes).unwrap();
    out
}

/// A trained network that gets most digits right.
fn trained() -> Place {
    let place = Place::new();
    place.write("small.toml", SMALL.replace("train = 160", "train = 1000").replace("ratio = 0.2", "ratio = 0.0"));
    place.good(&["train", "small.toml", "--quiet", "--run", "run"]);
    place
}

fn classes(json: &serde_json::Value) -> Vec<String> {
    json["predictions"].as_array().unwrap().iter().map(|p| p["class"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pictures_and_idx_files_get_the_classes_that_the_test_set_has() {
    let place = trained();
    let (bytes, labels) = test_digits(20);
    place.write("digits", idx(&[20, 28, 28], &bytes));
    let json = place.good(&["predict", "run", "digits", "--index", "0..20", "--json"]).json();
    let from_idx = classes(&json);
    let right = from_idx.iter().zip(&labels).filter(|(class, label)| **class == label.to_string()).count();
    assert!(right >= 14, "{right} of 20 right: {from_idx:?} {labels:?}");
    let sum: f64 = json["predictions"][0]["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    // The same digits as PNG: grey; inverted; in colour at twice the size.
    let digit = &bytes[..SIDE * SIDE];
    place.write("grey.png", png(SIDE, png::ColorType::Grayscale, digit));
    place.write("ink.png", png(SIDE, png::ColorType::Grayscale, &digit.iter().map(|b| 255 - b).collect::<Vec<_>>()));
    let double: Vec<u8> = (0..4 * SIDE * SIDE).flat_map(|i| [digit[i / (2 * SIDE) / 2 * SIDE + i % (2 * SIDE) / 2]; 3]).collect();
    place.write("double.png", png(2 * SIDE, png::ColorType::Rgb, &double));
    let probabilities = |args: &[&str]| place.good(&[&["predict", "run", "--json"], args].concat()).json()["predictions"][0]["probabilities"].clone();
    let wanted = json["predictions"][0]["probabilities"].clone();
    assert_eq!(probabilities(&["grey.png"]), wanted);
    assert_eq!(probabilities(&["ink.png", "--invert"]), wanted);
    // Resizing blurs a little.
    assert_eq!(classes(&place.good(&["predict", "run", "double.png", "--json"]).json())[0], from_idx[0]);
    let text = place.good(&["predict", "run", "grey.png", "double.png", "--best"]).stdout;
    assert!(text.lines().count() == 2 && text.starts_with("grey.png: ") && text.contains(" %)"), "{text}");
}

#[test]
fn jpeg_is_read() {
    let place = trained();
    place.write("flat.jpg", FLAT_JPEG);
    let json = place.good(&["predict", "run", "flat.jpg", "--json"]).json();
    assert_eq!(classes(&json).len(), 1);
}

#[test]
fn what_is_no_picture_is_refused() {
    let place = trained();
    let whole = png(SIDE, png::ColorType::Grayscale, &[0; SIDE * SIDE]);
    place.write("half.png", &whole[..whole.len() / 2]);
    place.write("text.png", "hello");
    place.write("empty.png", "");
    place.write("small.idx", idx(&[2, 5, 5], &[0; 50]));
    place.write("digits", idx(&[1, 28, 28], &[0; SIDE * SIDE]));
    for file in ["half.png", "text.png", "empty.png", "small.idx", "missing.png"] {
        place.refused(&["predict", "run", file], &[file]);
    }
    place.refused(&["predict", "run", "digits", "--index", "1"], &["no number 1"]);
    place.refused(&["predict", "run", "--values", "1,2"], &["784"]);
    place.refused(&["predict", "nowhere", "half.png"], &["nowhere"]);
    assert_eq!(place.run(&["predict", "run", "digits", "--index", "3..3"]).code, Some(2));
}

/// Eight by eight pixels of middle grey: all ones as quantisation table, Huffman tables of one code each, one block whose only
/// coefficient is 0.
#[rustfmt::skip]
const FLAT_JPEG: &[u8] = &[
    0xff, 0xd8, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0xff,
    0xc0, 0x00, 0x0b, 0x08, 0x00, 0x08, 0x00, 0x08, 0x01, 0x01, 0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x10, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00, 0x3f, 0xff, 0xd9,
];
