//! `eval`: metrics of classes and of values, tables, JSON, pictures.

use crate::common::{Place, SMALL};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[test]
fn a_classifier_gets_a_table_a_matrix_and_curves() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.good(&["train", "small.toml", "--quiet", "--run", "run"]);
    let json = place.good(&["eval", "run", "--json"]).json();
    let metrics = &json["metrics"];
    let counts: Vec<Vec<u64>> = serde_json::from_value(metrics["confusion"].clone()).unwrap();
    assert!(counts.len() == 10 && counts.iter().all(|row| row.len() == 10 && row.iter().sum::<u64>() == 5), "{counts:?}");
    let right: u64 = (0..10).map(|k| counts[k][k]).sum();
    assert_eq!(metrics["accuracy"].as_f64().unwrap(), right as f64 / 50.0);
    // The device counted the same right answers.
    assert!((json["accuracy"].as_f64().unwrap() - right as f64 / 50.0).abs() < 1e-6, "{json}");
    let class = &metrics["classes"][3];
    assert_eq!((class["name"].as_str(), class["support"].as_u64()), (Some("3"), Some(5)));
    assert_eq!(class["recall"].as_f64().unwrap(), counts[3][3] as f64 / 5.0);
    for key in ["macro", "micro", "weighted"] {
        assert!(metrics[key]["f1"].as_f64().is_some_and(|f1| (0.0..=1.0).contains(&f1)), "{key} {metrics}");
    }
    let top: Vec<(usize, f64)> = serde_json::from_value(metrics["top_k"].clone()).unwrap();
    assert!(top.iter().map(|t| t.0).eq([2, 3, 5]) && top.is_sorted_by(|a, b| a.1 <= b.1) && top[0].1 >= right as f64 / 50.0, "{top:?}");
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.6, "{metrics}");
    for name in ["confusion", "roc"] {
        assert_eq!(json["pictures"][name], format!("run/{name}.png"));
        assert!(place.bytes(&format!("run/{name}.png")).starts_with(PNG));
    }
    let text = place.good(&["eval", "run", "--best", "--out", "pictures"]).stdout;
    for part in ["test loss", "precision", "\n3 ", "\nmacro ", "\nmicro ", "\nweighted ", "top-5 accuracy", "ROC-AUC", "pictures/roc.png"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(place.bytes("pictures/confusion.png").starts_with(PNG));
}

#[test]
fn a_checkpoint_by_itself_draws_only_where_it_is_told_to() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.good(&["train", "small.toml", "--quiet", "--run", "run", "--epochs", "1"]);
    place.write("alone/some.safetensors", place.bytes("run/last.safetensors"));
    let json = place.good(&["eval", "alone/some.safetensors", "--json"]).json();
    assert_eq!(json["pictures"], serde_json::json!({}));
    assert_eq!(std::fs::read_dir(place.path("alone")).unwrap().count(), 1);
    place.good(&["eval", "alone/some.safetensors", "--out", "there"]);
    assert!(place.exists("there/confusion.png"));
    place.write("file", "");
    place.refused(&["eval", "run", "--out", "file"], &["file"]);
    place.refused(&["eval", "nowhere"], &["nowhere"]);
}

#[test]
fn values_get_errors_and_the_share_explained() {
    let place = Place::new();
    place.good(&["train", "linear", "--quiet", "--run", "run"]);
    let metrics = place.good(&["eval", "run", "--json"]).json()["metrics"].clone();
    assert!(metrics["mse"].as_f64().unwrap() < 1e-4 && metrics["mae"].as_f64().unwrap() < 1e-2 && metrics["r2"].as_f64().unwrap() > 0.999, "{metrics}");
    let text = place.good(&["eval", "run"]).stdout;
    assert!(text.contains("mean absolute error") && text.contains("R² 1.0000"), "{text}");
    assert!(!place.exists("run/confusion.png"));
}

/// One logit, targets 0 and 1.
const BINARY: &str = r#"
name = "binary"
epochs = 300
batch_size = 6
loss = "bce_with_logits"
[data]
source = "values"
inputs = [[-3.0], [-2.0], [1.0], [-1.0], [2.0], [3.0]]
targets = [[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]]
[optimizer]
kind = "adam"
learning_rate = 0.05
[[layers]]
kind = "linear"
units = 1
init = "zeros"
"#;

#[test]
fn one_logit_is_a_classifier_of_two_classes() {
    let place = Place::new();
    place.write("binary.toml", BINARY);
    place.good(&["train", "binary.toml", "--quiet", "--run", "run"]);
    let json = place.good(&["eval", "run", "--json"]).json();
    let metrics = &json["metrics"];
    // The line through both: -1 and 1 are on the wrong sides.
    assert_eq!(metrics["confusion"], serde_json::json!([[2, 1], [1, 2]]));
    assert!((json["accuracy"].as_f64().unwrap() - 4.0 / 6.0).abs() < 1e-6, "{json}");
    // Of nine pairs one is in the wrong order.
    assert!((metrics["roc_auc"].as_f64().unwrap() - 8.0 / 9.0).abs() < 1e-12, "{metrics}");
    assert_eq!((metrics["classes"][1]["name"].as_str(), metrics["top_k"].as_array().map(Vec::len)), (Some("1"), Some(0)));
    assert!(place.exists("run/roc.png"));
}
