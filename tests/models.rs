//! The well-known networks: their parameters are counted against the published numbers, and they learn.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::Recipe;
use wgrad::nn::models::{Inception, Lenet, Resnet18, Size, Vgg11};
use wgrad::nn::summary::totals;
use wgrad::prelude::*;

/// Parameters and floating-point operations.
fn counted(device: &Device, input: [usize; 3], layers: Vec<Layer>, output: &[usize]) -> (usize, u64) {
    let model = Sequential::new(input).layers(layers).build(device, 1).unwrap();
    assert_eq!(model.output_shape(), output);
    let (parameters, flops) = totals(&model.rows());
    assert_eq!(parameters, model.parameters().iter().map(|p| p.ty().shape.numel()).sum::<usize>());
    (parameters, flops)
}

#[test]
fn parameters_are_those_that_are_published() {
    let device = device();
    assert_eq!(counted(&device, [1, 28, 28], Lenet::new(10).layers(), &[10]).0, 61_706);
    assert_eq!(counted(&device, [1, 32, 32], Lenet { classes: 10, padding: 0 }.layers(), &[10]).0, 61_706);
    assert_eq!(counted(&device, [3, 32, 32], Vgg11::new(10, Size::Small).layers(), &[10]).0, 9_225_610);
    assert_eq!(counted(&device, [3, 32, 32], Vgg11::new(10, Size::Small).batch_norm().layers(), &[10]).0, 9_231_114);
    let (parameters, flops) = counted(&device, [3, 32, 32], Resnet18::new(10, Size::Small).layers(), &[10]);
    // Half of it in multiplications with an addition: 0.56 G.
    assert_eq!((parameters, flops / 2), (11_173_962, 555_422_720));
    let (parameters, flops) = counted(&device, [3, 224, 224], Resnet18::new(1000, Size::Large).layers(), &[1000]);
    assert_eq!((parameters, flops / 2), (11_689_512, 1_814_073_344));
}

/// Its largest weight has 411 MB, more than some adapters take, so that the head is counted from its configuration.
#[test]
fn parameters_of_the_large_vgg_are_those_that_are_published() {
    let device = device();
    for (layers, published) in [(Vgg11::new(1000, Size::Large), 132_863_336), (Vgg11::new(1000, Size::Large).batch_norm(), 132_868_840)] {
        let mut body = layers.layers();
        let flatten = body.iter().position(|layer| matches!(layer, Layer::Flatten(_))).unwrap();
        let head = body.split_off(flatten);
        let (mut parameters, mut flops) = counted(&device, [3, 224, 224], body, &[512, 7, 7]);
        let mut inputs = 512 * 7 * 7;
        for layer in head {
            if let Layer::Linear(linear) = layer {
                let units = linear.units.unwrap();
                parameters += (inputs + 1) * units;
                flops += 2 * (inputs * units) as u64;
                inputs = units;
            }
        }
        assert_eq!((parameters, flops / 2), (published, 7_609_090_048));
    }
}

/// The third block of GoogLeNet, 192 channels to 256, has 159 K parameters by the paper's table.
#[test]
fn an_inception_block_joins_its_four_ways() {
    let device = device();
    let block = Inception { channels_1x1: 64, reduce_3x3: 96, channels_3x3: 128, reduce_5x5: 16, channels_5x5: 32, channels_pool: 32, batch_norm: false };
    assert_eq!(counted(&device, [192, 7, 7], block.layers(), &[256, 7, 7]).0, 163_696);
    let normed = Inception { batch_norm: true, ..block }.layers();
    let model = Sequential::new([192, 7, 7]).layers(normed).build(&device, 1).unwrap();
    let names: Vec<String> = model.parameters().iter().map(|p| p.name().to_owned()).collect();
    assert!(names.contains(&"layers.0.branches.1.3.weight".to_owned()) && !names.contains(&"layers.0.branches.1.0.bias".to_owned()), "{names:?}");
}

#[test]
fn resnets_name_their_weights_by_stage_and_fill_them_by_the_fan_out() {
    let device = device();
    let model = Sequential::new([3, 32, 32]).layers(Resnet18::new(10, Size::Small).layers()).build(&device, 3).unwrap();
    let values = |name: &str| {
        let found = model.parameters().into_iter().find(|p| p.name() == name).unwrap_or_else(|| panic!("there is no {name}"));
        pollster::block_on(found.read()).unwrap().f32s().unwrap()
    };
    let variance = |name: &str| {
        let v = values(name);
        v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / v.len() as f64
    };
    for (name, fan_out) in [("layers.layer1.0.body.0.weight", 64 * 9), ("layers.layer4.1.body.3.weight", 512 * 9), ("layers.layer2.0.shortcut.0.weight", 128)] {
        assert!((variance(name) * f64::from(fan_out) / 2.0 - 1.0).abs() < 0.05, "{name}: {}", variance(name));
    }
    assert!(values("layers.stem.1.weight").iter().all(|w| *w == 1.0) && values("layers.layer3.0.body.4.bias").iter().all(|b| *b == 0.0));
}

/// A recipe for drawn digits with these layers.
fn recipe(layers: &str) -> String {
    format!(
        "name = \"model\"\nepochs = 1\nbatch_size = 16\nloss = \"cross_entropy\"\n[data]\nsource = \"digits\"\ntrain = 64\ntest = 16\n\
         [optimizer]\nkind = \"adam\"\n{layers}"
    )
}

#[test]
fn a_recipe_names_a_model_and_keeps_its_layers() {
    let text = recipe("[[layers]]\nkind = \"lenet\"\nclasses = 10\n");
    let read = Recipe::parse("mine", &text).unwrap();
    assert_eq!(read.layers, Lenet::new(10).layers());
    let written = read.to_toml();
    assert!(!written.contains("lenet") && written.contains("kind = \"conv2d\""), "{written}");
    assert_eq!(Recipe::parse("again", &written).unwrap(), read);
    // Among other layers, and inside of them.
    let nested = recipe(
        "[[layers]]\nkind = \"block\"\nlayers = [{ kind = \"inception\", channels_1x1 = 2, reduce_3x3 = 2, channels_3x3 = 2, reduce_5x5 = 2, channels_5x5 = 2, \
         channels_pool = 2 }, { kind = \"relu\" }]\n[[layers]]\nkind = \"vgg11\"\nclasses = 10\ninput = \"small\"\nbatch_norm = true\n",
    );
    let read = Recipe::parse("mine", &nested).unwrap();
    assert_eq!(read.layers[1..], Vgg11::new(10, Size::Small).batch_norm().layers());
    assert_eq!(read.layers[0].inside()[0].len(), 2);
    for (from, to, texts) in [
        ("\"lenet\"", "\"lenett\"", &["lenett", "`lenet`", "`resnet18`", "`conv2d`"][..]),
        ("classes = 10", "clases = 10", &["clases", "`classes`", "the model lenet"]),
        ("classes = 10\n", "", &["the model lenet", "`classes`", "missing"]),
    ] {
        let error = Recipe::parse("mine", &text.replace(from, to)).unwrap_err().to_string();
        texts.iter().for_each(|part| assert!(error.contains(part), "{part:?} is not in {error:?}"));
    }
}

#[test]
fn lenet_learns() {
    let device = device();
    let data = Arc::new(digits(Split::Train, 512, 1).unwrap());
    let model = Sequential::new([1, 28, 28]).layers(Lenet::new(10).layers()).build(&device, 1).unwrap();
    let options = FitOptions { epochs: 3, ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam { learning_rate: 2e-3, ..Adam::default() }, options).unwrap();
    let rows = trainer.fit_blocking(&data, &mut Quiet).unwrap().rows.clone();
    assert!(rows[2].accuracy.unwrap() > 0.8, "{rows:?}");
}

/// A residual network in small: what resnet18 is made of, in a size that a test can train.
#[test]
fn a_residual_network_with_batch_norm_learns() {
    let device = device();
    let mut layers = Resnet18::new(10, Size::Small).layers();
    layers.drain(3..5);
    // The stem and the first two stages, with 8 and 16 channels for 64 and 128.
    let narrow = |layer: &Layer| Recipe::parse("narrow", &recipe(&narrowed(layer))).unwrap().layers.remove(0);
    let layers: Vec<Layer> = layers.iter().map(narrow).collect();
    let data = Arc::new(digits(Split::Train, 384, 1).unwrap());
    let model = Sequential::new([1, 28, 28]).layers(layers).build(&device, 1).unwrap();
    let options = FitOptions { epochs: 4, batch_size: 16, ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam { learning_rate: 1e-2, ..Adam::default() }, options).unwrap();
    let rows = trainer.fit_blocking(&data, &mut Quiet).unwrap().rows.clone();
    assert!(rows[3].loss < 0.6 * rows[0].loss, "{rows:?}");
}

/// The layer in TOML, with an eighth of its channels.
fn narrowed(layer: &Layer) -> String {
    let whole = Recipe { layers: vec![layer.clone()], ..Recipe::parse("any", &recipe("[[layers]]\nkind = \"relu\"\n")).unwrap() };
    let text = whole.to_toml();
    text[text.find("[[layers]]").unwrap()..].replace("channels = 64", "channels = 8").replace("channels = 128", "channels = 16")
}
