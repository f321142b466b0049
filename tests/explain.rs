//! Grad-CAM and saliency: against numbers worked out by hand, and on a network that had to learn where to look.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::explain::Heat;
use wgrad::nn::layers::{Block, Branches, Conv2d, MaxPool2d, Residual};
use wgrad::nn::models::{Inception, Lenet, Resnet18, Size, Vgg11};
use wgrad::prelude::*;

fn conv(channels: usize, size: usize) -> Layer {
    Layer::Conv2d(Conv2d::new(channels, size).padding(size / 2))
}

fn relu() -> Layer {
    Layer::Relu(Default::default())
}

fn trainer(model: Sequential, device: &Device, loss: Loss) -> Trainer {
    Trainer::new(device, model, loss, Adam { learning_rate: 0.01, ..Adam::default() }, FitOptions { epochs: 6, ..FitOptions::default() }).unwrap()
}

/// x [2, 1, 2] → A = relu(W x), W = [[1, 1], [2, -1]] → s = V · A.
fn by_hand(units: usize, loss: Loss, v: &[f32], x: &[f32]) -> wgrad::nn::explain::Explanation {
    let device = device();
    let model = Sequential::new([2, 1, 2]).layers([conv(2, 1), relu()]).flatten().linear(units).build(&device, 1).unwrap();
    let write = |name: &str, values: &[f32]| {
        let variable = model.parameters().into_iter().find(|p| p.name() == name).unwrap();
        variable.write(&Data::f32(variable.ty().shape.clone(), values).unwrap()).unwrap();
    };
    write("layers.0.weight", &[1.0, 1.0, 2.0, -1.0]);
    write("layers.0.bias", &[0.0, 0.0]);
    write("layers.3.weight", v);
    write("layers.3.bias", &vec![0.0; units]);
    pollster::block_on(trainer(model, &device, loss).predictor().explain(x)).unwrap().remove(0)
}

#[test]
fn heat_is_what_the_formulas_say() {
    // Places p and q: x = (1, 2) and (3, -1), so that A = (3, 2) and (0, 7).
    let x = [1.0, 3.0, 2.0, -1.0];
    // V of the second class: 0.5 and 1.5 for the first map, -1 and 2 for the second. Scores: 0 and 1.5 + 3 + 0 + 14.
    let told = by_hand(2, Loss::CrossEntropy, &[0.0, 0.5, 0.0, 1.5, 0.0, -1.0, 0.0, 2.0], &x);
    assert_eq!(told.class, 1);
    // α = (1, 0.5): relu(3 + 0, 2 + 3.5).
    assert_eq!(told.cam, Some(Heat { size: [1, 2], values: vec![3.0, 5.5] }));
    // Map 2 is dead at p; ∂s/∂x = Vᵀ W over what is alive: p: (0.5, 0.5); q: (1.5 + 4, 1.5 - 2).
    assert_eq!(told.saliency, Heat { size: [1, 2], values: vec![0.5, 5.5] });
}

#[test]
fn one_logit_is_explained_for_the_class_that_it_says() {
    let x = [1.0, 3.0, 2.0, -1.0];
    let v = [0.5, 1.5, -1.0, 2.0];
    let yes = by_hand(1, Loss::BceWithLogits, &v, &x);
    assert_eq!((yes.class, yes.cam.unwrap().values), (1, vec![3.0, 5.5]));
    // The same network the other way round says no, for the same reasons.
    let no = by_hand(1, Loss::BceWithLogits, &v.map(|v| -v), &x);
    assert_eq!((no.class, no.cam.unwrap().values, no.saliency.values), (0, vec![3.0, 5.5], vec![0.5, 5.5]));
}

/// Noise of 16×16 with a bright spot in one of the quarters; the class is whether it is a square or a cross.
fn spots(n: usize) -> (Dataset, Vec<[usize; 2]>) {
    let (mut state, mut places) = (5u32, Vec::new());
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize
    };
    let mut values = Vec::new();
    for i in 0..n {
        let at = [draw() % 11, draw() % 11];
        let mut picture: Vec<f32> = (0..256).map(|_| (draw() % 100) as f32 / 500.0).collect();
        for y in 0..5 {
            for x in 0..5 {
                let on = if i % 2 == 0 { y % 4 == 0 || x % 4 == 0 } else { x == 2 || y == 2 };
                if on {
                    picture[(at[0] + y) * 16 + at[1] + x] = 1.0;
                }
            }
        }
        values.extend(picture);
        places.push(at);
    }
    let labels: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
    let classes = ["square", "cross"].map(str::to_owned).to_vec();
    (Dataset::new("spots", Inputs::F32(values.into()), &[1, 16, 16], Targets::Classes(labels.into()), classes).unwrap(), places)
}

#[test]
fn a_network_looks_where_the_thing_is() {
    let device = device();
    let (train, _) = spots(512);
    let (test, places) = spots(40);
    let pool = || Layer::MaxPool2d(MaxPool2d::new(2));
    let layers = [conv(8, 3), relu(), pool(), conv(16, 3), relu(), Layer::MaxPool2d(MaxPool2d::new(8))];
    let model = Sequential::new([1, 16, 16]).layers(layers).flatten().linear(2).build(&device, 1).unwrap();
    let mut trainer = trainer(model, &device, Loss::CrossEntropy);
    trainer.fit_blocking(&Arc::new(train), &mut Quiet).unwrap();
    assert!(trainer.evaluate_blocking(&test).unwrap().accuracy.unwrap() > 0.95);
    let (mut x, mut y) = (Vec::new(), Default::default());
    test.fill_batch(&(0..40).collect::<Vec<_>>(), &mut x, &mut y);
    let told = pollster::block_on(trainer.predictor().explain(&x)).unwrap();
    assert_eq!(told.len(), 40);
    let (mut inside, mut all, mut cam_hits) = (0.0, 0.0, 0);
    for (told, at) in told.iter().zip(&places) {
        let near = |y: usize, x: usize, reach: usize| y + reach >= at[0] && y < at[0] + 5 + reach && x + reach >= at[1] && x < at[1] + 5 + reach;
        for y in 0..16 {
            for x in 0..16 {
                let heat = f64::from(told.saliency.values[y * 16 + x]);
                all += heat;
                inside += if near(y, x, 2) { heat } else { 0.0 };
            }
        }
        let cam = told.cam.as_ref().unwrap();
        assert_eq!(cam.size, [8, 8]);
        let hottest = (0..64).fold(0, |best, k| if cam.values[k] > cam.values[best] { k } else { best });
        cam_hits += usize::from(near(2 * (hottest / 8), 2 * (hottest % 8), 2));
    }
    // The window around the thing is less than a third of the picture.
    assert!(inside > 0.6 * all, "{inside} of {all}");
    assert!(cam_hits >= 32, "{cam_hits} of 40");
}

#[test]
fn the_feature_maps_are_those_of_the_last_convolution() {
    let device = device();
    let maps = |input: [usize; 3], layers: Vec<Layer>| Sequential::new(input).layers(layers).build(&device, 1).unwrap().feature_maps();
    let flat = || Layer::Flatten(Default::default());
    assert_eq!(maps([1, 4, 4], vec![flat()]), None);
    assert_eq!(maps([1, 4, 4], vec![conv(2, 3), relu(), flat(), relu()]).unwrap(), "layers.1");
    assert_eq!(maps([1, 4, 4], vec![conv(2, 3), Layer::MaxPool2d(MaxPool2d::new(2)), flat()]).unwrap(), "layers.0");
    let residual = Layer::Residual(Residual { body: vec![conv(1, 3)], ..Residual::default() });
    let branches = Layer::Branches(Branches { branches: vec![vec![], vec![conv(1, 1)]] });
    assert_eq!(maps([1, 4, 4], vec![conv(1, 1), residual.clone(), relu(), flat()]).unwrap(), "layers.2");
    assert_eq!(maps([1, 4, 4], vec![Layer::Block(Block::new("a", [conv(1, 3), branches])), flat()]).unwrap(), "layers.a.1");
    assert_eq!(maps([1, 28, 28], Lenet::new(10).layers()).unwrap(), "layers.4");
    assert_eq!(maps([3, 32, 32], Resnet18::new(10, Size::Small).layers()).unwrap(), "layers.layer4.1");
    assert_eq!(maps([3, 32, 32], Vgg11::new(10, Size::Small).batch_norm().layers()).unwrap(), "layers.27");
    let inception = Inception { channels_1x1: 1, reduce_3x3: 1, channels_3x3: 1, reduce_5x5: 1, channels_5x5: 1, channels_pool: 1, batch_norm: false };
    assert_eq!(maps([1, 4, 4], inception.layers()).unwrap(), "layers.0");
}

#[test]
fn what_has_no_places_or_no_classes_is_refused() {
    let device = device();
    let explain = |model: Sequential, loss| pollster::block_on(trainer(model, &device, loss).predictor().explain(&[0.0; 4]));
    let flat = Sequential::new([4]).linear(2).build(&device, 1).unwrap();
    assert!(explain(flat, Loss::CrossEntropy).unwrap_err().to_string().contains("no pictures"));
    let values = Sequential::new([2, 2]).flatten().linear(2).build(&device, 1).unwrap();
    assert!(explain(values, Loss::Mse).unwrap_err().to_string().contains("no classes"));
    let dense = Sequential::new([2, 2]).flatten().linear(2).build(&device, 1).unwrap();
    let told = explain(dense, Loss::CrossEntropy).unwrap().remove(0);
    assert!(told.cam.is_none() && told.saliency.size == [2, 2]);
}
