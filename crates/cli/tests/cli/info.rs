//! `info`, `recipes`, the help, and which adapter is taken.

use crate::common::{Done, Place};

#[test]
fn info_lists_adapters_and_the_choice() {
    let place = Place::new();
    let json = place.good(&["info", "--json"]).json();
    let chosen = json["chosen"].as_u64().unwrap() as usize;
    let adapter = &json["adapters"][chosen];
    assert_eq!(adapter["index"], chosen);
    assert!(adapter["caps"]["max_invocations"].as_u64().unwrap() >= 128, "{adapter}");
    assert!(!json["why"].as_str().unwrap().is_empty());
    let version = json["wgpu"].as_str().unwrap();
    assert!(version.starts_with("30."), "{version}");
    let text = place.good(&["info"]).stdout;
    assert!(text.contains("chosen: ") && text.contains("subgroup"), "{text}");
}

#[test]
fn adapters_are_taken_by_number_and_by_part_of_the_name() {
    let place = Place::new();
    let name = place.good(&["info", "--json"]).json()["adapters"][0]["name"].as_str().unwrap().to_owned();
    let part: String = name.chars().take(5).collect();
    for device in ["0", part.to_lowercase().as_str()] {
        let json = place.good(&["info", "--json", "--device", device]).json();
        assert!(json["why"].as_str().unwrap().contains(device), "{json}");
    }
}

#[test]
fn unknown_devices_are_refused_by_every_command_that_opens_one() {
    let place = Place::new();
    for args in [&["info"][..], &["train", "linear"], &["verify", "relu"], &["op", "iota", "--attrs", r#"{"shape":[2]}"#, "--out", "o"]] {
        for device in ["voodoo", "99"] {
            let args = [args, &["--device", device]].concat();
            place.refused(&args, &[device, "there are"]);
        }
    }
    assert!(!place.exists("runs"));
}

#[test]
#[cfg(target_os = "linux")]
fn no_adapter_at_all_says_what_to_install() {
    let place = Place::new();
    for args in [&["info"][..], &["train", "linear"], &["verify"]] {
        let mut command = place.command(args);
        command.env("VK_ICD_FILENAMES", "/dev/null").env("VK_DRIVER_FILES", "/dev/null");
        Done::of(command.output().unwrap()).expect_refusal(&format!("{args:?}"), &["no graphics adapter", "mesa-vulkan-drivers"]);
    }
    assert!(!place.exists("runs"));
}

#[test]
fn recipes_are_listed_and_printed() {
    let place = Place::new();
    let text = place.good(&["recipes"]).stdout;
    for name in ["quickstart", "mnist-mlp", "linear"] {
        assert!(text.contains(name), "{text}");
        let recipe = place.good(&["recipes", name]).stdout;
        assert!(recipe.contains(&format!("name = \"{name}\"")) && recipe.contains("[[layers]]"), "{recipe}");
    }
    place.refused(&["recipes", "nonsense"], &["nonsense", "quickstart"]);
}

#[test]
fn every_command_has_help_with_an_example() {
    let place = Place::new();
    for command in ["info", "recipes", "train", "eval", "predict", "summary", "verify", "bench", "op"] {
        let text = place.good(&[command, "--help"]).stdout;
        assert!(text.contains("Example") && text.contains(&format!("wgrad {command}")), "{command}: {text}");
    }
    assert!(place.good(&["data", "fetch", "--help"]).stdout.contains("wgrad data fetch mnist"));
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let place = Place::new();
    for args in [&["trian"][..], &["train"], &["train", "linear", "--epochs", "0"], &["train", "linear", "--batch-size", "0"], &["op", "relu"]] {
        assert_eq!(place.run(args).code, Some(2), "{args:?}");
    }
}
