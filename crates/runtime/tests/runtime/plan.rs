//! The memory plan, with no device.

use crate::common::*;
use proptest::prelude::*;
use wgrad_kernels::{Access, Caps, Program, Work};
use wgrad_runtime::{Binding, BufferSpec, Dispatch, Error, Kind, Plan, Recording, Step};

fn step(bindings: Vec<Binding>) -> Step {
    let label = "step".to_owned();
    Step::Dispatch(Dispatch { label, program: Program::default(), bindings, grid: [1, 1, 1], work: Work::default() })
}

/// A chain of `n` temporaries: each is read once, by the next step.
fn chain(n: usize, bytes: u64) -> Recording {
    let temp = || BufferSpec { bytes, label: "t".to_owned(), kind: Kind::Temp };
    let mut recording = Recording { buffers: vec![external(0, 4)], steps: Vec::new() };
    for i in 0..n {
        recording.buffers.push(temp());
        recording.steps.push(step(vec![read(i), write(i + 1)]));
    }
    recording
}

#[test]
fn a_chain_of_equal_temporaries_needs_two_slots() {
    let plan = Plan::new(&chain(10, 1000), &Caps::default()).unwrap();
    assert_eq!(plan.slots().len(), 2);
    assert_eq!((plan.temp_bytes(), plan.slot_bytes(), plan.external_bytes()), (10 * 1008, 2 * 1008, 16));
}

#[test]
fn prints_one_line_a_slot_and_the_totals() {
    let text = Plan::new(&chain(3, 1024), &Caps::default()).unwrap().to_string();
    assert_eq!(
        text,
        "slot 0       1.00 KiB  t 0..1, t 2..2\n\
         slot 1       1.00 KiB  t 1..2\n\
         total        2.02 KiB  = 2.00 KiB in 2 slots (3.00 KiB in 3 temporaries unshared) + 16 B in 1 externals + 0 B of uniforms\n"
    );
}

#[test]
fn over_a_limit_names_the_buffer_and_both_numbers() {
    let caps = Caps { max_binding_bytes: 512, ..Caps::default() };
    let error = Plan::new(&chain(2, 1024), &caps).unwrap_err();
    let what = "bytes of one storage binding";
    assert_eq!(error, Error::LimitExceeded { label: "t".to_owned(), what, wanted: 1024, limit: 512 });
    let caps = Caps { max_storage_buffers: 1, ..Caps::default() };
    let text = Plan::new(&chain(1, 16), &caps).unwrap_err().to_string();
    assert!(text.contains("`step` needs 2 and the limit of this adapter is 1"), "{text}");
    // A uniform buffer has a limit of its own, and is not one of the storage buffers.
    let uniform = |elements| {
        let binding = Binding::Buffer { buffer: 0, access: Access::Uniform };
        Recording { buffers: vec![external(0, elements), external(1, 4)], steps: vec![step(vec![binding, write(1)])] }
    };
    assert!(Plan::new(&uniform(16_384), &caps).is_ok());
    let error = Plan::new(&uniform(16_385), &caps).unwrap_err();
    let what = "bytes of one uniform binding";
    assert_eq!(error, Error::LimitExceeded { label: "external 0".to_owned(), what, wanted: 65_552, limit: 65_536 });
    let mut wide = chain(1, 16);
    if let Step::Dispatch(dispatch) = &mut wide.steps[0] {
        dispatch.grid = [1, 65_536, 1];
    }
    assert!(matches!(Plan::new(&wide, &Caps::default()), Err(Error::LimitExceeded { wanted: 65_536, .. })));
}

#[test]
fn what_cannot_be_right_is_refused() {
    let rule = |recording: &Recording| Plan::new(recording, &Caps::default()).unwrap_err().to_string();
    let mut unwritten = chain(2, 16);
    unwritten.steps.remove(0);
    assert!(rule(&unwritten).contains("nothing has written"));
    let mut unknown = chain(1, 16);
    unknown.steps.push(step(vec![read(7)]));
    assert!(rule(&unknown).contains("buffer 7"));
    let mut twice = chain(1, 16);
    twice.steps.push(step(vec![write(1), write(1)]));
    assert!(rule(&twice).contains("step 1 of the recording") && rule(&twice).contains("written"));
    let mut copy = chain(1, 16);
    for (to, bytes) in [(0, 20), (0, 6), (1, 4)] {
        copy.steps.push(Step::Copy { from: 1, to, bytes });
        assert!(rule(&copy).contains("`copy`"), "{}", rule(&copy));
        copy.steps.pop();
    }
}

#[test]
fn unused_temporaries_take_no_memory() {
    let mut recording = chain(1, 16);
    recording.buffers.push(BufferSpec { bytes: 1 << 20, label: "unused".to_owned(), kind: Kind::Temp });
    let plan = Plan::new(&recording, &Caps::default()).unwrap();
    assert_eq!((plan.slot_bytes(), plan.slot_of(2), plan.slot_of(0)), (16, None, None));
}

prop_compose! {
    /// A random program: each step writes a temporary of its own and reads up to three earlier ones.
    fn recordings()(steps in prop::collection::vec((1u64..5000, prop::collection::vec(any::<prop::sample::Index>(), 0..4)), 1..40)) -> Recording {
        let mut recording = Recording::default();
        for (number, (bytes, inputs)) in steps.into_iter().enumerate() {
            recording.buffers.push(BufferSpec { bytes, label: format!("t{number}"), kind: Kind::Temp });
            let mut inputs: Vec<usize> = inputs.into_iter().filter(|_| number > 0).map(|i| i.index(number)).collect();
            inputs.sort_unstable();
            inputs.dedup();
            let mut bindings: Vec<Binding> = inputs.into_iter().map(read).collect();
            bindings.push(write(number));
            recording.steps.push(step(bindings));
        }
        recording
    }
}

proptest! {
    #[test]
    fn no_two_live_temporaries_share_a_slot(recording in recordings()) {
        let plan = Plan::new(&recording, &Caps::default()).unwrap();
        let uses = |buffer: usize| {
            let steps = recording.steps.iter().enumerate().filter(move |(_, s)| s.uses().any(|(b, _)| b == buffer));
            let steps: Vec<usize> = steps.map(|(number, _)| number).collect();
            (steps[0], *steps.last().unwrap())
        };
        for a in 0..recording.buffers.len() {
            let slot = plan.slot_of(a).expect("each is used");
            prop_assert!(plan.slots()[slot].bytes >= recording.buffers[a].bytes);
            for b in 0..a {
                let ((first_a, last_a), (first_b, last_b)) = (uses(a), uses(b));
                let together = first_a <= last_b && first_b <= last_a;
                prop_assert!(!together || plan.slot_of(b) != Some(slot), "{a} and {b} in slot {slot}\n{plan}");
            }
        }
        // No plan can do with less than what lives at the worst moment, nor should one need more than all.
        let live = |step: usize| -> u64 {
            let alive = (0..recording.buffers.len()).filter(|b| { let (f, l) = uses(*b); f <= step && step <= l });
            alive.map(|b| recording.buffers[b].bytes).sum()
        };
        let worst = (0..recording.steps.len()).map(live).max().unwrap();
        prop_assert!(worst <= plan.slot_bytes() && plan.slot_bytes() <= plan.temp_bytes());
    }
}
