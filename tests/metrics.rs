//! A test of a network: what is read from the device, and that all ways of counting agree.

mod common;

use common::device;
use std::sync::Arc;
use wgrad::nn::Answers;
use wgrad::nn::metrics::{Classification, Metrics};
use wgrad::prelude::*;

/// Two clouds of points; the class is the sign of x + y, with some noise.
fn clouds(n: usize) -> Dataset {
    let at = |i: usize, k: f32| ((i as f32 + 1.0) * k).sin() * 2.0;
    let points: Vec<f32> = (0..n).flat_map(|i| [at(i, 1.7), at(i, 2.9)]).collect();
    let labels: Vec<u32> = points.chunks(2).enumerate().map(|(i, p)| u32::from(p[0] + p[1] + 0.5 * at(i, 5.3) > 0.0)).collect();
    let classes = ["below", "above"].map(str::to_owned).to_vec();
    Dataset::new("clouds", Inputs::F32(points.into()), &[2], Targets::Classes(labels.into()), classes).unwrap()
}

fn trained(units: usize, loss: Loss, data: &Arc<Dataset>) -> Trainer {
    let device = device();
    let model = Sequential::new([2]).linear(8).relu().linear(units).build(&device, 1).unwrap();
    let options = FitOptions { epochs: 10, ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model, loss, Adam { learning_rate: 0.02, ..Adam::default() }, options).unwrap();
    trainer.fit_blocking(data, &mut Quiet).unwrap();
    trainer
}

#[test]
fn two_classes_may_have_one_logit_or_two() {
    // A prime number, so that the last batch is smaller than the others.
    let data = Arc::new(clouds(619));
    for (units, loss) in [(1, Loss::BceWithLogits), (2, Loss::CrossEntropy)] {
        let trainer = trained(units, loss, &data);
        let reads = trainer.device().runtime().counters().readbacks;
        let test = trainer.test_blocking(&data).unwrap();
        let reads = trainer.device().runtime().counters().readbacks - reads;
        assert_eq!(reads, 3, "a read a batch of 256, and no other");
        assert_eq!(test.evaluation, trainer.evaluate_blocking(&data).unwrap());
        let Answers::Classes(predictions) = &test.answers else { panic!("no classes: {test:?}") };
        assert_eq!(predictions.len(), 619);
        assert_eq!(predictions.classes(), ["below", "above"]);
        let truth: Vec<usize> = (0..619).map(|i| data.label(i).unwrap() as usize).collect();
        assert_eq!(predictions.truth(), truth);
        let metrics = Classification::of(predictions);
        assert!((metrics.accuracy - test.evaluation.accuracy.unwrap()).abs() < 1e-6, "{metrics:?} {test:?}");
        assert!(metrics.accuracy > 0.8 && metrics.roc_auc.unwrap() > 0.9, "{units} {metrics:?}");
        assert_eq!(metrics.confusion, pollster::block_on(trainer.predictor().confusion(&data)).unwrap());
    }
}

#[test]
fn values_are_compared_in_the_order_of_the_set() {
    let device = device();
    let model = Sequential::new([2]).linear(3).build(&device, 1).unwrap();
    let (w, b) =
        (pollster::block_on(model.parameters()[0].read()).unwrap().f32s().unwrap(), pollster::block_on(model.parameters()[1].read()).unwrap().f32s().unwrap());
    let inputs: Vec<f32> = (0..1200).map(|i| (i as f32 * 0.37).cos()).collect();
    let line = |x: &[f32], k: usize| x[0] * w[k] + x[1] * w[3 + k] + b[k];
    // What the network says, but off by 0.25 in the second output of every sample.
    let targets: Vec<f32> = inputs.chunks(2).flat_map(|x| [line(x, 0), line(x, 1) + 0.25, line(x, 2)]).collect();
    let data = Dataset::new("lines", Inputs::F32(inputs.into()), &[2], Targets::Values { data: targets.into(), shape: vec![3] }, vec![]).unwrap();
    let trainer = Trainer::new(&device, model, Loss::Mse, Adam::default(), FitOptions::default()).unwrap();
    let Metrics::Values(metrics) = trainer.test_blocking(&data).unwrap().answers.metrics() else { panic!("no values") };
    assert!((metrics.mse - 0.0625 / 3.0).abs() < 1e-6 && (metrics.mae - 0.25 / 3.0).abs() < 1e-6, "{metrics:?}");
    assert!(metrics.r2.unwrap() < 1.0, "{metrics:?}");
}

#[test]
fn what_does_not_fit_one_logit_is_told() {
    let data = Arc::new(clouds(20));
    let device = device();
    let model = Sequential::new([2]).linear(2).build(&device, 1).unwrap();
    let trainer = Trainer::new(&device, model, Loss::BceWithLogits, Adam::default(), FitOptions::default()).unwrap();
    let error = trainer.evaluate_blocking(&data).unwrap_err().to_string();
    assert!(error.contains("one unit"), "{error}");
}
