//! A folder of pictures from end to end: shown, trained on, measured, asked; and what is wrong with it.

use crate::common::Place;

const RECIPE: &str = r#"
name = "shapes"
epochs = 4
batch_size = 8
loss = "bce_with_logits"
[data]
source = "images"
train = "photos"
size = 12
test_split = 0.25
validation_split = 0.2
normalize = "symmetric"
[[data.augment]]
kind = "random_crop"
size = 8
[[data.augment]]
kind = "random_horizontal_flip"
[optimizer]
kind = "adam"
learning_rate = 0.01
[[layers]]
kind = "flatten"
[[layers]]
kind = "linear"
units = 1
"#;

/// A PNG of 20 × 16 pixels: reddish or bluish, darker or brighter.
fn png(blue: bool, n: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 20, 16);
    encoder.set_color(png::ColorType::Rgb);
    let (more, less) = (150 + n * 2, 20 + n);
    let pixel = if blue { [less, 40, more] } else { [more, 40, less] };
    encoder.write_header().unwrap().write_image_data(&pixel.repeat(320)).unwrap();
    out
}

fn photos() -> Place {
    let place = Place::new();
    place.write("shapes.toml", RECIPE);
    for n in 0..40 {
        let class = if n % 2 == 0 { "red" } else { "blue" };
        place.write(&format!("photos/{class}/{n:02}.png"), png(n % 2 == 1, n));
    }
    place
}

#[test]
fn folder_of_pictures_is_shown_trained_on_measured_and_asked() {
    let place = photos();
    place.write("photos/red/broken.jpg", b"no picture");
    let shown = place.good(&["data", "show", "shapes.toml", "--sheet", "sheet.png"]).stdout;
    for part in ["[3, 8, 8]", "blue", "validation", "broken.jpg", "1 file", "transformed at random"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(place.bytes("sheet.png").starts_with(b"\x89PNG"));
    let json = place.good(&["data", "show", "shapes.toml", "--json"]).json();
    let count = |set: &str| json["sets"][set]["samples"].as_u64().unwrap();
    assert_eq!([count("train"), count("validation"), count("test")], [24, 6, 10], "{json}");
    assert_eq!(json["skipped"].as_array().unwrap().len(), 1);
    let trained = place.good(&["train", "shapes.toml", "--run", "run", "--workers", "2", "--json"]).json();
    assert!(trained["test_accuracy"].as_f64().unwrap() > 0.99, "{trained}");
    assert!(trained["history"][0]["data_wait"].as_f64().unwrap() >= 0.0, "{trained}");
    let log = String::from_utf8(place.bytes("run/train.log")).unwrap();
    assert!(log.contains("left out: ") && log.contains("broken.jpg"), "{log}");
    let again = place.good(&["train", "shapes.toml", "--run", "again", "--workers", "1", "--profile"]).stdout;
    assert!(again.contains("for data, ") && again.contains("to make on one thread"), "{again}");
    assert!(place.bytes("run/last.safetensors") == place.bytes("again/last.safetensors"), "threads change the result");
    place.write("new.png", png(true, 9));
    let answer = place.good(&["predict", "run", "new.png"]).stdout;
    assert!(answer.starts_with("new.png: blue ("), "{answer}");
}

#[test]
fn what_is_wrong_with_a_folder_is_named() {
    let place = photos();
    place.write("photos/red/broken.jpg", b"no picture");
    place.write("strict.toml", RECIPE.replace("size = 12", "size = 12\nbad_files = \"stop\""));
    place.refused(&["train", "strict.toml", "--run", "run"], &["red/broken.jpg", "bad_files"]);
    place.write("missing.toml", RECIPE.replace("\"photos\"", "\"fotos\""));
    place.refused(&["data", "show", "missing.toml", "--data", "elsewhere"], &["no fotos found", "elsewhere"]);
    std::fs::create_dir(place.path("photos/green")).unwrap();
    place.refused(&["data", "show", "shapes.toml"], &["green", "no pictures"]);
    assert!(!place.exists("run"));
}
