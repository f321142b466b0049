//! Every failure is an error that says what and where, and none is a panic.

use crate::common::*;
use std::time::Duration;
use wgrad_kernels::Work;
use wgrad_runtime::{Device, Dispatch, Error, Options, PipelineCache, Recording, Select, Step};

#[test]
fn a_lost_device_is_an_error_that_names_the_step() {
    let device = device();
    let executable = device.compile(one(AXPBY, "double", 64)).unwrap();
    let externals = [0, 1].map(|_| device.alloc(256, "v").unwrap());
    device.set_step(16);
    let pending = executable.run(&externals, &[(1, 0, 4)]).unwrap().unwrap();
    device.set_step(17);
    device.lose();
    device.set_step(18);
    let results = [
        pending.wait_blocking().err(),
        executable.run(&externals, &[]).err(),
        device.read_blocking(&[(&externals[0], 0, 4)]).err(),
        device.write(&externals[0], 0, &[0; 4]).err(),
        device.alloc(16, "more").err(),
        device.compile(one(AXPBY, "again", 64)).err(),
        device.sync_blocking().err(),
        executable.profile_blocking(&externals).err(),
    ];
    for (call, result) in results.into_iter().enumerate() {
        assert!(matches!(result, Some(Error::DeviceLost { step: 17, .. })), "call {call}: {result:?}");
    }
    // Buffers and executables outlive it harmlessly, and a new device works.
    drop((executable, externals));
    let next = crate::common::device();
    assert!(next.alloc(16, "next").is_ok());
}

#[test]
fn a_program_that_does_not_compile_names_itself_and_the_line() {
    let device = device();
    let broken = AXPBY.replace("params.a * x", "params.a ** x");
    let Err(Error::Shader { label, message }) = device.compile(one(&broken, "power", 64)) else { panic!("it must not compile") };
    assert_eq!(label, "power");
    assert!(message.contains("** x[id.x]") && message.contains("wgsl:10:"), "{message}");
    let wrong_type = AXPBY.replace("params.a * x", "params.n * x");
    assert!(matches!(device.compile(one(&wrong_type, "types", 64)), Err(Error::Shader { .. })));
    let no_main = AXPBY.replace("fn main", "fn other");
    assert!(matches!(device.compile(one(&no_main, "entry", 64)), Err(Error::Shader { .. })));
    let other_access = AXPBY.replace("read> x", "read_write> x");
    assert!(matches!(device.compile(one(&other_access, "access", 64)), Err(Error::Shader { .. })));
    let huge = AXPBY.replace("size(64)", "size(64, 64, 64)");
    assert!(matches!(device.compile(one(&huge, "groups", 64)), Err(Error::Shader { .. })));
    assert!(device.compile(one(AXPBY, "right", 64)).is_ok(), "the device goes on");
}

#[test]
fn one_broken_program_among_many_is_the_one_reported() {
    let device = device();
    let mut recording = Recording { buffers: vec![external(0, 4), external(1, 4)], steps: Vec::new() };
    for number in 0..12 {
        let code = if number == 7 { "not wgsl".to_owned() } else { format!("{AXPBY}\n// {number}") };
        recording.steps.extend(one(&code, &format!("program {number}"), 4).steps);
    }
    let error = device.compile(recording).unwrap_err();
    assert!(matches!(&error, Error::Shader { label, .. } if label == "program 7"), "{error}");
}

#[test]
fn over_a_limit_says_which_and_both_numbers() {
    let device = device();
    let limit = device.caps().max_binding_bytes.min(device.caps().max_buffer_bytes);
    // The limit need not be a multiple of 16, and sizes are.
    let wanted = (limit + 16).next_multiple_of(16);
    let text = device.alloc(wanted, "giant").unwrap_err().to_string();
    assert!(text.contains("giant") && text.contains(&wanted.to_string()) && text.contains(&limit.to_string()), "{text}");
    assert!(device.alloc(u64::MAX, "absurd").is_err());
    let mut recording = one(AXPBY, "large", 64);
    recording.buffers[1].bytes = wanted;
    assert!(matches!(device.compile(recording), Err(Error::LimitExceeded { .. })));
}

/// Dependent arithmetic on one invocation. No more than 65,535 iterations: llvmpipe stops there.
const BUSY: &str = "
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main() {
    var h = y[0] | 1u;
    for (var i = 0u; i < 60000u; i++) { h = (h ^ (h << 13u)) * 1664525u + i; }
    y[0] = h;
}
";

/// Some tenths of a second of work on any device: each dispatch needs the one before.
fn long() -> Recording {
    let step = Dispatch { label: "busy".to_owned(), program: program(BUSY), bindings: vec![write(0)], grid: [1, 1, 1], work: Work::default() };
    Recording { buffers: vec![external(0, 4)], steps: vec![Step::Dispatch(step); 1000] }
}

#[test]
fn a_wait_that_takes_too_long_names_what_was_awaited() {
    let device = device();
    let executable = device.compile(long()).unwrap();
    let buffer = device.alloc(16, "y").unwrap();
    device.set_step(3);
    device.set_timeout(Duration::from_millis(1));
    let readback = executable.run(std::slice::from_ref(&buffer), &[(0, 0, 4)]).unwrap().unwrap();
    let expected = |what: &str| Err(Error::Timeout { what: what.to_owned(), seconds: 0.001, step: 3 });
    assert_eq!(device.sync_blocking(), expected("submission 1"));
    assert_eq!(readback.wait_blocking().map(|_| ()), expected("a readback"));
    // With patience, all is well.
    device.set_timeout(Duration::from_secs(600));
    device.sync_blocking().unwrap();
    assert_eq!(device.read_blocking(&[(&buffer, 0, 4)]).unwrap()[0].len(), 4);
}

#[test]
fn an_unknown_name_lists_the_adapters() {
    let Err(Error::UnknownAdapter { wanted, available }) = Device::open_blocking(&Select::Name("voodoo".to_owned())) else {
        panic!("there is no such adapter")
    };
    assert!(wanted.contains("voodoo"));
    assert_eq!(available.len(), Device::adapters().len());
}

#[test]
fn no_adapter_at_all_says_what_to_install() {
    // The variable must be set before the process looks: this test runs itself once more.
    if std::env::var_os("WGRAD_TEST_NO_ADAPTER").is_some() {
        let error = Device::open_blocking(&Select::Auto).unwrap_err().to_string();
        assert!(error.contains("apt-get install") && error.contains("WGPU_BACKEND"), "{error}");
        return;
    }
    let foreign = if cfg!(windows) { "metal" } else { "dx12" };
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "failures::no_adapter_at_all_says_what_to_install"])
        .envs([("WGRAD_TEST_NO_ADAPTER", "1"), ("WGPU_BACKEND", foreign)])
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
}

#[test]
fn every_adapter_is_listed_with_rank_and_reason() {
    let adapters = Device::adapters();
    let device = device();
    let chosen = adapters.iter().find(|facts| facts.rank == 0).expect("one is first");
    assert_eq!(chosen, device.facts());
    for (index, facts) in adapters.iter().enumerate() {
        assert_eq!(facts.index, index);
        assert!(!facts.reason.is_empty());
        assert!(facts.caps.max_binding_bytes >= 1 << 27 && facts.caps.max_invocations >= 256, "{facts}");
    }
    let json = serde_json::to_string(&adapters).unwrap();
    assert_eq!(serde_json::from_str::<Vec<wgrad_runtime::AdapterFacts>>(&json).unwrap(), adapters);
}

#[test]
fn a_damaged_pipeline_cache_is_ignored_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { pipeline_cache: PipelineCache::At(folder.path().to_owned()), ..Options::default() };
    let compile = || {
        let device = pollster::block_on(Device::open_with(&options)).unwrap();
        device.compile(one(AXPBY, "double", 64)).map(|_| device.facts().features.contains(&"PIPELINE_CACHE".to_owned()))
    };
    let files = || -> Vec<_> { std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let has_cache = compile().unwrap();
    assert_eq!(files().len(), usize::from(has_cache), "one file where the adapter has a cache");
    for file in files() {
        let good = std::fs::read(&file).unwrap();
        for bad in [Vec::new(), vec![0xff; 100], good[..good.len() - 1].to_vec(), [&good[..], b"x"].concat()] {
            std::fs::write(&file, &bad).unwrap();
            compile().unwrap();
            assert_ne!(std::fs::read(&file).unwrap(), bad, "it is written anew");
        }
    }
}

#[test]
fn unchecked_modules_compute_the_same() {
    let results = [true, false].map(|checked| {
        let options = Options { checked: Some(checked), pipeline_cache: PipelineCache::Off, ..Options::default() };
        let device = pollster::block_on(Device::open_with(&options)).unwrap();
        let executable = device.compile(one(AXPBY, "double", 67)).unwrap();
        let externals = [0, 1].map(|_| device.alloc(268, "v").unwrap());
        device.write(&externals[0], 0, bytemuck::cast_slice(&[0.3f32; 67])).unwrap();
        executable.run(&externals, &[(1, 0, 268)]).unwrap().unwrap().wait_blocking().unwrap()
    });
    assert_eq!(floats(&results[0][0]), [0.6; 67]);
    assert_eq!(results[0], results[1]);
}
