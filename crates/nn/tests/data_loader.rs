//! The loader: every sample once an epoch, orders decided by seed and epoch, resuming in mid epoch.

use std::sync::Arc;
use wgrad_nn::data::loader::epoch_order;
use wgrad_nn::data::{BatchTargets, Dataset, Inputs, Loader, LoaderOptions, Targets};

/// `n` samples of one value, sample i holding i and having i for its target.
fn loader(n: usize, options: LoaderOptions) -> Loader {
    let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let targets = Targets::Values { data: values.clone().into(), shape: vec![1] };
    Loader::new(Arc::new(Dataset::new("s", Inputs::F32(values.into()), &[1], targets, vec![]).unwrap()), options)
}

fn options(batch_size: usize) -> LoaderOptions {
    LoaderOptions { batch_size, seed: 3, ..Default::default() }
}

/// The inputs of each batch.
fn epoch(loader: &Loader, epoch: u64, first: usize) -> Vec<Vec<f32>> {
    loader.epoch_from(epoch, first).map(|batch| batch.x.clone()).collect()
}

#[test]
fn every_sample_comes_once_an_epoch_with_its_target() {
    let loader = loader(103, options(10));
    let mut seen = Vec::new();
    for (number, batch) in loader.epoch(0).enumerate() {
        assert_eq!((batch.number, batch.len()), (number, if number == 10 { 3 } else { 10 }));
        assert_eq!(batch.y, BatchTargets::Values(batch.x.clone()));
        assert_eq!(batch.indices, batch.x.iter().map(|&x| x as usize).collect::<Vec<_>>());
        seen.extend_from_slice(&batch.indices);
    }
    assert_ne!(seen, (0..103).collect::<Vec<_>>());
    seen.sort_unstable();
    assert_eq!(seen, (0..103).collect::<Vec<_>>());
}

#[test]
fn order_is_a_pure_function_of_seed_and_epoch() {
    let (a, b) = (loader(64, options(8)), loader(64, options(8)));
    epoch(&a, 0, 0);
    assert_eq!(epoch(&a, 5, 0), epoch(&b, 5, 0));
    assert_ne!(epoch(&a, 5, 0), epoch(&a, 6, 0));
    assert_ne!(epoch_order(64, 3, 5), epoch_order(64, 4, 5));
    assert_eq!(epoch_order(8, 1, 2), [0, 7, 2, 6, 4, 1, 3, 5], "the order must never change: runs could not be repeated");
}

#[test]
fn resumed_epoch_goes_on_with_the_same_batches() {
    let loader = loader(50, options(7));
    let whole = epoch(&loader, 2, 0);
    assert_eq!(whole.len(), loader.batches_per_epoch());
    for first in 0..=whole.len() {
        assert_eq!(epoch(&loader, 2, first), whole[first..]);
        assert_eq!(loader.epoch_from(2, first).len(), whole.len() - first);
    }
    assert!(epoch(&loader, 2, 1000).is_empty());
}

#[test]
fn last_batch_can_be_dropped() {
    let loader = |n, size| loader(n, LoaderOptions { drop_last: true, ..options(size) });
    assert_eq!((loader(25, 10).batches_per_epoch(), epoch(&loader(25, 10), 0, 0).len()), (2, 2));
    assert_eq!((loader(20, 10).batches_per_epoch(), epoch(&loader(20, 10), 0, 0).len()), (2, 2));
    assert_eq!(epoch(&loader(5, 10), 0, 0).len(), 0);
}

#[test]
fn without_shuffling_the_order_is_that_of_the_set() {
    let loader = loader(6, LoaderOptions { shuffle: false, ..options(4) });
    assert_eq!(epoch(&loader, 9, 0), [vec![0.0, 1.0, 2.0, 3.0], vec![4.0, 5.0]]);
}

#[test]
fn batch_size_of_zero_is_one() {
    assert_eq!(epoch(&loader(3, options(0)), 0, 0).len(), 3);
}

#[test]
fn epoch_dropped_early_stops_its_worker() {
    let loader = loader(10_000, options(1));
    let kept = loader.epoch(1).next().unwrap();
    let mut batches = loader.epoch(0);
    for _ in 0..5 {
        batches.next();
    }
    // Returns only once the worker is joined.
    drop(batches);
    assert_eq!(kept.len(), 1);
    // The loader, the epochs' clones being gone, holds the set alone.
    assert_eq!(Arc::strong_count(loader.dataset()), 1);
}

#[test]
fn buffers_go_round() {
    let loader = loader(1000, options(1));
    let mut places = std::collections::HashSet::new();
    for batch in loader.epoch(0) {
        places.insert(batch.x.as_ptr());
    }
    // One in use, one in the making, two ready, and what the worker missed before the first came back.
    assert!(places.len() <= 16, "{} buffers for 1000 batches", places.len());
}
