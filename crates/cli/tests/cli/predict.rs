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

#[test]
fn a_bad_picture_is_named_and_the_others_go_on() {
    let place = trained();
    let (bytes, _) = test_digits(3);
    let digit = |n: usize| png(SIDE, png::ColorType::Grayscale, &bytes[n * SIDE * SIDE..(n + 1) * SIDE * SIDE]);
    place.write("a.png", digit(0));
    place.write("broken.png", &digit(1)[..100]);
    place.write("c.png", digit(2));
    let args = ["predict", "run", "a.png", "broken.png", "missing.png", "c.png"];
    let done = place.refused(&args, &["missing.png"]);
    assert!(done.stderr.contains("error: broken.png"), "{}", done.stderr);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("a.png: ") && lines[1].starts_with("c.png: "), "{}", done.stdout);
    // The five most probable of ten classes.
    assert_eq!(lines[0].matches(" %)").count(), 5, "{}", done.stdout);
    let done = place.run(&[&args[..], &["--json"]].concat());
    assert_eq!(done.code, Some(2));
    let rows = done.json()["predictions"].as_array().unwrap().clone();
    assert!(rows.len() == 4 && rows[1]["error"].as_str().unwrap().contains("broken.png") && rows[2]["class"].is_null(), "{rows:?}");
    let top = rows[3]["top"].as_array().unwrap();
    assert!(top.len() == 5 && top[0]["class"] == rows[3]["class"], "{rows:?}");
    assert!(top.windows(2).all(|pair| pair[0]["probability"].as_f64() >= pair[1]["probability"].as_f64()), "{rows:?}");
}

#[test]
fn many_pictures_get_the_same_answers_as_each_alone() {
    let place = trained();
    let (bytes, _) = test_digits(70);
    let names: Vec<String> = (0..70).map(|n| format!("{n}.png")).collect();
    names.iter().zip(bytes.chunks(SIDE * SIDE)).for_each(|(name, digit)| drop(place.write(name, png(SIDE, png::ColorType::Grayscale, digit))));
    // More than one batch.
    let args: Vec<&str> = ["predict", "run", "--json"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let all = place.good(&args).json()["predictions"].as_array().unwrap().clone();
    assert_eq!(all.len(), 70);
    for n in [0, 63, 64, 69] {
        let alone = place.good(&["predict", "run", "--json", &names[n]]).json()["predictions"][0].clone();
        assert_eq!((&alone["sample"], &alone["class"]), (&all[n]["sample"], &all[n]["class"]));
        let p = |row: &serde_json::Value| row["top"][0]["probability"].as_f64().unwrap();
        assert!((p(&alone) - p(&all[n])).abs() < 1e-5, "{alone} {}", all[n]);
    }
}

/// A convolutional network for the same digits.
const CNN: &str = r#"
[[layers]]
kind = "conv2d"
channels = 6
kernel_size = 3
[[layers]]
kind = "relu"
[[layers]]
kind = "max_pool2d"
kernel_size = 2
[[layers]]
kind = "flatten"
[[layers]]
kind = "linear"
units = 10
"#;

#[test]
fn explanations_are_written_beside_the_pictures_or_where_they_are_wanted() {
    let place = Place::new();
    place.write("cnn.toml", SMALL.split("[[layers]]").next().unwrap().to_owned() + CNN);
    place.good(&["train", "cnn.toml", "--quiet", "--run", "run", "--epochs", "1"]);
    let (bytes, _) = test_digits(2);
    let digit = |n: usize| &bytes[n * SIDE * SIDE..(n + 1) * SIDE * SIDE];
    place.write("pictures/a.png", png(SIDE, png::ColorType::Grayscale, digit(0)));
    place.write("others/a.png", png(SIDE, png::ColorType::Grayscale, digit(1)));
    place.write("digits", idx(&[2, 28, 28], &bytes));
    let size = |name: &str| {
        let bytes = place.bytes(name);
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        (reader.info().width, reader.info().height)
    };
    let text = place.good(&["predict", "run", "pictures/a.png", "--explain"]).stdout;
    assert!(text.contains("pictures/a-gradcam.png") && text.contains("pictures/a-saliency.png"), "{text}");
    // Ten times what the network sees.
    assert_eq!((size("pictures/a-gradcam.png"), size("pictures/a-saliency.png")), ((280, 280), (280, 280)));
    // Two of one name, and images of a file that holds many.
    let args = ["predict", "run", "pictures/a.png", "others/a.png", "digits", "--index", "0..2", "--explain", "--out", "looks", "--json"];
    let json = place.good(&args).json();
    let files: Vec<&str> = json["predictions"].as_array().unwrap().iter().map(|row| row["gradcam"].as_str().unwrap()).collect();
    assert_eq!(files, ["looks/a-gradcam.png", "looks/a-gradcam-2.png", "looks/digits-0-gradcam.png", "looks/digits-1-gradcam.png"]);
    assert_eq!(std::fs::read_dir(place.path("looks")).unwrap().count(), 8);
    assert!(place.bytes("looks/a-saliency.png") == place.bytes("pictures/a-saliency.png"));
    assert!(place.bytes("looks/a-gradcam.png") != place.bytes("looks/a-gradcam-2.png"));
    // A network without a convolution has pixels that matter, but no maps.
    let dense = trained();
    dense.write("a.png", png(SIDE, png::ColorType::Grayscale, digit(0)));
    let json = dense.good(&["predict", "run", "a.png", "--explain", "--json"]).json();
    assert!(json["predictions"][0]["gradcam"].is_null() && dense.exists("a-saliency.png") && !dense.exists("a-gradcam.png"), "{json}");
    dense.write("file", "");
    dense.refused(&["predict", "run", "a.png", "--explain", "--out", "file"], &["file"]);
    assert_eq!(dense.run(&["predict", "run", "a.png", "--out", "looks"]).code, Some(2));
    dense.good(&["train", "linear", "--quiet", "--run", "values", "--epochs", "1"]);
    dense.refused(&["predict", "values", "a.png", "--explain"], &["no pictures"]);
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
