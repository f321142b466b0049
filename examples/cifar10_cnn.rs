//! Three convolutions on the photographs of CIFAR-10, and how well each class is told from the others.
//!
//! ```text
//! cargo run --release --example cifar10_cnn
//! ```
//!
//! `--quick` takes 500 pictures and one epoch. The set is looked for in the folder that `WGRAD_DATA` names and in the cache:
//! `cifar-10-binary.tar.gz` as it is downloaded, or a folder for each class in `cifar10-train.tar.gz` and `cifar10-test.tar.gz`.

use std::sync::Arc;
use wgrad::nn::Answers;
use wgrad::nn::data::augment::{Augment, RandomHorizontalFlip};
use wgrad::nn::data::cifar::cifar10;
use wgrad::nn::data::locate::folders;
use wgrad::nn::layers::Conv2d;
use wgrad::nn::metrics::Classification;
use wgrad::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let device = Device::open_blocking(&Select::Auto)?;
    let [train, test] = cifar10(&folders(None), if quick { [Some(500), Some(200)] } else { [None, None] }, 1)?;
    let normalize = Normalize { mean: vec![0.4914, 0.4822, 0.4465], std: vec![0.247, 0.2435, 0.2616] };
    let flip = Augment::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 });
    let train = Arc::new(train.transformed(vec![flip])?.normalized(normalize.clone())?);
    let test = Arc::new(test.normalized(normalize)?);

    // Without padding: the window stays inside.
    let conv = |channels| Layer::Conv2d(Conv2d::new(channels, 3));
    let model = Sequential::new([3, 32, 32])
        .layer(conv(32))
        .relu()
        .max_pool2d(2)
        .layer(conv(64))
        .relu()
        .max_pool2d(2)
        .layer(conv(128))
        .relu()
        .max_pool2d(2)
        .flatten()
        .linear(128)
        .relu()
        .linear(10)
        .build(&device, 1)?;
    println!("{}", model.summary());

    let options = FitOptions {
        epochs: if quick { 1 } else { 10 },
        batch_size: 64,
        seed: 1,
        validation: Some(test.clone()),
        run: (!quick).then(|| "runs/cifar10-cnn-example".into()),
        ..FitOptions::default()
    };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;

    // All outputs of the test at once: every metric is worked out from them.
    let result = trainer.test_blocking(&test)?;
    if let Answers::Classes(predictions) = &result.answers {
        let metrics = Classification::of(predictions);
        println!("\ntest accuracy {:.4}, ROC-AUC {:.4}", metrics.accuracy, metrics.roc_auc.unwrap_or_default());
        for class in &metrics.classes {
            println!("  {:<12} precision {:.3}, recall {:.3}, F1 {:.3}", class.name, class.precision, class.recall, class.f1);
        }
    }
    Ok(())
}
