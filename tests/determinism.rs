//! The same seed gives the same bytes, interrupted or not.

mod common;

use common::device;
use std::path::Path;
use wgrad::nn::data::augment::{Augment, RandomCrop, RandomRotation};
use wgrad::nn::data::rng::Rng;
use wgrad::nn::data::{Inputs, Targets};
use wgrad::nn::files::Kind;
use wgrad::nn::recipe::{BUILT_IN, Data, Source};
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
fn trainer((recipe, data): &(Recipe, Data), run: &Path) -> Trainer {
    let mut trainer = recipe.trainer(&device(), data).unwrap();
    trainer.options_mut().run = Some(run.to_path_buf());
    trainer
}

/// The bytes of the last checkpoint: tensors, then state.
fn bytes(run: &Path) -> [Vec<u8>; 2] {
    [Kind::Last.file_name(), Kind::Last.state_file_name()].map(|name| std::fs::read(run.join(name)).unwrap())
}

fn whole_run(what: &(Recipe, Data)) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = trainer(what, folder.path());
    trainer.fit_blocking(&what.1.train, &mut Quiet).unwrap();
    assert_eq!(trainer.position().epoch, what.0.epochs);
    bytes(folder.path())
}

/// The same, stopped in the middle.
fn resumed_run(what: &(Recipe, Data)) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let middle = what.0.epochs / 2;
    {
        let mut trainer = trainer(what, folder.path());
        trainer.options_mut().stop_after = Some(middle);
        trainer.fit_blocking(&what.1.train, &mut Quiet).unwrap();
        assert_eq!(trainer.position().epoch, middle);
    }
    let mut trainer = trainer(what, folder.path());
    // As if on another machine.
    trainer.options_mut().workers = 3;
    trainer.resume(folder.path()).unwrap();
    trainer.fit_blocking(&what.1.train, &mut Quiet).unwrap();
    assert_eq!(trainer.history().rows.len(), what.0.epochs as usize);
    bytes(folder.path())
}

/// A built-in recipe, shortened, on made samples of the shape that it reads.
fn shortened(name: &str) -> (Recipe, Data) {
    let mut recipe = Recipe::built_in(name).unwrap();
    recipe.epochs = 2;
    recipe.batch_size = 4;
    let (shape, classes) = match &mut recipe.data {
        Source::Digits { train, test, .. } => {
            (*train, *test) = (10, 5);
            return (recipe.clone(), recipe.data(None).unwrap());
        }
        Source::Values { .. } => return (recipe.clone(), recipe.data(None).unwrap()),
        Source::Mnist { .. } => ([1, 28, 28], 10),
        Source::Cifar10(_) => ([3, 32, 32], 10),
        Source::Images(pictures) => {
            // Photographs of full size take a software adapter long.
            pictures.size = 32.into();
            ([pictures.channels, 32, 32], 2)
        }
        other => panic!("{name}: how are samples of {other:?} made?"),
    };
    let set = |samples: usize, seed: u64| {
        let mut rng = Rng::new(seed, 0);
        let pixels: Vec<u8> = (0..samples * shape.iter().product::<usize>()).map(|_| rng.next_u64() as u8).collect();
        let labels: Vec<u32> = (0..samples as u32).map(|n| n % classes).collect();
        let names = (0..classes).map(|k| k.to_string()).collect();
        Dataset::new(name, Inputs::U8(pixels.into()), &shape, Targets::Classes(labels.into()), names).unwrap()
    };
    // A recipe that splits its set off has no other to test with.
    let splits = matches!(&recipe.data, Source::Images(pictures) if pictures.test.is_none());
    let test = (!splits).then(|| set(6, 2));
    let data = recipe.sets(set(20, 1), None, test).unwrap();
    (recipe, data)
}

#[test]
fn the_same_seed_gives_the_same_checkpoint() {
    for extra in [Extra::Nothing, Extra::Dropout, Extra::BatchNorm, Extra::Augment] {
        let first = whole_run(&recipe(7, extra));
        assert!(first == whole_run(&recipe(7, extra)), "{extra:?}: two runs of one seed differ");
        assert!(first == resumed_run(&recipe(7, extra)), "{extra:?}: the run stopped after epoch 2 and resumed differs");
    }
}

#[test]
fn every_built_in_recipe_gives_the_same_checkpoint_interrupted_or_not() {
    for (name, _) in BUILT_IN {
        let what = shortened(name);
        assert!(whole_run(&what) == resumed_run(&what), "{name}: the run stopped after epoch 1 and resumed differs");
    }
}

#[test]
fn another_seed_gives_another_checkpoint() {
    assert!(whole_run(&recipe(7, Extra::Nothing))[0] != whole_run(&recipe(8, Extra::Nothing))[0]);
}

#[test]
fn dropout_changes_what_is_learned() {
    assert!(whole_run(&recipe(7, Extra::Nothing))[0] != whole_run(&recipe(7, Extra::Dropout))[0]);
}
