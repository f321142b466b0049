//! A convolutional network on the MNIST digits.
//!
//! ```text
//! wgrad data fetch mnist
//! cargo run --release --example mnist_cnn
//! ```
//!
//! `--quick` takes 1,000 digits and one epoch. The digits are looked for in the folder that `WGRAD_DATA` names and where
//! `wgrad data fetch` puts them. Weights, history and curves are then in runs/mnist-cnn-example.

use std::sync::Arc;
use wgrad::nn::data::idx::mnist;
use wgrad::nn::data::locate::find_mnist;
use wgrad::nn::layers::Conv2d;
use wgrad::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let device = Device::open_blocking(&Select::Auto)?;
    let folder = find_mnist(None)?.dir;
    let limited = |set: Dataset| if quick { set.take(1000) } else { set };
    let train = Arc::new(limited(mnist(&folder, Split::Train)?));
    let test = Arc::new(limited(mnist(&folder, Split::Test)?));

    // Without padding: the window stays inside.
    let conv = |channels| Layer::Conv2d(Conv2d::new(channels, 3));
    let model = Sequential::new([1, 28, 28])
        .layer(conv(32))
        .relu()
        .max_pool2d(2)
        .layer(conv(64))
        .relu()
        .max_pool2d(2)
        .flatten()
        .dropout(0.25)
        .linear(128)
        .relu()
        .linear(10)
        .build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions {
        epochs: if quick { 1 } else { 3 },
        batch_size: 64,
        seed: 1,
        validation: Some(test.clone()),
        run: (!quick).then(|| "runs/mnist-cnn-example".into()),
        ..FitOptions::default()
    };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;
    println!("test accuracy {:.4}", trainer.evaluate_blocking(&test)?.accuracy.unwrap_or_default());
    Ok(())
}
