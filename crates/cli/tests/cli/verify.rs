//! `verify` can pass, and can fail.

use crate::common::Place;

#[test]
fn a_passing_verification_is_code_0_with_a_receipt() {
    let place = Place::new();
    let done = place.good(&["verify", "mse", "--receipt", "receipt.json"]);
    assert!(done.stdout.contains("mse") && done.stdout.contains("worst ULP") && done.stdout.contains("0 differ"), "{}", done.stdout);
    let receipt: serde_json::Value = serde_json::from_slice(&place.bytes("receipt.json")).unwrap();
    assert_eq!(receipt["failed"], 0);
    assert!(receipt["passed"].as_u64().unwrap() > 0);
    assert!(receipt["wgpu"].as_str().unwrap().starts_with("30."));
    assert_eq!(receipt["naga"], receipt["wgpu"]);
    for key in ["name", "driver", "driver_info"] {
        assert!(!receipt["adapter"][key].as_str().unwrap().is_empty(), "{key}");
    }
    let date = receipt["date"].as_str().unwrap();
    assert!(date.len() == 20 && date.starts_with("20") && date.ends_with('Z'), "{date}");
    let rows = receipt["rows"].as_array().unwrap();
    for direction in ["forward", "backward"] {
        assert!(rows.iter().any(|r| r["direction"] == direction && r["outcome"] == "pass"), "{direction}");
    }
}

#[test]
fn a_planted_fault_is_code_1_and_names_the_op() {
    let place = Place::new();
    let done = place.run(&["verify", "mse", "--plant-fault", "map"]);
    assert_eq!(done.code, Some(1), "{}\n{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("FAIL mse: "), "{}", done.stdout);
    let done = place.run(&["verify", "mse", "--plant-fault", "map", "--json", "--receipt", "receipt.json"]);
    assert_eq!(done.code, Some(1));
    let receipt = done.json();
    assert!(receipt["failed"].as_u64().unwrap() > 0);
    assert_eq!(receipt, serde_json::from_slice::<serde_json::Value>(&place.bytes("receipt.json")).unwrap());
}

#[test]
fn what_cannot_be_verified_is_code_2() {
    let place = Place::new();
    place.refused(&["verify", "nonsense"], &["nonsense", "softmax"]);
    place.refused(&["verify", "mse", "--plant-fault", "nonsense"], &["nonsense"]);
}
