//! `summary`: what a network is made of, before anything is trained.

use crate::common::{Place, SMALL};

/// A network with layers inside of layers.
fn nested() -> String {
    let head = SMALL.split("[[layers]]").next().unwrap();
    format!(
        "{head}[[layers]]\nkind = \"flatten\"\n[[layers]]\nkind = \"block\"\nname = \"stem\"\nlayers = [{{ kind = \"linear\", units = 16 }}]\n\
        [[layers]]\nkind = \"residual\"\nbody = [{{ kind = \"linear\", units = 16, bias = false }}, {{ kind = \"tanh\" }}]\n\
        [[layers]]\nkind = \"linear\"\nunits = 10\n"
    )
}

#[test]
fn layers_shapes_parameters_flops_and_bytes() {
    let place = Place::new();
    place.write("nested.toml", nested());
    let text = place.good(&["summary", "nested.toml"]).stdout;
    for part in [
        "layer ",
        "FLOPs",
        "[batch, 1, 28, 28]",
        "\nstem block ",
        "\n  0 linear 16 ",
        "\n  body.1 tanh",
        "12,986 parameters",
        "a training step, batches of 16:",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let json = place.good(&["summary", "nested.toml", "--json"]).json();
    let sum = |key: &str| json["layers"].as_array().unwrap().iter().filter_map(|l| l[key].as_u64()).sum::<u64>();
    let (parameters, flops) = (784 * 16 + 16 + 16 * 16 + 16 * 10 + 10, 2 * (784 * 16 + 16 * 16 + 16 * 10));
    assert_eq!((json["parameters"].as_u64(), sum("parameters")), (Some(parameters), parameters));
    assert_eq!((json["flops"].as_u64(), sum("flops")), (Some(flops), flops));
    let body = &json["layers"][4];
    assert_eq!((body["path"].as_str(), body["depth"].as_u64(), &body["output"]), (Some("layers.2.body.0"), Some(1), &serde_json::json!([16])));
    assert!(json["layers"][3]["parameters"].is_null(), "a container has none of its own: {json}");
    // Weights, their two moments and their gradients, at the least; an evaluation needs the weights alone.
    let bytes = |json: &serde_json::Value, what: &str| json[what]["bytes"].as_u64().unwrap();
    assert!(bytes(&json, "train") >= 4 * 4 * parameters, "{json}");
    assert!(json["train"]["external_bytes"].as_u64().unwrap() >= 3 * 4 * parameters && bytes(&json, "evaluation") >= 4 * parameters);
    let larger = place.good(&["summary", "nested.toml", "--json", "--batch-size", "640"]).json();
    assert!(bytes(&larger, "train") > bytes(&json, "train") && larger["train"]["batch_size"] == 640, "{larger}");
    // What is printed before a training is the same plan.
    let trained = place.good(&["train", "nested.toml", "--epochs", "1", "--run", "run"]).stdout;
    let planned = text.lines().find(|l| l.starts_with("a training step")).unwrap().split_whitespace().collect::<Vec<_>>()[6..8].join(" ");
    assert!(trained.contains(&format!("total {planned:>15}")) || trained.contains(&planned), "{planned} is not in\n{trained}");
    assert_eq!(place.good(&["summary", "run", "--json"]).json()["layers"], json["layers"]);
}

#[test]
fn recipes_whose_data_are_not_there_are_summed_up_where_they_tell_the_shape() {
    let place = Place::new();
    let mut command = place.command(&["summary", "mnist-mlp"]);
    command.env("XDG_CACHE_HOME", place.path("no-cache"));
    let done = crate::common::Done::of(command.output().unwrap());
    assert!(done.code == Some(0) && done.stdout.contains("101,770 parameters"), "{}{}", done.stdout, done.stderr);
    place.good(&["summary", "linear"]);
    let idx = SMALL.replace(
        "source = \"digits\"\ntrain = 160\ntest = 50",
        "source = \"idx\"\ntrain_images = \"a\"\ntrain_labels = \"b\"\ntest_images = \"c\"\ntest_labels = \"d\"\nclasses = [\"0\"]",
    );
    place.write("idx.toml", idx);
    place.refused(&["summary", "idx.toml", "--data", "."], &["a"]);
}

#[test]
fn what_cannot_be_summed_up_is_refused() {
    let place = Place::new();
    place.write("bad.toml", nested().replace("bias = false", "units = 17").replace("units = 16, units = 17", "units = 17"));
    place.refused(&["summary", "bad.toml"], &["layer 2 (residual)", "[17]", "[16]"]);
    place.refused(&["summary", "nowhere"], &["nowhere", "quickstart"]);
    place.refused(&["summary", "nowhere.toml"], &["nowhere.toml"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    place.refused(&["summary", "empty"], &["empty", "folder of a run"]);
}
