//! `train --folds`: cross-validation, interrupted and resumed.

use crate::common::{Place, SMALL};
use serde_json::Value;
use std::time::{Duration, Instant};

fn results(place: &Place, run: &str) -> Value {
    let mut results: Value = serde_json::from_slice(&place.bytes(&format!("{run}/results.json"))).unwrap();
    results["run"] = Value::Null;
    results
}

#[test]
fn every_part_validates_once() {
    let place = Place::new();
    place.write("small.toml", SMALL.replace("test = 50", "test = 50\nvalidation_split = 0.25"));
    let text = place.good(&["train", "small.toml", "--folds", "3", "--epochs", "2"]).stdout;
    for part in ["fold 1 of 3: 106 samples train, 54 validate", "fold 3/3: loss", "over 3 folds", "accuracy ", " ± ", "results.json"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let json = results(&place, "runs/small-folds-1");
    let folds = json["folds"].as_array().unwrap();
    assert_eq!(folds.iter().map(|f| f["samples"].as_u64().unwrap()).sum::<u64>(), 160);
    let accuracies: Vec<f64> = folds.iter().map(|f| f["metrics"]["accuracy"].as_f64().unwrap()).collect();
    let mean = accuracies.iter().sum::<f64>() / 3.0;
    let deviation = (accuracies.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!(
        (json["mean"]["accuracy"].as_f64().unwrap() - mean).abs() < 1e-12 && (json["std"]["accuracy"].as_f64().unwrap() - deviation).abs() < 1e-12,
        "{json}"
    );
    assert!(accuracies.iter().any(|a| *a != accuracies[0]), "{json}");
    // A fold is a run like any other.
    for fold in 1..=3 {
        assert!(place.exists(&format!("runs/small-folds-1/fold-{fold}/history.csv")));
    }
    place.good(&["eval", "runs/small-folds-1/fold-2"]);
    // Done already: nothing is trained again.
    let again = place.good(&["train", "--resume", "runs/small-folds-1", "--json"]);
    assert_eq!(again.json()["mean"], json["mean"]);
    assert!(!again.stderr.contains("Epoch"), "{}", again.stderr);
}

#[test]
fn killed_in_its_middle_it_goes_on_to_the_same_numbers() {
    let place = Place::new();
    place.write("small.toml", SMALL.replace("save_every = 3", "save_every = 1").replace("epochs = 4", "epochs = 6"));
    let began = Instant::now();
    place.good(&["train", "small.toml", "--folds", "3", "--run", "whole", "--quiet"]);
    let whole = began.elapsed();
    // Killed after the first fold, and in the middle of whatever comes then.
    let mut child = place.command(&["train", "small.toml", "--folds", "3", "--run", "parts", "--quiet"]).spawn().unwrap();
    let limit = Instant::now() + 20 * whole + Duration::from_secs(60);
    while !place.exists("parts/fold-2/last.safetensors") && Instant::now() < limit && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(place.exists("parts/fold-1/fold.json") && !place.exists("parts/results.json"), "killed too early or too late");
    let first = place.bytes("parts/fold-1/last.safetensors");
    place.good(&["train", "--resume", "parts", "--quiet"]);
    assert_eq!(results(&place, "parts"), results(&place, "whole"));
    assert!(place.bytes("parts/fold-1/last.safetensors") == first);
    for fold in 1..=3 {
        let file = |run: &str| place.bytes(&format!("{run}/fold-{fold}/last.safetensors"));
        assert!(file("parts") == file("whole"), "fold {fold}");
    }
}

#[test]
fn what_cannot_be_cut_is_refused_and_leaves_nothing_behind() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.refused(&["train", "small.toml", "--folds", "161"], &["160 samples", "161 folds"]);
    assert_eq!(place.run(&["train", "small.toml", "--folds", "1"]).code, Some(2));
    assert_eq!(place.run(&["train", "small.toml", "--folds", "3", "--profile"]).code, Some(2));
    place.write("bad.toml", SMALL.replace("units = 10", "units = 9"));
    place.refused(&["train", "bad.toml", "--folds", "2"], &["[9]", "10 classes"]);
    assert!(!place.exists("runs"));
    place.good(&["train", "small.toml", "--folds", "2", "--epochs", "1", "--quiet", "--run", "cv"]);
    place.refused(&["train", "small.toml", "--folds", "2", "--run", "cv"], &["cv", "not empty"]);
    place.refused(&["train", "--resume", "cv", "--epochs", "2"], &["as it was begun"]);
    place.write("cv/fold-1/fold.json", "{");
    place.refused(&["train", "--resume", "cv"], &["fold.json"]);
    // Values have no classes; their parts are cut all the same.
    let json = place.good(&["train", "linear", "--folds", "5", "--json", "--epochs", "300"]).json();
    assert!(json["mean"]["mae"].as_f64().is_some() && json["mean"].get("r2").is_none(), "{json}");
}
