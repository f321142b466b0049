//! Every case of the catalogue, every variant, forward and backward, on the tests' device; and the proof that this can fail.

mod common;

use common::device;
use std::collections::BTreeSet;
use wgrad_tensor::kernels::Case;
use wgrad_tensor::kernels::op::catalogue;
use wgrad_tensor::verify::{Outcome, Plan, Row, Verification, stems, variants, verify_case};

fn all() -> Vec<Case> {
    catalogue().into_iter().flat_map(|e| e.cases).collect()
}

fn run(case: &Case, plan: &Plan) -> Vec<Row> {
    pollster::block_on(verify_case(device(), case, plan)).unwrap()
}

#[test]
fn every_case_and_variant_agrees_with_the_reference() {
    let mut verification = Verification::new(None, None).unwrap();
    let mut done = 0;
    while let Some(progress) = pollster::block_on(verification.next(device())).unwrap() {
        done += 1;
        assert_eq!((progress.done, progress.of), (done, all().len()));
    }
    assert_eq!(done, all().len());
    let checked: BTreeSet<&str> = verification.rows().iter().map(|r| r.case.as_str()).collect();
    let cases = all();
    assert_eq!(checked, cases.iter().map(|c| c.name.as_str()).collect::<BTreeSet<_>>());
    let receipt = verification.receipt(device(), String::new());
    assert!(receipt.failed == 0 && receipt.unchecked == 0, "{}\n{}", receipt.line(), receipt.failures().join("\n"));
}

#[test]
fn a_stopped_verification_says_what_it_left_out() {
    let mut verification = Verification::new(Some("mse"), None).unwrap();
    let cases = verification.cases();
    let progress = pollster::block_on(verification.next(device())).unwrap().unwrap();
    assert_eq!((progress.done, progress.of, progress.op, progress.failed), (1, cases, "mse", 0));
    let receipt = verification.receipt(device(), "2026-01-31T12:00:00Z".to_owned());
    assert_eq!(receipt.unchecked, cases - 1);
    assert!(receipt.passed > 0 && receipt.line().contains("stopped before"), "{}", receipt.line());
    assert_eq!(receipt.date, "2026-01-31T12:00:00Z");
}

#[test]
fn a_planted_fault_is_counted_while_it_runs() {
    let mut verification = Verification::new(Some("mse"), Some("map")).unwrap();
    let mut failed = 0;
    while let Some(progress) = pollster::block_on(verification.next(device())).unwrap() {
        failed = progress.failed;
    }
    let receipt = verification.receipt(device(), String::new());
    assert!(failed > 0);
    assert_eq!((receipt.failed, receipt.failures().len()), (failed, failed));
}

#[test]
fn a_fault_in_any_kernel_is_caught() {
    let mut caught: BTreeSet<&str> = BTreeSet::new();
    let small: Vec<Case> = all().into_iter().filter(|c| c.inputs.iter().all(|i| i.ty.shape.numel() < 1 << 16)).collect();
    for (stem, _) in wgrad_tensor::kernels::shaders::KERNELS {
        for case in &small {
            let forced = variants(device(), case).unwrap();
            let plans = std::iter::once(None).chain(forced.into_iter().map(|v| Some(v.to_owned())));
            // What has no such kernel in it cannot err by it, and need not run.
            let mut plans = plans.filter(|variant| stems(device(), case, variant.as_deref()).is_ok_and(|all| all.contains(stem)));
            let failed = |variant| run(case, &Plan { variant, fault: Some((*stem).to_owned()) }).iter().any(|r| matches!(r.outcome, Outcome::Fail { .. }));
            if plans.any(failed) {
                caught.insert(stem);
                break;
            }
        }
    }
    let all: BTreeSet<&str> = wgrad_tensor::kernels::shaders::KERNELS.iter().map(|(s, _)| *s).collect();
    assert_eq!(caught, all, "faults that verification did not see: {:?}", all.difference(&caught));
}
