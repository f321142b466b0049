//! Profiles of real runs.

use crate::common::*;
use wgrad_runtime::{Recording, Step};

fn recording(n: u32, dispatches: usize) -> Recording {
    let mut steps = vec![axpby("first", n, (2.0, 0), (0.0, 0), 1)];
    steps.extend((1..dispatches).map(|_| axpby("rest", n, (1.0, 0), (1.0, 0), 1)));
    Recording { buffers: vec![external(0, n), external(1, n)], steps }
}

#[test]
fn every_dispatch_has_a_row_and_the_work_is_really_done() {
    let device = device();
    let n = 100_000;
    let mut recording = recording(n, 3);
    recording.buffers.push(external(2, n));
    recording.steps.insert(1, Step::Copy { from: 1, to: 2, bytes: 400_000 });
    let mut empty = axpby("empty", n, (2.0, 0), (0.0, 0), 1);
    if let Step::Dispatch(dispatch) = &mut empty {
        dispatch.grid = [0, 1, 1];
    }
    recording.steps.push(empty);
    let executable = device.compile(recording).unwrap();
    let externals = [0; 3].map(|_| device.alloc(400_000, "v").unwrap());
    device.write(&externals[0], 0, bytemuck::cast_slice(&vec![1.0f32; n as usize])).unwrap();
    let profile = executable.profile_blocking(&externals).unwrap();
    let labels: Vec<&str> = profile.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["first", "rest", "rest"]);
    assert!(profile.ns() > 0.0, "{profile}");
    assert!(profile.rows.windows(2).all(|pair| pair[0].start_ns <= pair[1].start_ns), "{profile:?}");
    assert_eq!(profile.rows[0].bytes, 1.2e6);
    let table = profile.to_string();
    assert!(table.contains("rest") && table.contains("GB/s"), "{table}");
    let trace: serde_json::Value = serde_json::from_str(&profile.to_chrome_trace()).unwrap();
    assert_eq!(trace["traceEvents"].as_array().unwrap().len(), 4);
    let read = device.read_blocking(&[(&externals[2], 399_996, 4)]).unwrap();
    assert_eq!(floats(&read[0]), [2.0], "the copy came after the first dispatch");
}

#[test]
fn more_dispatches_than_a_query_set_holds() {
    let device = device();
    let executable = device.compile(recording(16, 2500)).unwrap();
    let externals = [0; 2].map(|_| device.alloc(64, "v").unwrap());
    let profile = executable.profile_blocking(&externals).unwrap();
    assert_eq!(profile.rows.len(), 2500);
}

#[test]
fn a_recording_of_nothing_has_an_empty_profile() {
    let device = device();
    let executable = device.compile(Recording::default()).unwrap();
    assert!(executable.profile_blocking(&[]).unwrap().rows.is_empty());
    assert!(executable.run(&[], &[]).unwrap().is_none());
}
