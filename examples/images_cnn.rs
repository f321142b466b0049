//! A classifier for pictures of your own: a folder with a folder for each class, or a .tar, .tar.gz or .zip of them.
//!
//! ```text
//! cargo run --release --example images_cnn -- path/to/pictures
//! ```
//!
//! One picture in five validates. `--quick` takes 200 pictures and one epoch.

use std::path::Path;
use std::sync::Arc;
use wgrad::nn::data::image::{ImageOptions, Images, Part};
use wgrad::nn::layers::Conv2d;
use wgrad::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let Some(path) = std::env::args().skip(1).find(|a| !a.starts_with('-')) else {
        return Err("name a folder or an archive with a folder for each class".into());
    };
    let device = Device::open_blocking(&Select::Auto)?;

    // Decoded once, on all cores, and kept as bytes; what is no picture is left out and told.
    let options = ImageOptions { size: [64, 64], samples: quick.then_some(200), ..ImageOptions::default() };
    let mut images = Images::read(Path::new(&path), &options, None)?;
    images.bad.iter().for_each(|bad| println!("left out: {}: {}", bad.file, bad.what));
    let all = images.parts.remove(&Part::Train).ok_or("there is no training part")?;
    let (train, validation) = all.split_validation(0.2, 1)?;
    let (train, validation) = (Arc::new(train), Arc::new(validation));
    let classes = train.classes().to_vec();
    println!("{} pictures of {}\n", all.len(), classes.join(", "));

    // Without padding: the window stays inside.
    let conv = |channels| Layer::Conv2d(Conv2d::new(channels, 3));
    let model = Sequential::new([3, 64, 64]).layer(conv(32)).relu().max_pool2d(2).flatten().linear(128).relu().linear(classes.len()).build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions {
        epochs: if quick { 1 } else { 10 },
        batch_size: 32,
        seed: 1,
        validation: Some(validation.clone()),
        run: (!quick).then(|| "runs/images-cnn-example".into()),
        ..FitOptions::default()
    };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;

    // What it says about one picture that it has not seen.
    let (mut x, mut y) = (Vec::new(), Default::default());
    validation.fill_batch(&[0], &mut x, &mut y);
    let probabilities = trainer.predict_blocking(&x)?;
    println!("\na picture of {}:", validation.label(0).map_or("?", |label| &classes[label as usize]));
    classes.iter().zip(&probabilities).for_each(|(class, p)| println!("  {class:<16} {:5.1} %", 100.0 * p));
    Ok(())
}
