//! A residual network of 20 layers on CIFAR-10 (He et al. 2015, section 4.2), put together from its blocks.
//!
//! ```text
//! cargo run --release --example cifar10_resnet
//! ```
//!
//! `--quick` takes 64 pictures and one epoch. Where the set is looked for: see `cifar10_cnn`. The larger network of the same kind
//! is `wgrad::nn::models::Resnet18`.

use std::sync::Arc;
use wgrad::nn::Init;
use wgrad::nn::data::augment::{Augment, RandomCrop, RandomHorizontalFlip};
use wgrad::nn::data::cifar::cifar10;
use wgrad::nn::data::locate::folders;
use wgrad::nn::layers::{Block, Conv2d, Function, Residual};
use wgrad::prelude::*;

/// A convolution and the batch norm behind it, which has the bias.
fn conv(channels: usize, kernel_size: usize, stride: usize) -> [Layer; 2] {
    let conv = Conv2d::new(channels, kernel_size).stride(stride).padding(kernel_size / 2);
    [Layer::Conv2d(Conv2d { bias: false, init: Init::KaimingNormal, ..conv }), Layer::BatchNorm(Default::default())]
}

/// Two convolutions and a way around them, which is a projection where they make the picture smaller.
fn residual(channels: usize, stride: usize) -> Layer {
    let body = [conv(channels, 3, stride).to_vec(), vec![Layer::Relu(Default::default())], conv(channels, 3, 1).to_vec()].concat();
    let shortcut = (stride > 1).then(|| conv(channels, 1, stride).to_vec());
    Layer::Residual(Residual { body, shortcut, activation: Some(Function::Relu) })
}

/// Three residual blocks; the first has the stride.
fn stage(name: &str, channels: usize, stride: usize) -> Layer {
    Layer::Block(Block::new(name, [residual(channels, stride), residual(channels, 1), residual(channels, 1)]))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let device = Device::open_blocking(&Select::Auto)?;
    let [train, test] = cifar10(&folders(None), if quick { [Some(64), Some(64)] } else { [None, None] }, 1)?;
    let normalize = Normalize { mean: vec![0.4914, 0.4822, 0.4465], std: vec![0.247, 0.2435, 0.2616] };
    let augment =
        vec![Augment::RandomCrop(RandomCrop { size: None, padding: 4.into() }), Augment::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 })];
    let train = Arc::new(train.transformed(augment)?.normalized(normalize.clone())?);
    let test = Arc::new(test.normalized(normalize)?);

    let model = Sequential::new([3, 32, 32])
        .layers(conv(16, 3, 1))
        .relu()
        .layers([stage("layer1", 16, 1), stage("layer2", 32, 2), stage("layer3", 64, 2)])
        .global_avg_pool2d()
        .linear(10)
        .build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions {
        epochs: if quick { 1 } else { 20 },
        batch_size: if quick { 32 } else { 128 },
        seed: 1,
        validation: Some(test.clone()),
        run: (!quick).then(|| "runs/cifar10-resnet-example".into()),
        ..FitOptions::default()
    };
    let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, weight_decay: 1e-4, ..Sgd::default() };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, sgd, options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;
    println!("test accuracy {:.4}", trainer.evaluate_blocking(&test)?.accuracy.unwrap_or_default());
    Ok(())
}
