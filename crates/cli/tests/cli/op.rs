//! `op`: known values, gradients, types, batches.

use crate::common::Place;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;
use std::collections::BTreeMap;

/// A tensor for a file.
struct Tensor(&'static str, Dtype, Vec<usize>, Vec<u8>);

fn f32s(name: &'static str, shape: &[usize], values: &[f32]) -> Tensor {
    Tensor(name, Dtype::F32, shape.to_vec(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn i64s(name: &'static str, values: &[i64]) -> Tensor {
    Tensor(name, Dtype::I64, vec![values.len()], values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn file(tensors: &[Tensor]) -> Vec<u8> {
    let views = tensors.iter().map(|Tensor(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// The tensors of a file: type, shape, elements.
fn read(place: &Place, name: &str) -> BTreeMap<String, (Dtype, Vec<usize>, Vec<f64>)> {
    let bytes = place.bytes(name);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let word = |b: &[u8]| [b[0], b[1], b[2], b[3]];
    let elements = |view: &TensorView<'_>| -> Vec<f64> {
        match view.dtype() {
            Dtype::BOOL => view.data().iter().map(|&b| f64::from(b)).collect(),
            Dtype::I32 => view.data().chunks(4).map(|b| f64::from(i32::from_le_bytes(word(b)))).collect(),
            Dtype::F32 => view.data().chunks(4).map(|b| f64::from(f32::from_le_bytes(word(b)))).collect(),
            other => panic!("{other:?}"),
        }
    };
    tensors.iter().map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), elements(&view)))).collect()
}

#[track_caller]
fn close(got: &(Dtype, Vec<usize>, Vec<f64>), shape: &[usize], want: &[f64]) {
    assert_eq!(got.1, shape);
    assert!(got.2.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0)), "{:?} {want:?}", got.2);
}

/// On the device that is chosen, and by the reference.
const DEVICES: [&[&str]; 2] = [&[], &["--device", "cpu"]];

#[test]
fn matmul_forward_and_backward() {
    let place = Place::new();
    // y = a·b; with g for dy: da = g·bᵀ, db = aᵀ·g.
    let a = f32s("0", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let b = f32s("1", &[2, 2], &[5.0, 6.0, 7.0, 8.0]);
    let g = f32s("grad.0", &[2, 2], &[1.0, 0.0, 0.0, 2.0]);
    place.write("in", file(&[a, b, g]));
    for device in DEVICES {
        place.good(&[&["op", "matmul", "--in", "in", "--out", "out"], device].concat());
        let out = read(&place, "out");
        assert_eq!(out.keys().collect::<Vec<_>>(), ["0", "grad.0", "grad.1"]);
        close(&out["0"], &[2, 2], &[19.0, 22.0, 43.0, 50.0]);
        close(&out["grad.0"], &[2, 2], &[5.0, 7.0, 12.0, 16.0]);
        close(&out["grad.1"], &[2, 2], &[1.0, 6.0, 2.0, 8.0]);
    }
    place.good(&["op", "matmul", "--in", "in", "--out", "out", "--variant", "naive"]);
    close(&read(&place, "out")["0"], &[2, 2], &[19.0, 22.0, 43.0, 50.0]);
    place.refused(&["op", "matmul", "--in", "in", "--out", "out2", "--variant", "magic"], &["magic"]);
    assert!(!place.exists("out2"));
}

#[test]
fn softmax_takes_its_axis() {
    let place = Place::new();
    place.write("in", file(&[f32s("0", &[2, 1], &[0.0, 3f32.ln()]), f32s("grad.0", &[2, 1], &[1.0, 0.0])]));
    for device in DEVICES {
        place.good(&[&["op", "softmax", "--attrs", r#"{"axis":0}"#, "--in", "in", "--out", "out"], device].concat());
        let out = read(&place, "out");
        close(&out["0"], &[2, 1], &[0.25, 0.75]);
        close(&out["grad.0"], &[2, 1], &[0.1875, -0.1875]);
    }
}

#[test]
fn broadcast_gradients_are_summed_and_missing_ones_are_zero() {
    let place = Place::new();
    place.write("in", file(&[f32s("0", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), f32s("1", &[], &[10.0]), f32s("grad.0", &[2, 3], &[1.0; 6])]));
    for device in DEVICES {
        place.good(&[&["op", "mul", "--in", "in", "--out", "out"], device].concat());
        let out = read(&place, "out");
        close(&out["grad.0"], &[2, 3], &[10.0; 6]);
        close(&out["grad.1"], &[], &[21.0]);
    }
    place.write("in", file(&[f32s("0", &[2], &[1.5, -1.5]), f32s("grad.0", &[2], &[1.0, 1.0])]));
    for device in DEVICES {
        place.good(&[&["op", "floor", "--in", "in", "--out", "out"], device].concat());
        close(&read(&place, "out")["0"], &[2], &[1.0, -2.0]);
        close(&read(&place, "out")["grad.0"], &[2], &[0.0, 0.0]);
    }
}

#[test]
fn integers_and_truth_values() {
    let place = Place::new();
    let table = || f32s("0", &[3, 2], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
    place.write("in", file(&[table(), i64s("1", &[2, 0])]));
    for device in DEVICES {
        place.good(&[&["op", "gather", "--in", "in", "--out", "out"], device].concat());
        close(&read(&place, "out")["0"], &[2, 2], &[20.0, 21.0, 0.0, 1.0]);
    }
    place.write("in", file(&[table(), i64s("1", &[1 << 31])]));
    place.refused(&["op", "gather", "--in", "in", "--out", "no"], &["2147483648", "32-bit"]);
    place.write("in", file(&[f32s("0", &[3], &[1.0, 2.0, 3.0]), f32s("1", &[1], &[2.0])]));
    for device in DEVICES {
        place.good(&[&["op", "greater", "--in", "in", "--out", "out"], device].concat());
        assert_eq!(read(&place, "out")["0"], (Dtype::BOOL, vec![3], vec![0.0, 0.0, 1.0]));
    }
    place.write("in", file(&[Tensor("0", Dtype::BOOL, vec![3], vec![1, 0, 1])]));
    for device in DEVICES {
        place.good(&[&["op", "cast", "--attrs", r#"{"to":"i32"}"#, "--in", "in", "--out", "out"], device].concat());
        assert_eq!(read(&place, "out")["0"], (Dtype::I32, vec![3], vec![1.0, 0.0, 1.0]));
    }
}

#[test]
fn the_list_names_every_op_with_its_defaults() {
    let place = Place::new();
    let list = place.good(&["op", "--list", "--json"]).json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), wgrad_tensor::kernels::op::catalogue().len());
    let softmax = list.iter().find(|op| op["name"] == "softmax").unwrap();
    assert_eq!(softmax["attributes"], json!({ "axis": -1 }));
    assert!(place.good(&["op", "--list"]).stdout.contains("cross_entropy"));
}

#[test]
fn wrong_jobs_are_refused() {
    let place = Place::new();
    place.write("in", file(&[f32s("0", &[2, 3], &[0.0; 6]), f32s("1", &[2, 3], &[0.0; 6])]));
    place.write("named", file(&[f32s("x", &[1], &[0.0])]));
    place.write("gap", file(&[f32s("1", &[1], &[0.0])]));
    place.write("grad", file(&[f32s("0", &[2], &[0.0; 2]), f32s("grad.0", &[3], &[0.0; 3])]));
    place.write("f64", file(&[Tensor("0", Dtype::F64, vec![1], vec![0; 8])]));
    place.write("text", "hello");
    let cases: [(&[&str], &[&str]); 12] = [
        (&["sofmax", "--in", "in"], &["sofmax", "softmax"]),
        (&["matmul", "--in", "in"], &["[2, 3]"]),
        (&["relu", "--in", "in"], &["relu"]),
        (&["softmax", "--attrs", r#"{"axes":1}"#, "--in", "in"], &["axes", "axis"]),
        (&["softmax", "--attrs", "{", "--in", "in"], &["--attrs"]),
        (&["relu", "--in", "named"], &["\"x\""]),
        (&["relu", "--in", "gap"], &["none is named 0"]),
        (&["relu", "--in", "grad"], &["grad.0", "[3]", "[2]"]),
        (&["relu", "--in", "f64"], &["F64"]),
        (&["relu", "--in", "text"], &["text", "safetensors"]),
        (&["relu", "--in", "missing"], &["missing"]),
        (&["iota", "--attrs", r#"{"shape":[4000000000,4000000000,4000000000]}"#], &["iota"]),
    ];
    for (args, texts) in cases {
        for device in DEVICES {
            let all = [&["op"], args, &["--out", "no"], device].concat();
            place.refused(&all, texts);
            assert!(!place.exists("no"), "{all:?}");
        }
    }
}

#[test]
fn a_batch_tells_of_every_line() {
    let place = Place::new();
    place.write("in", file(&[f32s("0", &[3], &[-1.0, 0.5, 2.0])]));
    place.write("with gradient", file(&[f32s("0", &[3], &[-1.0, 0.5, 2.0]), f32s("grad.0", &[3], &[4.0, 5.0, 6.0])]));
    let jobs = [
        json!({ "op": "relu", "in": "in", "out": "relu.out", "id": "first" }),
        json!({ "op": "nonsense", "in": "in", "out": "nonsense.out" }),
        json!({ "op": "reduce_sum", "attrs": { "keepdims": false }, "in": "in", "out": "sum.out" }),
        json!({ "op": "relu", "in": "with gradient", "out": "gradient.out" }),
    ];
    place.write("jobs", jobs.iter().map(|j| format!("{j}\n")).collect::<String>() + "not json\n");
    for device in DEVICES {
        let done = place.run(&[&["op", "--batch", "jobs"], device].concat());
        let lines: Vec<serde_json::Value> = done.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.iter().map(|l| l["ok"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false, true, true, false]);
        assert_eq!(lines.iter().map(|l| l["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(lines[0]["id"], "first");
        assert_eq!(lines[0]["tensors"]["0"], json!({ "dtype": "f32", "shape": [3] }));
        assert!(lines[1]["error"].as_str().unwrap().contains("nonsense"));
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        close(&read(&place, "relu.out")["0"], &[3], &[0.0, 0.5, 2.0]);
        close(&read(&place, "sum.out")["0"], &[], &[1.5]);
        close(&read(&place, "gradient.out")["grad.0"], &[3], &[0.0, 5.0, 6.0]);
        assert!(!place.exists("nonsense.out"));
    }
}
