//! Every case of the catalogue: types, backward rules in f64, and shaders that validate.

use wgrad_kernels::op::catalogue;
use wgrad_kernels::{Caps, DType, Lowering, Op, Operand, TensorType, ops::Map, tape};

#[test]
fn every_case_infers_and_evaluates() {
    for entry in catalogue() {
        assert!(!entry.cases.is_empty(), "{} has no cases", entry.name);
        for case in &entry.cases {
            let arrays = case.arrays();
            let types: Vec<TensorType> = arrays.iter().map(|a| a.ty.clone()).collect();
            let outputs = case.op.kernel().infer(&types).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            let results = case.op.kernel().reference(&arrays.iter().collect::<Vec<_>>(), &outputs);
            for (result, ty) in results.iter().zip(&outputs) {
                assert_eq!(&result.ty, ty, "{}", case.name);
                assert_eq!(result.data.len(), ty.shape.numel(), "{}", case.name);
                assert!(result.data.iter().all(|v| v.is_finite()), "{} has a result that is not finite", case.name);
            }
        }
    }
}

#[test]
fn names_of_cases_are_unique() {
    let mut seen = std::collections::BTreeSet::new();
    for case in catalogue().into_iter().flat_map(|e| e.cases) {
        assert!(seen.insert(case.name.clone()), "two cases are called {}", case.name);
    }
}

#[test]
fn every_backward_rule_matches_central_differences() {
    let small = |c: &&wgrad_kernels::Case| c.inputs.iter().map(|i| i.ty.shape.numel()).sum::<usize>() < 20_000;
    let failures: Vec<String> = catalogue()
        .iter()
        .flat_map(|e| &e.cases)
        .filter(|c| c.grad)
        .filter(small)
        .filter(|c| c.inputs.iter().all(|i| i.ty.dtype != DType::F16))
        .filter_map(|c| tape::check_gradient(c).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_launch_links_to_valid_wgsl() {
    let all = [
        Caps::default(),
        Caps { software: true, subgroup: Some((8, 8)), f16: true, ..Caps::default() },
        Caps { software: true, subgroup: Some((4, 4)), ..Caps::default() },
        Caps { subgroup: Some((32, 32)), f16: true, ..Caps::default() },
    ];
    for caps in &all {
        for case in catalogue().into_iter().flat_map(|e| e.cases) {
            let types: Vec<TensorType> = case.inputs.iter().map(|i| i.ty.clone()).collect();
            let outputs = case.op.kernel().infer(&types).unwrap();
            let inputs: Vec<Operand> = types.iter().map(Operand::contiguous).collect();
            let op: Op = if case.op.kernel().scalar(&types.iter().map(|t| t.dtype).collect::<Vec<_>>()).is_some() {
                Map::single(case.op.clone(), inputs.len(), &outputs[0]).into()
            } else if case.op.kernel().is_view() {
                continue;
            } else {
                case.op.clone()
            };
            let facts = Lowering::new(&inputs, &outputs, caps);
            let mut variants: Vec<Option<&str>> = op.kernel().variants(&facts).into_iter().map(Some).collect();
            variants.push(None);
            for variant in variants {
                let lowered = op.kernel().lower(&Lowering { variant, ..facts.clone() }).unwrap_or_else(|e| panic!("{}: {e}", case.name));
                for launch in lowered.launches {
                    validate(&case.name, &launch.program.wgsl());
                    assert!(launch.args.len() <= 9 && launch.grid.iter().all(|&g| g <= caps.max_groups), "{}", case.name);
                }
            }
        }
    }
}

fn validate(name: &str, source: &str) {
    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{name}: {}\n{source}", e.emit_to_string(source)));
    let mut validator = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    if let Err(e) = validator.validate(&module) {
        panic!("{name}: {}\n{source}", e.emit_to_string(source));
    }
}
