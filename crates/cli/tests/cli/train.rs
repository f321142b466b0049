//! `train` and `eval`.

use crate::common::{Place, SMALL};

#[test]
fn a_run_folder_holds_everything() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    let done = place.good(&["train", "small.toml"]);
    for text in ["linear 24", "memory of a step", "Epoch 4/4", "val_accuracy", "test loss", "curve.png", "last.safetensors"] {
        assert!(done.stdout.contains(text), "{text:?} is not in\n{}", done.stdout);
    }
    for file in ["recipe.toml", "input.json", "history.csv", "history.json", "curve.png", "last.safetensors", "last.json", "best.safetensors", "train.log"] {
        assert!(!place.bytes(&format!("runs/small-1/{file}")).is_empty(), "{file}");
    }
    assert_eq!(String::from_utf8(place.bytes("runs/small-1/history.csv")).unwrap().lines().count(), 5);
    let log = String::from_utf8(place.bytes("runs/small-1/train.log")).unwrap();
    assert!(log.contains("adapter ") && log.contains("epoch 4: loss") && log.contains("test loss"), "{log}");
    let hidden = std::fs::read_dir(place.path("runs")).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn same_seed_gives_the_same_bytes_and_another_seed_others() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    for (run, seed) in [("a", "7"), ("b", "7"), ("c", "8")] {
        place.good(&["train", "small.toml", "--quiet", "--seed", seed, "--run", run]);
    }
    for file in ["last.safetensors", "best.safetensors", "last.json"] {
        assert!(place.bytes(&format!("a/{file}")) == place.bytes(&format!("b/{file}")), "{file} differs between two equal runs");
        assert!(place.bytes(&format!("a/{file}")) != place.bytes(&format!("c/{file}")), "{file} is the same for another seed");
    }
}

#[test]
fn json_and_eval_agree() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    let report = place.good(&["train", "small.toml", "--json", "--epochs", "3"]).json();
    assert_eq!(report["epoch"], 3);
    assert_eq!(report["step"], 30);
    assert_eq!(report["history"].as_array().unwrap().len(), 3);
    let run = report["run"].as_str().unwrap();
    let last = place.good(&["eval", run, "--json"]).json();
    assert_eq!(last["loss"], report["test_loss"]);
    assert_eq!(last["accuracy"], report["test_accuracy"]);
    assert_eq!(last["samples"], 50);
    // The test samples validate here, so the best checkpoint is no worse than the last.
    let best = place.good(&["eval", run, "--best", "--json"]).json();
    assert!(best["loss"].as_f64().unwrap() <= last["loss"].as_f64().unwrap(), "{best} {last}");
    assert!(place.good(&["eval", run]).stdout.contains("test loss"));
}

#[test]
fn linear_finds_w_2_and_b_0() {
    let place = Place::new();
    let report = place.good(&["train", "linear", "--json"]).json();
    let value = |name: &str| report["parameters"][name].as_f64().unwrap();
    let (w, b) = (value("layers.0.weight"), value("layers.0.bias"));
    assert!((w - 2.0).abs() < 1e-2 && b.abs() < 1e-2, "W = {w}, b = {b}");
    let done = place.good(&["train", "linear"]);
    assert!(done.stdout.contains("\nW = ") && done.stdout.contains("\nb = "), "{}", done.stdout);
    let six = place.good(&["predict", "runs/linear-1", "--values", "6", "--json"]).json();
    let y = six["predictions"][0]["values"][0].as_f64().unwrap();
    assert!((y - 12.0).abs() < 0.05, "{y}");
}

#[test]
fn runs_are_numbered_and_never_overwritten() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    let train = |more: &[&'static str]| [&["train", "small.toml", "--quiet", "--epochs", "1"][..], more].concat();
    place.good(&train(&[]));
    let first = place.bytes("runs/small-1/last.safetensors");
    place.good(&train(&["--seed", "9"]));
    assert!(place.exists("runs/small-2/last.safetensors"));
    place.refused(&train(&["--seed", "9", "--run", "runs/small-1"]), &["small-1", "not empty", "--resume"]);
    assert!(place.bytes("runs/small-1/last.safetensors") == first, "the first run was overwritten");
}

#[test]
fn profile_prints_kernels_and_leaves_the_weights_alone() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.good(&["train", "small.toml", "--quiet", "--run", "plain"]);
    let done = place.good(&["train", "small.toml", "--profile", "--run", "profiled"]);
    assert!(done.stdout.contains("kernel") && done.stdout.contains("matmul"), "{}", done.stdout);
    let trace: serde_json::Value = serde_json::from_slice(&place.bytes("profiled/trace.json")).unwrap();
    let events = trace.as_array().or_else(|| trace["traceEvents"].as_array()).unwrap();
    assert!(events.len() > 5, "{trace}");
    assert!(place.bytes("plain/last.safetensors") == place.bytes("profiled/last.safetensors"));
}

/// Where the real images are at hand.
#[test]
fn mnist_mlp_learns() {
    let Some(data) = std::env::var_os("WGRAD_DATA").filter(|dir| wgrad_nn::data::idx::has_mnist(dir.as_ref())) else {
        eprintln!("WGRAD_DATA names no folder with MNIST: not tested");
        return;
    };
    let place = Place::new();
    let recipe = wgrad_nn::recipe::BUILT_IN.iter().find(|(name, _)| *name == "mnist-mlp").unwrap().1;
    place.write("some.toml", recipe.replace("source = \"mnist\"", "source = \"mnist\"\ntrain = 3000"));
    let report = place.good(&["train", "some.toml", "--epochs", "1", "--json", "--data", data.to_str().unwrap()]).json();
    let accuracy = report["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.85, "{report}");
    assert_eq!(report["test_samples"], 10_000);
}
