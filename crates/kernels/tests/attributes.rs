//! Attributes come from recipes and files: whatever they are, an op takes them or says what is wrong, and never counts past its integers
//! (tests are built with overflow checks).

use proptest::prelude::*;
use serde_json::{Value, json};
use wgrad_kernels::op::{Entry, catalogue, parse};
use wgrad_kernels::{Caps, DType, Lowering, Op, Operand, Shape, TensorType};

/// Small numbers, and those at which something overflows.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 0u64..8,
        1 => prop::sample::select(vec![255, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 1 << 31, u64::from(u32::MAX), 1 << 32]),
        1 => prop::sample::select(vec![1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX]),
        1 => any::<u64>(),
    ]
}

/// The template with its numbers replaced, each by the next one.
fn filled(template: &Value, numbers: &mut impl Iterator<Item = u64>) -> Value {
    match template {
        Value::Number(n) if n.is_f64() => json!([0.0, -1.0, 0.5, 1.0, 3.0, 1e-300, 1e30, -1e300][numbers.next().unwrap_or(0) as usize % 8]),
        // Where the template has a negative number, the attribute is signed.
        Value::Number(n) if n.as_i64().is_some_and(|n| n < 0) => json!(numbers.next().unwrap_or(0) as i64),
        Value::Number(_) => json!(numbers.next().unwrap_or(0)),
        Value::Array(all) => all.iter().map(|v| filled(v, numbers)).collect(),
        Value::Object(all) => all.iter().map(|(k, v)| (k.clone(), filled(v, numbers))).collect(),
        other => other.clone(),
    }
}

/// Attributes that the defaults leave out or leave empty.
fn more() -> Vec<(&'static str, Value)> {
    let pool = json!({ "kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0], "ceil_mode": true });
    vec![
        ("max_pool2d", pool.clone()),
        ("avg_pool2d", pool),
        ("pad", json!({ "pads": [-1, -1, -1, -1, -1, -1, -1, -1] })),
        ("pad", json!({ "pads": [-1, -1, -1, -1, -1, -1, -1, -1], "mode": "reflect" })),
        ("pad", json!({ "pads": [-1, -1, -1, -1, -1, -1, -1, -1], "mode": "edge" })),
        ("pad", json!({ "pads": [-1, -1, -1, -1, -1, -1, -1, -1], "mode": "wrap" })),
        ("interpolate", json!({ "sizes": [2, 2] })),
        ("interpolate", json!({ "sizes": [2, 2], "mode": "bilinear", "align_corners": true })),
        ("interpolate", json!({ "scales": [2.5, 2.5] })),
        ("interpolate", json!({ "scales": [2.5, 2.5], "mode": "bilinear" })),
        ("slice", json!({ "starts": [-1, -1], "ends": [-1, -1], "steps": [-1, -1] })),
        ("reshape", json!({ "shape": [-1, -1, -1] })),
        ("full", json!({ "shape": [1, 1, 1] })),
    ]
}

fn tried(op: &Op, types: &[TensorType]) {
    let Ok(outputs) = op.infer(types) else { return };
    assert!(outputs.iter().all(|t| t.shape.iter().map(|&n| n as u128).product::<u128>() <= u128::from(u32::MAX)));
    let kernel = op.kernel();
    let inputs: Vec<Operand> = types.iter().map(Operand::contiguous).collect();
    if !kernel.is_view() && kernel.scalar(&types.iter().map(|t| t.dtype).collect::<Vec<_>>()).is_none() {
        let _ = kernel.lower(&Lowering::new(&inputs, &outputs, &Caps::default()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_attribute_makes_an_op_overflow(numbers in prop::collection::vec(number(), 16)) {
        thread_local!(static ALL: Vec<Entry> = catalogue());
        let extra = more();
        ALL.with(|all| for entry in all {
            let templates = extra.iter().filter(|(name, _)| *name == entry.name).map(|(_, t)| t);
            for template in std::iter::once(&entry.attributes.defaults).chain(templates) {
                let attributes = filled(template, &mut numbers.iter().copied().cycle());
                let Ok(op) = (entry.attributes.parse)(&attributes) else { continue };
                for case in entry.cases.iter().take(3) {
                    tried(&op, &case.inputs.iter().map(|i| i.ty.clone()).collect::<Vec<_>>());
                }
            }
        });
    }
}

#[test]
fn what_is_too_large_is_refused_with_its_shape() {
    let images = TensorType::new([1, 1, 8, 8], DType::F32);
    let message = |name: &str, attributes: Value, inputs: &[TensorType]| parse(name, &attributes).unwrap().infer(inputs).unwrap_err().to_string();
    let large = message("full", json!({ "shape": [1 << 20, 1 << 20] }), &[]);
    assert!(large.contains("[1048576, 1048576]") && large.contains("4294967295"), "{large}");
    let kernel = json!({ "kernel_shape": [u64::MAX, 1], "dilations": [65_536, 1] });
    let window = message("conv2d_weight_grad", kernel, &[images.clone(), images.clone()]);
    assert!(window.contains("window's height") && window.contains("dilation 65536"), "{window}");
    let spread = message(
        "conv_transpose2d",
        json!({ "strides": [65_536, 65_536] }),
        &[TensorType::new([1, 1, 8, 8], DType::F32), TensorType::new([1, 1, 1, 1], DType::F32)],
    );
    assert!(spread.contains("[1, 1, 458753, 458753]"), "{spread}");
    let adaptive = message("adaptive_avg_pool2d", json!({ "output_size": [u64::MAX, 1] }), std::slice::from_ref(&images));
    assert!(adaptive.contains("too many for one step"), "{adaptive}");
    let reshaped = message("reshape", json!({ "shape": [i64::MAX, i64::MAX] }), &[images]);
    assert!(reshaped.contains("can address"), "{reshaped}");
    // Empty tensors have no elements, however long their other axes are.
    assert_eq!(Shape(vec![usize::MAX, usize::MAX, 0]).addressable("any"), Ok(0));
}
