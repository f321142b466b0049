//! Cats or dogs: one output whose sigmoid is the probability of a dog, and where the network looks for it.
//!
//! ```text
//! cargo run --release --example cats_dogs -- path/to/train path/to/test
//! ```
//!
//! Each path is a folder or an archive with two folders of pictures; without paths `cats-dogs-train.tar.gz` and
//! `cats-dogs-test.tar.gz` in the folder that `WGRAD_DATA` names are read. `--quick` takes 64 pictures and one epoch.

use std::path::PathBuf;
use std::sync::Arc;
use wgrad::nn::data::augment::{Augment, RandomHorizontalFlip};
use wgrad::nn::data::framing::Image;
use wgrad::nn::data::image::{ImageOptions, Images, Part};
use wgrad::nn::layers::Conv2d;
use wgrad::nn::report::draw_heat;
use wgrad::prelude::*;

/// Height and width of the pictures.
const SIDE: usize = 128;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let mut paths = std::env::args().skip(1).filter(|a| !a.starts_with('-')).map(PathBuf::from);
    let folder = PathBuf::from(std::env::var_os("WGRAD_DATA").unwrap_or_default());
    let mut path = |name: &str| paths.next().unwrap_or_else(|| folder.join(name));
    let device = Device::open_blocking(&Select::Auto)?;

    let options = ImageOptions { size: [SIDE, SIDE], samples: quick.then_some(64), ..ImageOptions::default() };
    let normalize = Normalize { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    let mut read = |name: &str, classes: Option<&[String]>| -> Result<Dataset, Box<dyn std::error::Error>> {
        let set = Images::read(&path(name), &options, classes)?.parts.remove(&Part::Train);
        Ok(set.ok_or("there is no training part")?.normalized(normalize.clone())?)
    };
    let train = read("cats-dogs-train.tar.gz", None)?;
    let test = Arc::new(read("cats-dogs-test.tar.gz", Some(train.classes()))?);
    // Left for right: as good as twice the pictures.
    let train = Arc::new(train.transformed(vec![Augment::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 })])?);

    // A coarse look: 15 by 15 places are left. With many more the units behind learn the pictures by heart.
    let conv = Layer::Conv2d(Conv2d::new(32, 5).stride(2));
    let model = Sequential::new([3, SIDE, SIDE]).layer(conv).relu().max_pool2d(4).flatten().linear(64).relu().linear(1).build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions {
        epochs: if quick { 1 } else { 12 },
        batch_size: 32,
        seed: 1,
        validation: Some(test.clone()),
        run: (!quick).then(|| "runs/cats-dogs-example".into()),
        ..FitOptions::default()
    };
    // Two classes and one logit: labels are taken for 0 and 1.
    let adam = Adam { learning_rate: 3e-4, ..Adam::default() };
    let mut trainer = Trainer::new(&device, model, Loss::BceWithLogits, adam, options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;
    println!("test accuracy {:.4}", trainer.evaluate_blocking(&test)?.accuracy.unwrap_or_default());

    // Where the network looks in the first test picture: Grad-CAM over its convolution.
    let (mut x, mut y) = (Vec::new(), Default::default());
    test.fill_batch(&[0], &mut x, &mut y);
    let explained = pollster::block_on(trainer.predictor().explain(&x))?.remove(0);
    if let Some(cam) = explained.cam {
        // Under the heat the picture itself.
        test.as_ref().clone().unnormalized().fill_batch(&[0], &mut x, &mut y);
        let picture = Image { shape: [3, SIDE, SIDE], values: x };
        let file = std::env::temp_dir().join("cats-dogs-example.png");
        std::fs::write(&file, draw_heat(&picture, &cam)?)?;
        println!("the first test picture is taken for {}: {} shows why", test.classes()[explained.class], file.display());
    }
    Ok(())
}
