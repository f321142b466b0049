//! The same seed gives the same bytes, interrupted or not.

mod common;

use common::device;
use std::path::Path;
use wgrad::nn::data::augment::{Augment, RandomCrop, RandomRotation};
use wgrad::nn::files::Kind;
use wgrad::nn::recipe::{Data, Source};
use wgrad::prelude::*;

const EPOCHS: u64 = 4;

/// What is put into the middle of the network.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Extra {
    Nothing,
    Dropout,
    /// Has running statistics, which are no parameters.
    BatchNorm,
    /// Random transforms of the samples, made on several threads.
    Augment,
}

/// A small run of `quickstart`, with a further layer if asked for.
fn recipe(seed: u64, extra: Extra) -> (Recipe, Data) {
    let mut recipe = Recipe::built_in("quickstart").unwrap();
    recipe.seed = seed;
    recipe.epochs = EPOCHS;
    // The last batch of an epoch is a small one: a second plan.
    recipe.data = Source::Digits { train: 200, test: 50, validation_split: None, augment: vec![] };
    match extra {
        Extra::Nothing => {}
        Extra::Dropout => recipe.layers.insert(3, Layer::Dropout(wgrad::nn::Dropout { ratio: 0.5 })),
        Extra::Augment => {
            let Source::Digits { augment, .. } = &mut recipe.data else { unreachable!() };
            augment.push(Augment::RandomCrop(RandomCrop { size: None, padding: 2.into() }));
            augment.push(Augment::RandomRotation(RandomRotation { degrees: 10.0 }));
        }
        Extra::BatchNorm => recipe.layers.insert(2, Layer::BatchNorm(Default::default())),
    }
    let data = recipe.data(None).unwrap();
    (recipe, data)
}

/// A trainer on a device of its own, as a new process would have.
fn trainer(seed: u64, extra: Extra, run: &Path) -> (Trainer, Data) {
    let (recipe, data) = recipe(seed, extra);
    let mut trainer = recipe.trainer(&device(), &data).unwrap();
    trainer.options_mut().run = Some(run.to_path_buf());
    (trainer, data)
}

/// The bytes of the last checkpoint: tensors, then state.
fn bytes(run: &Path) -> [Vec<u8>; 2] {
    [Kind::Last.file_name(), Kind::Last.state_file_name()].map(|name| std::fs::read(run.join(name)).unwrap())
}

fn whole_run(seed: u64, extra: Extra) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let (mut trainer, data) = trainer(seed, extra, folder.path());
    trainer.fit_blocking(&data.train, &mut Quiet).unwrap();
    assert_eq!(trainer.position().epoch, EPOCHS);
    bytes(folder.path())
}

fn resumed_run(seed: u64, extra: Extra) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    {
        let (mut trainer, data) = trainer(seed, extra, folder.path());
        trainer.options_mut().stop_after = Some(2);
        trainer.fit_blocking(&data.train, &mut Quiet).unwrap();
        assert_eq!(trainer.position().epoch, 2);
    }
    let (mut trainer, data) = trainer(seed, extra, folder.path());
    // As if on another machine.
    trainer.options_mut().workers = 3;
    trainer.resume(folder.path()).unwrap();
    trainer.fit_blocking(&data.train, &mut Quiet).unwrap();
    assert_eq!(trainer.history().rows.len(), EPOCHS as usize);
    bytes(folder.path())
}

#[test]
fn the_same_seed_gives_the_same_checkpoint() {
    for extra in [Extra::Nothing, Extra::Dropout, Extra::BatchNorm, Extra::Augment] {
        let first = whole_run(7, extra);
        assert!(first == whole_run(7, extra), "{extra:?}: two runs of one seed differ");
        assert!(first == resumed_run(7, extra), "{extra:?}: the run stopped after epoch 2 and resumed differs");
    }
}

#[test]
fn another_seed_gives_another_checkpoint() {
    assert!(whole_run(7, Extra::Nothing)[0] != whole_run(8, Extra::Nothing)[0]);
}

#[test]
fn dropout_changes_what_is_learned() {
    assert!(whole_run(7, Extra::Nothing)[0] != whole_run(7, Extra::Dropout)[0]);
}
