//! Every case of `matmul` by every variant, and every tile at its edges, on the tests' device against the f64 reference.

mod common;

use common::device;
use wgrad_tensor::kernels::case::{Case, Input, Tolerance, View};
use wgrad_tensor::kernels::op::catalogue;
use wgrad_tensor::kernels::ops::MatMul;
use wgrad_tensor::kernels::ops::matmul_choose::{Family, TILES};
use wgrad_tensor::verify::{Direction, Outcome, Plan, variants, verify_case};
use wgrad_tensor::{Device, Tensor};

/// The failures of a case under a variant; at least one result must have been compared.
fn failures(case: &Case, variant: Option<String>) -> Vec<String> {
    let name = variant.clone().unwrap_or_else(|| "chosen".to_owned());
    let rows = pollster::block_on(verify_case(device(), case, &Plan { variant, fault: None })).unwrap();
    assert!(rows.iter().any(|r| r.direction == Direction::Forward), "{} was not checked", case.name);
    let failed = |row: &wgrad_tensor::verify::Row| match &row.outcome {
        Outcome::Fail { message } => Some(format!("{} [{name}] {:?} {}: {message}", row.case, row.direction, row.result)),
        _ => None,
    };
    rows.iter().filter_map(failed).collect()
}

#[test]
fn every_case_by_every_variant() {
    let catalogue = catalogue();
    let entry = catalogue.iter().find(|e| e.name == "matmul").unwrap();
    let mut failed = Vec::new();
    for case in &entry.cases {
        let forced = variants(device(), case).unwrap().into_iter().map(|v| Some(v.to_owned()));
        for variant in std::iter::once(None).chain(forced) {
            failed.extend(failures(case, variant));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_tile_at_its_edges() {
    let caps = device().caps();
    let mut failed = Vec::new();
    // Barriers are so slow on software adapters that one tile in workgroup memory, chosen above, must do.
    for tile in TILES.iter().filter(|t| t.runs(caps) && t.family != Family::Naive && !(caps.software && t.family == Family::Tiled)) {
        let (m, n) = (tile.tile_m as usize, tile.tile_n(caps) as usize);
        for (rows, columns) in [(m, n), (m + 1, n - 1), (m - 1, n + 1), (2 * m, 2 * n)] {
            for (a, b) in [(View::Plain, View::Plain), (View::Transposed, View::Transposed)] {
                let name = format!("{rows}x20x{columns} {a:?} {b:?}");
                let inputs = vec![Input::f32([rows, 20]).view(a), Input::f32([20, columns]).view(b)];
                let case = Case::new(name, MatMul::default(), inputs).tolerance(Tolerance::reduction(20)).no_grad();
                for swap in ["", "_swap"] {
                    failed.extend(failures(&case, Some(format!("{}{swap}", tile.name))));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_variant_that_cannot_run_is_an_error() {
    // A device of its own: forcing must not reach the other tests.
    let own = Device::from_runtime(device().runtime().clone());
    own.force_variants(&[("matmul", "subgroup_7x7")]);
    let a = Tensor::from_f32(&own, [2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let message = a.matmul(&a).to_vec().unwrap_err().to_string();
    assert!(message.contains("subgroup_7x7") && message.contains("naive"), "{message}");
}
