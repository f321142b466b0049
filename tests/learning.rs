//! Whole trainings, small ones: what is learned is what must be.

mod common;

use common::device;
use wgrad::nn::data::locate::find_mnist;
use wgrad::nn::recipe::Source;
use wgrad::prelude::*;

#[test]
fn digits_are_learned() {
    let mut recipe = Recipe::built_in("quickstart").unwrap();
    recipe.data = Source::Digits { train: 2000, test: 500, validation_split: None, augment: vec![] };
    recipe.epochs = 5;
    let data = recipe.data(None).unwrap();
    let mut trainer = recipe.trainer(&device(), &data).unwrap();
    trainer.fit_blocking(&data.train, &mut Quiet).unwrap();
    let accuracy = trainer.evaluate_blocking(&data.test).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.9, "test accuracy {accuracy}");
    // What evaluation says and what the history says of the same set and weights is the same.
    assert_eq!(trainer.history().rows[4].val_accuracy, Some(accuracy));
}

#[test]
fn a_line_is_fitted_by_gradient_descent() {
    let recipe = Recipe::built_in("linear").unwrap();
    let data = recipe.data(None).unwrap();
    let mut trainer = recipe.trainer(&device(), &data).unwrap();
    trainer.fit_blocking(&data.train, &mut Quiet).unwrap();
    let read = |n: usize| pollster::block_on(trainer.model().parameters()[n].read()).unwrap().f32s().unwrap()[0];
    let (w, b) = (read(0), read(1));
    assert!((w - 2.0).abs() < 1e-2 && b.abs() < 1e-2, "W = {w}, b = {b}");
}

#[test]
fn an_epoch_of_mnist_is_learned_where_it_is_at_hand() {
    if let Err(error) = find_mnist(None) {
        println!("left out: {error}");
        return;
    }
    let mut recipe = Recipe::built_in("mnist-mlp").unwrap();
    if let Source::Mnist { train, .. } = &mut recipe.data {
        *train = Some(12_000);
    }
    recipe.epochs = 1;
    let data = recipe.data(None).unwrap();
    let mut trainer = recipe.trainer(&device(), &data).unwrap();
    trainer.fit_blocking(&data.train, &mut Quiet).unwrap();
    let accuracy = trainer.evaluate_blocking(&data.test).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.88, "test accuracy {accuracy}");
}
