//! What a steady training loop costs, by the runtime's own count.

use crate::common::*;
use wgrad_runtime::Recording;

#[test]
fn a_step_is_one_submit_and_one_pass_and_makes_no_buffer() {
    let device = device();
    let n = 512;
    let recording = Recording {
        buffers: vec![external(0, n), external(1, n), temp(n), temp(n)],
        steps: vec![axpby("a", n, (2.0, 0), (0.5, 1), 2), axpby("b", n, (0.5, 2), (0.25, 0), 3), axpby("c", n, (0.5, 3), (0.25, 2), 1)],
    };
    let executable = device.compile(recording).unwrap();
    let bytes = u64::from(n) * 4;
    let weights = device.alloc(bytes, "weights").unwrap();
    device.write(&weights, 0, &vec![0; bytes as usize]).unwrap();
    let mut at_two = None;
    for step in 1..=100u64 {
        // A new input each step, as a loader makes it, taken from the pool; a loss read now and then.
        let input = device.alloc(bytes, "input").unwrap();
        device.write(&input, 0, &vec![step as u8 & 0x3f; bytes as usize]).unwrap();
        let before = device.counters();
        let read: &[_] = if step % 10 == 1 { &[(1, 0, 4)] } else { &[] };
        let readback = executable.run(&[input, weights.clone()], read).unwrap();
        let after = device.counters();
        assert_eq!(after.submits - before.submits, 1, "step {step}");
        assert_eq!(after.passes - before.passes, 1, "step {step}");
        assert_eq!(after.dispatches - before.dispatches, 3, "step {step}");
        if let Some(readback) = readback {
            readback.wait_blocking().unwrap();
        }
        device.throttle_blocking(2).unwrap();
        if step == 2 {
            at_two = Some(device.counters());
        }
    }
    let (then, now) = (at_two.unwrap(), device.counters());
    assert_eq!(now.buffers_created, then.buffers_created);
    assert_eq!(now.bind_groups_created, then.bind_groups_created);
    assert_eq!(now.pipelines_compiled, 1);
    assert_eq!((now.bytes_allocated, now.bytes_peak), (then.bytes_allocated, then.bytes_peak));
    assert_eq!(now.readbacks, 10);
}

#[test]
fn the_plan_is_what_the_device_allocates() {
    let device = device();
    let n = 100_003;
    let recording = Recording {
        buffers: vec![external(0, n), external(1, n), temp(n), temp(n)],
        steps: vec![axpby("a", n, (1.0, 0), (1.0, 0), 2), axpby("b", n, (1.0, 2), (1.0, 0), 3), axpby("c", n, (1.0, 3), (1.0, 3), 1)],
    };
    let executable = device.compile(recording).unwrap();
    let externals = [0, 1].map(|_| device.alloc(u64::from(n) * 4, "external").unwrap());
    executable.run(&externals, &[]).unwrap();
    assert_eq!(executable.plan().total_bytes(), device.counters().bytes_allocated);
}

#[test]
fn buffers_alternate_without_new_bind_groups() {
    let device = device();
    let executable = device.compile(one(AXPBY, "double", 64)).unwrap();
    let output = device.alloc(256, "y").unwrap();
    let inputs: Vec<_> = (0..4).map(|_| device.alloc(256, "x").unwrap()).collect();
    for round in 0..5 {
        for input in &inputs {
            executable.run(&[input.clone(), output.clone()], &[]).unwrap();
        }
        assert_eq!(device.counters().bind_groups_created, 4, "round {round}");
    }
}

#[test]
fn only_dispatches_that_bind_a_new_buffer_get_a_new_bind_group() {
    let device = device();
    let n = 64;
    let recording = Recording {
        buffers: vec![external(0, n), external(1, n), temp(n), temp(n)],
        steps: vec![axpby("a", n, (1.0, 0), (1.0, 0), 2), axpby("b", n, (1.0, 2), (1.0, 2), 3), axpby("c", n, (1.0, 3), (1.0, 3), 1)],
    };
    let executable = device.compile(recording).unwrap();
    let [a, b, y] = [0; 3].map(|_| device.alloc(256, "v").unwrap());
    executable.run(&[a, y.clone()], &[]).unwrap();
    assert_eq!(device.counters().bind_groups_created, 3);
    executable.run(&[b, y], &[]).unwrap();
    assert_eq!(device.counters().bind_groups_created, 4);
}

#[test]
fn memory_comes_back_to_the_pool_and_is_freed_by_trim() {
    let device = device();
    let buffer = device.alloc(1 << 20, "first").unwrap();
    let (id, clone) = (buffer.id(), buffer.clone());
    drop(buffer);
    assert_eq!(device.counters().bytes_in_use, 1 << 20, "a clone still holds it");
    drop(clone);
    assert_eq!((device.counters().bytes_in_use, device.counters().bytes_allocated), (0, 1 << 20));
    let again = device.alloc(1 << 20, "again").unwrap();
    assert_eq!(again.id(), id);
    let half = device.alloc(1 << 19, "half").unwrap();
    assert_ne!(half.id(), id);
    drop(again);
    device.trim();
    assert_eq!(device.counters().bytes_allocated, 1 << 19);
    assert_eq!(device.counters().bytes_peak, 3 << 19);
}

#[test]
fn the_pool_keeps_no_more_than_it_may() {
    let device = device();
    for step in 1..=12 {
        // Sizes too far apart to serve each other.
        let bytes = (1 << 23) + step * (2 << 20);
        drop(device.alloc(bytes, "odd").unwrap());
    }
    assert!(device.counters().bytes_allocated <= 64 << 20, "{}", device.counters());
}

#[test]
fn readbacks_that_nobody_waits_for_leave_nothing_behind() {
    let device = device();
    let executable = device.compile(one(AXPBY, "double", 64)).unwrap();
    let externals = [0, 1].map(|_| device.alloc(256, "v").unwrap());
    device.write(&externals[0], 0, bytemuck::cast_slice(&[1.5f32; 64])).unwrap();
    drop(executable.run(&externals, &[(1, 0, 256)]).unwrap());
    let created = device.counters().buffers_created;
    for _ in 0..20 {
        drop(executable.run(&externals, &[(1, 0, 256)]).unwrap());
    }
    let read = executable.run(&externals, &[(1, 0, 256)]).unwrap().unwrap().wait_blocking().unwrap();
    assert_eq!(floats(&read[0]), [3.0; 64]);
    assert_eq!(device.counters().buffers_created, created);
}

#[test]
fn equal_programs_are_compiled_once() {
    let device = device();
    let first = device.compile(one(AXPBY, "first", 64)).unwrap();
    let second = device.compile(one(AXPBY, "second", 128)).unwrap();
    let counters = device.counters();
    assert_eq!((counters.pipelines_compiled, counters.pipelines_reused), (1, 1));
    drop((first, second));
}
