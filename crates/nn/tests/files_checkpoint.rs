//! Checkpoints: what comes back, what is refused, and what a kill at any moment leaves.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use wgrad_nn::files::{Checkpoint, FileError, Kind, NamedTensor, State};

fn tensor(name: &str, shape: &[usize], first: f32) -> NamedTensor {
    let data = (0..shape.iter().product::<usize>()).map(|i| first + i as f32).collect();
    NamedTensor { name: name.into(), shape: shape.to_vec(), data }
}

/// A checkpoint after `step` steps: every value in it tells the step.
fn checkpoint(step: u64) -> Checkpoint {
    let tensors =
        vec![tensor("1.weight", &[2, 3], step as f32), tensor("0.bias", &[3], step as f32), tensor("scale", &[], step as f32), tensor("empty", &[0, 4], 0.0)];
    let metrics = BTreeMap::from([("loss".to_owned(), 0.1 + 0.2), ("val_loss".to_owned(), step as f64)]);
    let state = State {
        model: "784-128-10".into(),
        optimizer: "adam".into(),
        epoch: 2,
        step,
        seed: u64::MAX,
        metrics,
        extra: BTreeMap::from([("patience".to_owned(), 3.into())]),
        ..Default::default()
    };
    Checkpoint { tensors, state }
}

#[test]
fn comes_back_as_it_was_with_names_sorted() {
    let folder = tempfile::tempdir().unwrap();
    checkpoint(7).save(folder.path(), Kind::Last).unwrap();
    let back = Checkpoint::load(folder.path(), Kind::Last).unwrap();
    assert_eq!(back.state, checkpoint(7).state);
    let names: Vec<&str> = back.tensors.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["0.bias", "1.weight", "empty", "scale"]);
    for tensor in &checkpoint(7).tensors {
        assert_eq!(back.tensor(&tensor.name), Some(tensor));
    }
}

#[test]
fn last_and_best_are_independent() {
    let folder = tempfile::tempdir().unwrap();
    checkpoint(1).save(folder.path(), Kind::Best).unwrap();
    checkpoint(2).save(folder.path(), Kind::Last).unwrap();
    assert_eq!(Checkpoint::load(folder.path(), Kind::Best).unwrap().state.step, 1);
    assert_eq!(Checkpoint::load(folder.path(), Kind::Last).unwrap().state.step, 2);
    let copy: State = serde_json::from_slice(&std::fs::read(folder.path().join("best.json")).unwrap()).unwrap();
    assert_eq!(copy, checkpoint(1).state);
}

#[test]
fn bytes_depend_on_the_contents_alone() {
    let mut other = checkpoint(7);
    other.tensors.reverse();
    assert_eq!(other.to_bytes().unwrap(), checkpoint(7).to_bytes().unwrap());
    assert_ne!(checkpoint(8).to_bytes().unwrap(), checkpoint(7).to_bytes().unwrap());
}

#[test]
fn every_bit_of_a_value_comes_back() {
    let data = vec![f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE / 2.0, f32::from_bits(0x7fc0_1234)];
    let whole = Checkpoint { tensors: vec![NamedTensor { name: "t".into(), shape: vec![5], data: data.clone() }], ..Default::default() };
    let back = Checkpoint::from_bytes("f", &whole.to_bytes().unwrap()).unwrap();
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&back.tensors[0].data), bits(&data));
}

#[test]
fn metric_that_is_not_a_number_can_be_saved() {
    let mut whole = checkpoint(1);
    whole.state.metrics.insert("val_loss".into(), f64::NAN);
    let back = Checkpoint::from_bytes("f", &whole.to_bytes().unwrap()).unwrap();
    assert!(back.state.metrics["val_loss"].is_nan());
}

#[test]
fn missing_and_foreign_files() {
    let folder = tempfile::tempdir().unwrap();
    let load = || Checkpoint::load(folder.path(), Kind::Last).unwrap_err();
    assert!(matches!(load(), FileError::Missing { .. }));
    let path = folder.path().join("last.safetensors");
    std::fs::write(&path, b"this is no checkpoint at all").unwrap();
    assert!(load().to_string().contains("last.safetensors: not a safetensors file"), "{}", load());
    std::fs::write(&path, safetensors::serialize(Vec::<(&str, safetensors::tensor::TensorView<'_>)>::new(), None).unwrap()).unwrap();
    assert!(load().to_string().contains("no checkpoint of wgrad"), "{}", load());
}

#[test]
fn truncated_at_every_byte() {
    let bytes = checkpoint(7).to_bytes().unwrap();
    for len in 0..bytes.len() {
        let error = Checkpoint::from_bytes("f", &bytes[..len]).unwrap_err();
        assert!(matches!(error, FileError::Truncated { .. }), "{len}: {error}");
    }
}

#[test]
fn later_format_names_the_version_that_wrote_it() {
    let mut later = checkpoint(1);
    (later.state.format_version, later.state.wgrad_version) = (99, "7.0.0".into());
    let error = Checkpoint::from_bytes("f", &later.to_bytes().unwrap()).unwrap_err().to_string();
    assert!(error.contains("format 99") && error.contains("wgrad 7.0.0"), "{error}");
}

#[test]
fn another_model_is_told_by_the_first_tensor_and_both_shapes() {
    let shapes = |weight: &'static [usize]| [("1.weight", weight), ("0.bias", &[3][..]), ("scale", &[]), ("empty", &[0, 4])];
    let check = |model: &[(&'static str, &'static [usize])]| checkpoint(1).check_model("run/last.safetensors", model.iter().copied());
    check(&shapes(&[2, 3])).unwrap();
    let error = check(&shapes(&[2, 4])).unwrap_err().to_string();
    for part in ["run/last.safetensors", "another model", "\"1.weight\"", "[2, 3]", "[2, 4]"] {
        assert!(error.contains(part), "{part:?} is missing from: {error}");
    }
    let error = check(&[("2.bias", &[9])]).unwrap_err().to_string();
    assert!(error.contains("no \"2.bias\"") && error.contains("[9]"), "{error}");
    let error = check(&shapes(&[2, 3])[..2]).unwrap_err().to_string();
    assert!(error.contains("\"empty\" of shape [0, 4], which the model has not"), "{error}");
}

#[test]
fn contents_that_make_no_checkpoint_are_refused() {
    let bad = |tensors: Vec<NamedTensor>| Checkpoint { tensors, ..Default::default() }.to_bytes().is_err();
    assert!(bad(vec![tensor("a", &[1], 0.0), tensor("a", &[2], 0.0)]));
    assert!(bad(vec![NamedTensor { name: "a".into(), shape: vec![3], data: vec![0.0] }]));
    assert!(bad(vec![tensor("__metadata__", &[1], 0.0)]));
}

/// Saves one checkpoint, which must fail. Does nothing unless the next test starts it.
#[test]
fn child_without_room() {
    let Some(folder) = std::env::var_os("WGRAD_TEST_NO_ROOM") else { return };
    let mut whole = checkpoint(2);
    whole.tensors.push(tensor("large", &[100_000], 0.0));
    let error = whole.save(Path::new(&folder), Kind::Last).unwrap_err();
    assert!(matches!(error, FileError::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("the disk is full") && error.to_string().contains("is kept"), "{error}");
}

/// The system itself refuses the write midway: a limit on the size of files stands for a full disk.
#[test]
#[cfg(unix)]
fn write_without_room_keeps_the_good_checkpoint_and_no_leftover() {
    let folder = tempfile::tempdir().unwrap();
    checkpoint(1).save(folder.path(), Kind::Last).unwrap();
    let good = std::fs::read(folder.path().join("last.safetensors")).unwrap();
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" child_without_room --exact"])
        .arg(std::env::current_exe().unwrap())
        .env("WGRAD_TEST_NO_ROOM", folder.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the child saw no error, or the wrong one");
    assert_eq!(std::fs::read(folder.path().join("last.safetensors")).unwrap(), good);
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["last.json", "last.safetensors"]);
}

/// Saves checkpoint after checkpoint until it is killed. Does nothing unless the next test starts it.
#[test]
fn child_that_saves_for_ever() {
    let Some(folder) = std::env::var_os("WGRAD_TEST_SAVE_INTO") else { return };
    let mut step = 1;
    loop {
        let mut whole = checkpoint(step);
        // Large enough that a kill often falls into the middle of a write.
        whole.tensors.push(NamedTensor { name: "large".into(), shape: vec![300_000], data: vec![step as f32; 300_000] });
        whole.save(Path::new(&folder), Kind::Last).unwrap();
        step += 1;
    }
}

#[test]
fn kill_at_any_moment_leaves_a_whole_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..20u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_saves_for_ever", "--exact", "--nocapture"])
            .env("WGRAD_TEST_SAVE_INTO", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let path = folder.path().join("last.safetensors");
        while !path.exists() {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(20_000 + round * 1_713));
        child.kill().unwrap();
        child.wait().unwrap();
        let back = Checkpoint::load(folder.path(), Kind::Last).unwrap();
        let step = back.state.step as f32;
        assert_eq!(back.tensor("0.bias").unwrap().data[0], step);
        assert!(back.tensor("large").unwrap().data.iter().all(|&v| v == step));
        let copy = std::fs::read(folder.path().join("last.json"));
        assert!(copy.is_err() || serde_json::from_slice::<State>(&copy.unwrap()).is_ok());
        before += back.state.step;
    }
    assert!(before >= 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Checkpoint::from_bytes("f", &bytes).is_err());
    }

    #[test]
    fn arbitrary_header_never_panics(header in "[{}\\[\\]\":,0-9a-zA-Z_]{0,80}", body in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&body);
        let _ = Checkpoint::from_bytes("f", &bytes);
    }

    #[test]
    fn mutated_checkpoint_never_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = checkpoint(7).to_bytes().unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(back) = Checkpoint::from_bytes("f", &bytes) {
            prop_assert!(back.tensors.iter().all(|t| t.shape.iter().product::<usize>() == t.data.len()));
        }
    }
}
