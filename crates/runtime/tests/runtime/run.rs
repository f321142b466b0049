//! What runs, and what comes back.

use crate::common::*;
use wgrad_kernels::Work;
use wgrad_runtime::{Binding, Dispatch, Error, Recording, Step};

#[test]
fn a_dispatch_computes_and_reads_back() {
    let device = device();
    for n in [1, 63, 64, 65, 1009] {
        let executable = device.compile(one(AXPBY, "double", n)).unwrap();
        let (x, y) = (device.alloc(u64::from(n) * 4, "x").unwrap(), device.alloc(u64::from(n) * 4, "y").unwrap());
        let values: Vec<f32> = (0..n).map(|i| i as f32 - 7.5).collect();
        device.write(&x, 0, bytemuck::cast_slice(&values)).unwrap();
        let read = executable.run(&[x, y.clone()], &[(1, 0, u64::from(n) * 4)]).unwrap().unwrap();
        let expected: Vec<f32> = values.iter().map(|v| v * 2.0).collect();
        assert_eq!(floats(&read.wait_blocking().unwrap()[0]), expected, "n = {n}");
        assert_eq!(floats(&device.read_blocking(&[(&y, 0, u64::from(n) * 4)]).unwrap()[0]), expected, "n = {n}");
    }
}

#[test]
fn ranges_may_start_and_end_inside_of_words() {
    let device = device();
    let buffer = device.alloc(64, "bytes").unwrap();
    let bytes: Vec<u8> = (0..61).collect();
    device.write(&buffer, 0, &bytes).unwrap();
    let ranges = [(&buffer, 0, 61), (&buffer, 3, 2), (&buffer, 5, 0), (&buffer, 60, 4), (&buffer, 7, 9)];
    let read = device.read_blocking(&ranges).unwrap();
    assert_eq!(read, [&bytes[..], &[3, 4], &[], &[60, 0, 0, 0], &[7, 8, 9, 10, 11, 12, 13, 14, 15]]);
}

#[test]
fn ranges_outside_of_a_buffer_are_errors() {
    let device = device();
    let buffer = device.alloc(64, "bytes").unwrap();
    for error in [
        device.write(&buffer, 2, &[0; 4]).unwrap_err(),
        device.write(&buffer, 64, &[0; 1]).unwrap_err(),
        device.write(&buffer, u64::MAX - 3, &[0; 8]).unwrap_err(),
        device.read_blocking(&[(&buffer, 60, 8)]).unwrap_err(),
        device.read_blocking(&[(&buffer, u64::MAX, 1)]).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Range { bytes: 64, .. }), "{error}");
    }
    assert!(device.write(&buffer, 60, &[1; 4]).is_ok(), "the device goes on");
}

/// Fibonacci-like chains over one vector, checked on the host: a temporary overwritten too early shows.
#[test]
fn shared_slots_keep_every_value_until_its_last_use() {
    let device = device();
    let n = 257;
    let steps: Vec<(usize, usize)> = vec![(0, 0), (2, 0), (3, 2), (4, 3), (2, 5), (6, 4), (7, 6), (8, 0), (9, 7), (10, 3)];
    // Buffer 0 is the input, 1 the output, from 2 on one temporary a step.
    let mut recording = Recording { buffers: vec![external(0, n), external(1, n)], steps: Vec::new() };
    let input: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let mut values = vec![input.clone(), Vec::new()];
    for (number, (x, z)) in steps.iter().enumerate() {
        recording.buffers.push(temp(n));
        recording.steps.push(axpby(&format!("step {number}"), n, (1.0, *x), (0.5, *z), number + 2));
        values.push((0..n as usize).map(|i| values[*x][i] + 0.5 * values[*z][i]).collect());
    }
    let last = steps.len() + 1;
    recording.steps.push(axpby("out", n, (1.0, last), (1.0, last - 1), 1));
    let expected: Vec<f32> = values[last].iter().zip(&values[last - 1]).map(|(a, b)| a + b).collect();
    let executable = device.compile(recording).unwrap();
    let plan = executable.plan();
    assert!(plan.slots().len() < steps.len(), "{plan}");
    assert!(plan.slot_bytes() < plan.temp_bytes(), "{plan}");
    let (x, y) = (device.alloc(u64::from(n) * 4, "x").unwrap(), device.alloc(u64::from(n) * 4, "y").unwrap());
    device.write(&x, 0, bytemuck::cast_slice(&input)).unwrap();
    for run in 0..3 {
        let read = executable.run(&[x.clone(), y.clone()], &[(1, 0, u64::from(n) * 4)]).unwrap().unwrap();
        assert_eq!(floats(&read.wait_blocking().unwrap()[0]), expected, "run {run}\n{plan}");
    }
}

#[test]
fn copies_run_in_order_with_dispatches() {
    let device = device();
    let n = 40;
    let recording = Recording {
        buffers: vec![external(0, n), external(1, n), temp(n)],
        steps: vec![
            axpby("triple", n, (3.0, 0), (0.0, 0), 2),
            Step::Copy { from: 2, to: 1, bytes: 80 },
            axpby("again", n, (3.0, 1), (0.0, 1), 2),
            Step::Copy { from: 2, to: 0, bytes: 160 },
        ],
    };
    let executable = device.compile(recording).unwrap();
    let (x, y) = (device.alloc(160, "x").unwrap(), device.alloc(160, "y").unwrap());
    device.write(&x, 0, bytemuck::cast_slice(&[1.0f32; 40])).unwrap();
    device.write(&y, 0, bytemuck::cast_slice(&[5.0f32; 40])).unwrap();
    let before = device.counters();
    let read = executable.run(&[x, y], &[(0, 0, 160), (1, 0, 160)]).unwrap().unwrap().wait_blocking().unwrap();
    let halves = |a: f32, b: f32| [vec![a; 20], vec![b; 20]].concat();
    assert_eq!([floats(&read[0]), floats(&read[1])], [halves(9.0, 15.0), halves(3.0, 5.0)]);
    let after = device.counters();
    assert_eq!((after.copies - before.copies, after.passes - before.passes, after.submits - before.submits), (2, 2, 1));
}

#[test]
fn a_grid_with_a_zero_runs_nothing() {
    let device = device();
    let mut recording = one(AXPBY, "nothing", 4);
    if let Step::Dispatch(dispatch) = &mut recording.steps[0] {
        dispatch.grid = [1, 0, 1];
    }
    let executable = device.compile(recording).unwrap();
    let (x, y) = (device.alloc(16, "x").unwrap(), device.alloc(16, "y").unwrap());
    device.write(&x, 0, bytemuck::cast_slice(&[1.0f32; 4])).unwrap();
    device.write(&y, 0, bytemuck::cast_slice(&[9.0f32; 4])).unwrap();
    let read = executable.run(&[x, y], &[(1, 0, 16)]).unwrap().unwrap();
    assert_eq!(floats(&read.wait_blocking().unwrap()[0]), [9.0; 4]);
    assert_eq!((device.counters().dispatches, device.counters().passes), (0, 0));
}

#[test]
fn array_length_is_the_recordings_and_not_the_pools() {
    let device = device();
    // The pool now holds a buffer that is a little larger than what is asked for next.
    drop(device.alloc(272, "larger").unwrap());
    let code = "
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1) fn main() { y[0] = arrayLength(&y); }";
    let step = Dispatch { label: "length".to_owned(), program: program(code), bindings: vec![write(0)], grid: [1, 1, 1], work: Work::default() };
    let executable = device.compile(Recording { buffers: vec![external(0, 64)], steps: vec![Step::Dispatch(step)] }).unwrap();
    let y = device.alloc(256, "y").unwrap();
    assert_eq!(device.counters().buffers_reused, 1, "the test needs the larger buffer");
    let read = executable.run(&[y], &[(0, 0, 4)]).unwrap().unwrap().wait_blocking().unwrap();
    assert_eq!(bytemuck::pod_read_unaligned::<u32>(&read[0]), 64);
}

#[test]
fn uniforms_of_many_dispatches_stay_apart() {
    let device = device();
    let n = 8;
    let count = 40;
    let buffers = (0..=count).map(|index| external(index, n)).collect();
    let steps = (1..=count).map(|i| axpby("scale", n, (i as f32, 0), (0.0, 0), i)).collect();
    let executable = device.compile(Recording { buffers, steps }).unwrap();
    let externals: Vec<_> = (0..=count).map(|_| device.alloc(32, "v").unwrap()).collect();
    device.write(&externals[0], 0, bytemuck::cast_slice(&[1.0f32; 8])).unwrap();
    let ranges: Vec<_> = (1..=count).map(|i| (i, 0, 32)).collect();
    let read = executable.run(&externals, &ranges).unwrap().unwrap().wait_blocking().unwrap();
    for (i, bytes) in read.iter().enumerate() {
        assert_eq!(floats(bytes), [(i + 1) as f32; 8]);
    }
}

#[test]
fn throttle_leaves_at_most_so_many_in_flight() {
    let device = device();
    let executable = device.compile(one(AXPBY, "double", 1 << 16)).unwrap();
    let (x, y) = (device.alloc(1 << 18, "x").unwrap(), device.alloc(1 << 18, "y").unwrap());
    for _ in 0..20 {
        executable.run(&[x.clone(), y.clone()], &[]).unwrap();
        device.throttle_blocking(2).unwrap();
        assert!(device.in_flight() <= 2, "{}", device.in_flight());
    }
    device.sync_blocking().unwrap();
    assert_eq!(device.in_flight(), 0);
}

#[test]
fn externals_that_do_not_fit_are_errors() {
    let device = device();
    let executable = device.compile(one(AXPBY, "double", 64)).unwrap();
    let (x, small) = (device.alloc(256, "x").unwrap(), device.alloc(128, "small").unwrap());
    let run = |externals: &[_], read: &[_]| executable.run(externals, read).unwrap_err().to_string();
    assert!(run(std::slice::from_ref(&x), &[]).contains("2 are needed and 1 given"));
    assert!(run(&[x.clone(), small], &[]).contains("needs 256 bytes and is given 128"));
    let same = run(&[x.clone(), x.clone()], &[]);
    assert!(same.contains("double") && same.contains("same memory"), "{same}");
    let y = device.alloc(256, "y").unwrap();
    assert!(run(&[x.clone(), y.clone()], &[(2, 0, 4)]).contains("external buffer 2"));
    assert!(run(&[x, y], &[(1, 256, 4)]).contains("256..260"));
}

#[test]
fn a_binding_used_twice_is_an_error_that_names_the_dispatch() {
    let device = device();
    let mut recording = one(AXPBY, "clash", 64);
    if let Step::Dispatch(dispatch) = &mut recording.steps[0] {
        dispatch.bindings[2] = read(1);
    }
    let error = device.compile(recording).unwrap_err();
    assert!(matches!(&error, Error::Recording { step: 0, label, .. } if label == "clash"), "{error}");
}

#[test]
fn two_threads_share_a_device() {
    let device = device();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let device = &device;
            scope.spawn(move || {
                let executable = device.compile(one(AXPBY, "double", 32)).unwrap();
                let (x, y) = (device.alloc(128, "x").unwrap(), device.alloc(128, "y").unwrap());
                for step in 0..50u32 {
                    let value = (thread * 1000 + step) as f32;
                    device.write(&x, 0, bytemuck::cast_slice(&[value; 32])).unwrap();
                    let read = executable.run(&[x.clone(), y.clone()], &[(1, 0, 128)]).unwrap().unwrap();
                    assert_eq!(floats(&read.wait_blocking().unwrap()[0]), [2.0 * value; 32]);
                }
            });
        }
    });
}

#[test]
fn uniform_blocks_may_be_empty_of_meaning() {
    // A program that binds a block and a buffer, and a block of more words than its struct reads.
    let device = device();
    let mut recording = one(AXPBY, "long block", 4);
    if let Step::Dispatch(dispatch) = &mut recording.steps[0]
        && let Binding::Uniform(words) = &mut dispatch.bindings[0]
    {
        words.extend([0; 9]);
    }
    let executable = device.compile(recording).unwrap();
    assert_eq!(executable.plan().uniform_bytes(), 48);
    let (x, y) = (device.alloc(16, "x").unwrap(), device.alloc(16, "y").unwrap());
    device.write(&x, 0, bytemuck::cast_slice(&[1.0f32; 4])).unwrap();
    let read = executable.run(&[x, y], &[(1, 0, 16)]).unwrap().unwrap();
    assert_eq!(floats(&read.wait_blocking().unwrap()[0]), [2.0; 4]);
}
