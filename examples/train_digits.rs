//! Trains a small network on digits that the library draws itself: 20 lines, nothing to download.
//!
//! ```text
//! cargo run --release --example train_digits
//! ```
//!
//! Weights, history and curves are then in runs/digits.

use std::sync::Arc;
use wgrad::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::open_blocking(&Select::Auto)?;
    let train = Arc::new(digits(Split::Train, 8000, 1)?);
    let test = Arc::new(digits(Split::Test, 2000, 1)?);

    let model = Sequential::new([1, 28, 28]).flatten().linear(128).relu().linear(10).build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions { epochs: 3, validation: Some(test.clone()), run: Some("runs/digits".into()), ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;

    let result = trainer.evaluate_blocking(&test)?;
    println!("test accuracy {:.4}", result.accuracy.unwrap_or_default());
    Ok(())
}
