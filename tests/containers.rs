//! Layers inside of layers: what they compute, what their variables are called, what does not fit.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::layers::{Block, Branches, Function, Residual};
use wgrad::nn::{Dropout, Init, Linear};
use wgrad::prelude::*;

fn linear(units: usize, init: Init) -> Layer {
    Layer::Linear(Linear { init, bias_init: Some(Init::Ones), ..Linear::new(units) })
}

fn relu() -> Layer {
    Layer::Relu(Default::default())
}

fn residual(body: Vec<Layer>, shortcut: Option<Vec<Layer>>, activation: Option<Function>) -> Layer {
    Layer::Residual(Residual { body, shortcut, activation })
}

fn forward(model: &Sequential, device: &Device, x: &[f32]) -> Vec<f32> {
    let shape = [&[1], model.input_shape()].concat();
    model.forward(&Tensor::from_f32(device, shape, x).unwrap(), &Pass::evaluate()).to_vec().unwrap()
}

fn names(model: &Sequential) -> Vec<String> {
    model.parameters().iter().map(|p| p.name().to_owned()).collect()
}

#[test]
fn containers_compute_sums_and_joins() {
    let device = device();
    let build = |layer: Layer| Sequential::new([2]).layer(layer).build(&device, 1).unwrap();
    // With ones as weight and bias a linear layer gives the sum of x, and one.
    let x = [-3.0, 1.0];
    let ones = || vec![linear(2, Init::Ones)];
    assert_eq!(forward(&build(residual(ones(), None, None)), &device, &x), [-4.0, 0.0]);
    assert_eq!(forward(&build(residual(ones(), None, Some(Function::Relu))), &device, &x), [0.0, 0.0]);
    assert_eq!(forward(&build(residual(ones(), Some(ones()), None)), &device, &x), [-2.0, -2.0]);
    let branches = Layer::Branches(Branches { branches: vec![vec![linear(1, Init::Ones), relu()], vec![], vec![linear(3, Init::Zeros)]] });
    let model = build(branches);
    assert_eq!(model.output_shape(), [6]);
    assert_eq!(forward(&model, &device, &x), [0.0, -3.0, 1.0, 1.0, 1.0, 1.0]);
    let block = build(Layer::Block(Block::new("head", [linear(1, Init::Ones), linear(1, Init::Ones)])));
    assert_eq!(forward(&block, &device, &x), [0.0]);
}

#[test]
fn variables_are_called_by_their_paths() {
    let device = device();
    let model = Sequential::new([4])
        .layer(Layer::Block(Block::new("stem", [linear(4, Init::Default), relu()])))
        .layer(residual(vec![linear(4, Init::Default), linear(3, Init::Default)], Some(vec![linear(3, Init::Default)]), None))
        .layer(Layer::Branches(Branches { branches: vec![vec![], vec![relu(), linear(2, Init::Default)]] }))
        .linear(2)
        .build(&device, 1)
        .unwrap();
    let prefixes = ["stem.0", "1.body.0", "1.body.1", "1.shortcut.0", "2.branches.1.1", "3"];
    let expected: Vec<String> = prefixes.iter().flat_map(|p| ["weight", "bias"].map(|v| format!("layers.{p}.{v}"))).collect();
    assert_eq!(names(&model), expected);
    let rows = model.rows();
    let count: usize = rows.iter().filter_map(|r| r.parameters).sum();
    assert_eq!(count, model.parameters().iter().map(|p| p.ty().shape.numel()).sum::<usize>());
    // Two operations a weight: 4·4 + (4·4 + 4·3 + 4·3) + 3·2 + 5·2 weights.
    assert_eq!(rows.iter().filter_map(|r| r.flops).sum::<u64>(), 2 * (16 + 40 + 6 + 10));
    let summary = model.summary();
    for text in ["\nstem block ", "\n  0 linear 4 ", "\n1 residual ", "\n  body.1 linear 3 ", "\n  branches.1.1 linear 2 ", "[batch, 5]"] {
        assert!(summary.contains(text), "{text:?} is not in\n{summary}");
    }
}

#[test]
fn weights_of_different_layers_differ_wherever_they_are() {
    let device = device();
    let body = || vec![linear(4, Init::Default), linear(4, Init::Default)];
    let model = Sequential::new([4]).layer(residual(body(), Some(body()), None)).linear(4).build(&device, 1).unwrap();
    let values: Vec<Vec<f32>> =
        model.parameters().iter().filter(|p| p.name().ends_with("weight")).map(|p| pollster::block_on(p.read()).unwrap().f32s().unwrap()).collect();
    for (i, a) in values.iter().enumerate() {
        values[..i].iter().for_each(|b| assert_ne!(a, b));
    }
    // A flat network draws what it drew before there were containers: layer number 1, weight.
    let flat = Sequential::new([4]).relu().linear(4).build(&device, 7).unwrap();
    let drawn = pollster::block_on(flat.parameters()[0].read()).unwrap().f32s().unwrap();
    assert_eq!(drawn, Init::Default.draw(16, 4, 4, 7, 2));
}

#[test]
fn what_does_not_fit_is_told_with_the_path_of_the_layer() {
    let device = device();
    let cases: [(Vec<Layer>, &[&str]); 8] = [
        (vec![relu(), residual(vec![linear(3, Init::Default)], None, None)], &["layer 1 (residual)", "[3]", "[4]", "`shortcut`"]),
        (vec![residual(vec![linear(3, Init::Default)], Some(vec![linear(2, Init::Default)]), None)], &["layer 0", "[3]", "[2]"]),
        (vec![residual(vec![relu(), linear(0, Init::Default)], None, None)], &["layer 0.body.1 (linear 0)"]),
        (vec![Layer::Branches(Branches { branches: vec![] })], &["layer 0 (branches 0)", "no branches"]),
        (vec![Layer::Block(Block::new("a", [relu(), Layer::Block(Block::new("b", [linear(0, Init::Default)]))]))], &["layer a.b.0 (linear 0)"]),
        (vec![Layer::Block(Block::new("a", [])), Layer::Block(Block::new("a", []))], &["layer a (block)", "block before it"]),
        (vec![Layer::Block(Block::new("1", []))], &["`name`", "digits"]),
        (vec![Layer::Block(Block::new("a.b", []))], &["`name`", "a.b"]),
    ];
    for (layers, texts) in cases {
        let error = Sequential::new([4]).layers(layers.clone()).build(&device, 1).err().unwrap_or_else(|| panic!("{layers:?} was built")).to_string();
        texts.iter().for_each(|text| assert!(error.contains(text), "{layers:?}: {text:?} is not in {error:?}"));
    }
    // Of different heights: only the first axis may differ.
    let flat = Branches { branches: vec![vec![], vec![Layer::Flatten(Default::default())]] };
    let error = Sequential::new([2, 3]).layer(Layer::Branches(flat)).build(&device, 1).err().unwrap().to_string();
    assert!(error.contains("branch 1 gives [6]") && error.contains("[2, 3]"), "{error}");
}

#[test]
fn a_watching_pass_sees_every_layer_and_gradients_reach_it() {
    let device = device();
    let body = vec![linear(2, Init::Ones), relu()];
    let model = Sequential::new([2]).layer(residual(body, None, None)).layer(linear(1, Init::Ones)).build(&device, 1).unwrap();
    let x = Tensor::from_f32(&device, [1, 2], &[1.0, 2.0]).unwrap();
    let pass = Pass::evaluate().watching();
    let y = model.forward(&x, &pass);
    let seen = pass.seen();
    let paths: Vec<&str> = seen.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["layers.0.body.0", "layers.0.body.1", "layers.0", "layers.1"]);
    assert_eq!(seen[2].1.to_vec().unwrap(), [5.0, 6.0]);
    let grads = y.sum().gradients(&[&seen[0].1, &seen[2].1, &x]).unwrap();
    assert_eq!(grads[0].to_vec().unwrap(), [1.0, 1.0]);
    assert_eq!(grads[2].to_vec().unwrap(), [3.0, 3.0]);
    assert!(Pass::evaluate().seen().is_empty());
}

#[test]
fn a_network_with_containers_learns_and_goes_on_from_its_checkpoint() {
    let layers = || {
        let dropped = Layer::Dropout(Dropout { ratio: 0.1 });
        let branches = vec![vec![linear(16, Init::Default), relu(), dropped], vec![linear(8, Init::Default)]];
        [residual(vec![linear(24, Init::Default), relu()], Some(vec![linear(24, Init::Default)]), Some(Function::Silu)), Layer::Branches(Branches { branches })]
    };
    let data = Arc::new(digits(Split::Train, 640, 1).unwrap());
    let trainer = |epochs| {
        let device = device();
        let model = Sequential::new([1, 28, 28]).flatten().layers(layers()).linear(10).build(&device, 1).unwrap();
        assert!(model.is_random());
        Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), FitOptions { epochs, seed: 1, ..FitOptions::default() }).unwrap()
    };
    let bytes = |trainer: &Trainer| pollster::block_on(trainer.checkpoint()).unwrap();
    let mut whole = trainer(4);
    let rows = whole.fit_blocking(&data, &mut Quiet).unwrap().rows.clone();
    assert!(rows[3].loss < 0.7 * rows[0].loss, "{rows:?}");
    let mut first = trainer(2);
    first.fit_blocking(&data, &mut Quiet).unwrap();
    let mut second = trainer(4);
    second.restore("the first half", &bytes(&first)).unwrap();
    second.fit_blocking(&data, &mut Quiet).unwrap();
    assert!(bytes(&second).to_bytes().unwrap() == bytes(&whole).to_bytes().unwrap(), "going on from a checkpoint changed the weights");
}
