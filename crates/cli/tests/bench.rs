//! `wgrad bench` from the outside: what it prints, never how long anything took.

use serde_json::Value;
use std::process::{Command, Output};

fn wgrad(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wgrad")).arg("bench").args(args).output().unwrap()
}

/// The lines of standard output as JSON.
fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_row_has_the_fields_of_the_other_benches() {
    let rows = rows(&wgrad(&["copy", "--secs", "0.01", "--json"]));
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text("peer"), text("workload"), text("shape"), text("unit")), ("wgrad".into(), "copy".into(), "16M".into(), "GB/s".into()));
    assert!(!text("adapter").is_empty() && !text("backend").is_empty());
    let number = |key: &str| row[key].as_f64().unwrap();
    assert!(number("min_ms") > 0.0 && number("min_ms") <= number("median_ms"));
    assert!(number("cold_ms") > 0.0 && number("warmup_ms") > 0.0);
    assert!(number("samples") >= 5.0 && number("calls_per_sample") >= 1.0);
    let bytes = 8.0 * f64::from(16 << 20);
    let rate = bytes / number("median_ms") / 1e6;
    assert!((number("gflops_or_samples_per_s") / rate - 1.0).abs() < 1e-9);
}

#[test]
fn training_lowers_the_loss_and_counts_steps() {
    let rows = rows(&wgrad(&["train_mlp_adam 784-128-10 b32", "--secs", "0.01", "--json"]));
    let number = |key: &str| rows[0][key].as_f64().unwrap();
    // Random labels of ten classes begin at ln 10 = 2.3.
    assert!(number("loss") < 2.0, "{}", rows[0]);
    assert!((number("gflops_or_samples_per_s") / number("steps_per_s") / 32.0 - 1.0).abs() < 1e-9);
}

#[test]
fn every_variant_has_a_row_and_the_control_comes_last() {
    let rows = rows(&wgrad(&["matmul 64x784", "--variants", "--secs", "0.01", "--json"]));
    let names: Vec<&str> = rows.iter().map(|r| r["variant"].as_str().unwrap()).collect();
    assert!(names.contains(&"naive") && names.contains(&"tiled"), "{names:?}");
    assert_eq!(names.iter().position(|n| *n == "(control)"), Some(names.len() - 1));
    assert!(rows[..rows.len() - 1].iter().all(|r| r["workload"] == "matmul") && rows[rows.len() - 1]["workload"] == "copy");
}

#[test]
fn the_list_names_the_workloads_without_a_device() {
    let rows = rows(&wgrad(&["--list", "--json", "--device", "no such device"]));
    let has = |name: &str, shape: &str| rows.iter().any(|r| r["workload"] == name && r["shape"] == shape);
    assert!(has("matmul", "1024x1024x1024") && has("train_mlp_adam", "784-128-10 b128") && has("train_gpt_adamw", "L4 d128 h4 T128 V96 b8"));
}

#[test]
fn a_filter_that_names_nothing_and_a_wrong_number_are_errors() {
    for (args, said) in
        [(&["no such work"][..], "bench --list"), (&["copy", "--secs=-1"], "0 or more"), (&["copy", "--device", "no such device"], "no such device")]
    {
        let output = wgrad(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(said), "{args:?}: {message}");
    }
}
