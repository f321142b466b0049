//! Every case of the catalogue, every variant, forward and backward, on the tests' device; and the proof that this can fail.

mod common;

use common::device;
use std::collections::BTreeSet;
use wgrad_tensor::kernels::op::catalogue;
use wgrad_tensor::verify::{Outcome, Plan, Row, variants, verify_case};

fn run(case: &wgrad_tensor::kernels::Case, plan: &Plan) -> Vec<Row> {
    pollster::block_on(verify_case(device(), case, plan)).unwrap()
}

#[test]
fn every_case_and_variant_agrees_with_the_reference() {
    let mut failures = Vec::new();
    let mut rows = 0;
    for case in catalogue().iter().flat_map(|e| &e.cases) {
        let forced = variants(device(), case).unwrap();
        let plans = std::iter::once(None).chain(forced.into_iter().map(|v| Some(v.to_owned())));
        for variant in plans {
            for row in run(case, &Plan { variant, fault: None }) {
                rows += 1;
                if let Outcome::Fail { message } = &row.outcome {
                    failures.push(format!("{} [{}] {:?} {}: {message}", row.case, row.variant.as_deref().unwrap_or("chosen"), row.direction, row.result));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {rows} results differ on {}:\n{}", failures.len(), device().runtime().facts().name, failures.join("\n"));
}

#[test]
fn a_fault_in_any_kernel_is_caught() {
    let mut caught: BTreeSet<&str> = BTreeSet::new();
    for (stem, _) in wgrad_tensor::kernels::shaders::KERNELS {
        for case in catalogue().iter().flat_map(|e| &e.cases).filter(|c| c.inputs.iter().all(|i| i.ty.shape.numel() < 1 << 16)) {
            let forced = variants(device(), case).unwrap();
            let plans = std::iter::once(None).chain(forced.into_iter().map(|v| Some(v.to_owned())));
            let failed = |variant| run(case, &Plan { variant, fault: Some((*stem).to_owned()) }).iter().any(|r| matches!(r.outcome, Outcome::Fail { .. }));
            if plans.into_iter().any(failed) {
                caught.insert(stem);
                break;
            }
        }
    }
    let all: BTreeSet<&str> = wgrad_tensor::kernels::shaders::KERNELS.iter().map(|(s, _)| *s).collect();
    assert_eq!(caught, all, "faults that verification did not see: {:?}", all.difference(&caught));
}
