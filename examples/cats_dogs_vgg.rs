//! Cats or dogs, the better way: five convolutions with batch norm, on parts of the photographs that differ every time, by a
//! learning rate that climbs and falls.
//!
//! ```text
//! cargo run --release --example cats_dogs_vgg -- path/to/train path/to/test
//! ```
//!
//! Each path is a folder or an archive with two folders of pictures; without paths `cats-dogs-train.tar.gz` and
//! `cats-dogs-test.tar.gz` in the folder that `WGRAD_DATA` names are read. `--quick` takes 64 pictures and one epoch. What one
//! convolution reaches: `cats_dogs`.

use std::path::PathBuf;
use std::sync::Arc;
use wgrad::nn::data::augment::{Augment, ColorJitter, RandomHorizontalFlip, RandomResizedCrop};
use wgrad::nn::data::image::{ImageOptions, Images, Part};
use wgrad::nn::layers::Conv2d;
use wgrad::nn::schedule::OneCycle;
use wgrad::nn::{Init, Schedule};
use wgrad::prelude::*;

/// Height and width in which photographs are kept, and in which the network sees them.
const KEPT: usize = 128;
const SEEN: usize = 96;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let mut paths = std::env::args().skip(1).filter(|a| !a.starts_with('-')).map(PathBuf::from);
    let folder = PathBuf::from(std::env::var_os("WGRAD_DATA").unwrap_or_default());
    let mut path = |name: &str| paths.next().unwrap_or_else(|| folder.join(name));
    let device = Device::open_blocking(&Select::Auto)?;

    // What tests is only brought to its size; what trains is a part of each photograph, mirrored, in other light.
    let options = ImageOptions { size: [KEPT, KEPT], samples: quick.then_some(64), ..ImageOptions::default() };
    let normalize = Normalize { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    let augment = vec![
        Augment::RandomResizedCrop(RandomResizedCrop { size: Some(SEEN.into()), scale: vec![0.4, 1.0], ratio: vec![0.75, 4.0 / 3.0] }),
        Augment::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
        Augment::ColorJitter(ColorJitter { brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.0 }),
    ];
    let mut read = |name: &str, classes: Option<&[String]>| -> Result<Dataset, Box<dyn std::error::Error>> {
        let set = Images::read(&path(name), &options, classes)?.parts.remove(&Part::Train);
        Ok(set.ok_or("there is no training part")?.transformed(augment.clone())?.normalized(normalize.clone())?)
    };
    let train = read("cats-dogs-train.tar.gz", None)?;
    let test = Arc::new(read("cats-dogs-test.tar.gz", Some(train.classes()))?);
    let train = Arc::new(train);

    // The batch norm behind a convolution has a bias of its own.
    let conv = |conv: Conv2d| Layer::Conv2d(Conv2d { bias: false, init: Init::KaimingNormal, ..conv });
    let wide = |channels| conv(Conv2d::new(channels, 3).padding(1));
    let mut network = Sequential::new([3, SEEN, SEEN]);
    network = network.layer(conv(Conv2d::new(16, 5).stride(2).padding(2))).batch_norm().relu().max_pool2d(2);
    for channels in [32, 64] {
        network = network.layer(wide(channels)).batch_norm().relu().max_pool2d(2);
    }
    for channels in [128, 128] {
        network = network.layer(wide(channels)).batch_norm().relu();
    }
    let model = network.global_avg_pool2d().dropout(0.2).linear(1).build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions {
        epochs: if quick { 1 } else { 20 },
        batch_size: 32,
        seed: 1,
        schedule: Some(Schedule::OneCycle(OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 })),
        validation: Some(test.clone()),
        run: (!quick).then(|| "runs/cats-dogs-vgg-example".into()),
        ..FitOptions::default()
    };
    let adamw = Optimizer::AdamW(Adam { learning_rate: 0.003, weight_decay: 0.01, ..Adam::default() });
    let mut trainer = Trainer::new(&device, model, Loss::BceWithLogits, adamw, options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;
    println!("test accuracy {:.4}", trainer.evaluate_blocking(&test)?.accuracy.unwrap_or_default());
    Ok(())
}
