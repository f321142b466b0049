//! Every case of every op, with every variant, forward and backward, inside a browser. `cargo xtask web --test` runs it twice:
//! on a page, and, every fourth case, in a dedicated worker, where nothing but the waiting differs.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use wgrad_tensor::Device;
use wgrad_tensor::runtime::Select;
use wgrad_tensor::verify::Verification;

/// Results in all, at least: a list that became empty would pass too.
const AT_LEAST: usize = 1_000;

#[wasm_bindgen_test]
async fn every_case_and_variant_agrees_with_the_reference() {
    let device = Device::open(&Select::default()).await.unwrap();
    let on_a_page = js_sys::Reflect::has(&js_sys::global(), &"document".into()).unwrap();
    let mut verification = Verification::new(None, None).unwrap().every(if on_a_page { 1 } else { 4 });
    let mut op = "";
    while let Some(progress) = verification.next(&device).await.unwrap() {
        if progress.op != op {
            console_log!("{:>4} of {} cases: {}", progress.done, progress.of, progress.op);
            op = progress.op;
        }
    }
    let receipt = verification.receipt(&device, String::new());
    console_log!("{} ({:.0} s)", receipt.line(), receipt.seconds);
    assert!(receipt.failed == 0 && (receipt.unchecked == 0 || !on_a_page), "{}\n{}", receipt.line(), receipt.failures().join("\n"));
    assert!(receipt.passed >= AT_LEAST, "{} results only", receipt.passed);
}

#[wasm_bindgen_test]
async fn a_planted_fault_is_found() {
    let device = Device::open(&Select::default()).await.unwrap();
    let mut verification = Verification::new(Some("mse"), Some("map")).unwrap();
    while verification.next(&device).await.unwrap().is_some() {}
    assert!(verification.receipt(&device, String::new()).failed > 0);
}
