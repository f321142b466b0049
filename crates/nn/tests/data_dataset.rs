//! Sets in memory: what is refused, how batches are filled, how views and splits behave.

use wgrad_nn::data::{BatchTargets, DataError, Dataset, Inputs, Normalize, Targets};

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("class {i}")).collect()
}

/// `n` samples [2, 2] of bytes; sample i holds 4i, 4i + 1, …, its class is i modulo 3.
fn bytes(n: usize) -> Dataset {
    let pixels: Vec<u8> = (0..n * 4).map(|i| i as u8).collect();
    let labels = (0..n as u32).map(|i| i % 3).collect();
    Dataset::new("bytes", Inputs::U8(pixels.into()), &[2, 2], Targets::Classes(labels), names(3)).unwrap()
}

fn batch(set: &Dataset, indices: &[usize]) -> (Vec<f32>, BatchTargets) {
    let (mut x, mut y) = (vec![9.0; 3], BatchTargets::Values(vec![9.0]));
    set.fill_batch(indices, &mut x, &mut y);
    (x, y)
}

#[test]
fn bytes_become_fractions_and_are_normalized_per_channel() {
    let set = bytes(5);
    let (x, y) = batch(&set, &[1, 4]);
    assert_eq!(x, [4.0, 5.0, 6.0, 7.0, 16.0, 17.0, 18.0, 19.0].map(|v| v / 255.0));
    assert_eq!(y, BatchTargets::Classes(vec![1, 1]));
    let set = set.normalized(Normalize { mean: vec![0.5, 0.25], std: vec![2.0, 4.0] }).unwrap();
    let (x, _) = batch(&set, &[0]);
    let expected = [(0.0 - 0.5) / 2.0, (1.0 / 255.0 - 0.5) / 2.0, (2.0 / 255.0 - 0.25) / 4.0, (3.0 / 255.0 - 0.25) / 4.0];
    assert_eq!(x, expected);
}

#[test]
fn values_with_values_for_targets() {
    let targets = Targets::Values { data: vec![2.0, 4.0, 6.0].into(), shape: vec![1] };
    let set = Dataset::new("line", Inputs::F32(vec![1.0, 2.0, 3.0].into()), &[1], targets, vec![]).unwrap();
    assert_eq!(batch(&set, &[2, 0]), (vec![3.0, 1.0], BatchTargets::Values(vec![6.0, 2.0])));
    assert_eq!((set.target_shape(), set.label(0)), (&[1][..], None));
}

#[test]
fn subset_of_a_subset() {
    let set = bytes(6).subset(&[5, 3, 1]);
    let inner = set.subset(&[2, 0]);
    assert_eq!((set.len(), inner.len()), (3, 2));
    assert_eq!(batch(&inner, &[0, 1]), batch(&bytes(6), &[1, 5]));
    assert_eq!((inner.label(0), inner.label(1), inner.label(2)), (Some(1), Some(2), None));
    assert_eq!(bytes(6).take(100).len(), 6);
}

#[test]
fn validation_split_is_disjoint_whole_and_decided_by_the_seed() {
    let set = bytes(50);
    let rows = |part: &Dataset| -> Vec<usize> {
        let all: Vec<usize> = (0..part.len()).collect();
        batch(part, &all).0.chunks(4).map(|sample| (sample[0] * 255.0).round() as usize / 4).collect()
    };
    let (training, validation) = set.split_validation(0.2, 7).unwrap();
    let (left, held) = (rows(&training), rows(&validation));
    assert_eq!((left.len(), held.len()), (40, 10));
    let mut all = [left.clone(), held.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..50).collect::<Vec<_>>());
    let again = set.split_validation(0.2, 7).unwrap();
    assert_eq!((rows(&again.0), rows(&again.1)), (left, held.clone()));
    assert_ne!(rows(&set.split_validation(0.2, 8).unwrap().1), held);
    assert_ne!(held, (0..10).collect::<Vec<_>>(), "the split must not be the first samples");
}

#[test]
fn splits_that_leave_a_part_empty_are_refused() {
    for fraction in [0.0, 1.0, -0.1, 1.5, 0.001, 0.999, f64::NAN, f64::INFINITY] {
        let error = bytes(50).split_validation(fraction, 1).unwrap_err();
        assert!(matches!(error, DataError::Setting { .. }), "{fraction}: {error}");
    }
}

#[test]
fn contents_that_do_not_fit_are_refused() {
    let new = |values: usize, shape: &[usize], labels: Vec<u32>, classes| {
        Dataset::new("s", Inputs::U8(vec![0; values].into()), shape, Targets::Classes(labels.into()), names(classes)).unwrap_err()
    };
    assert!(matches!(new(7, &[2, 2], vec![0], 1), DataError::Shape { len: 7, each: 4, .. }));
    assert!(matches!(new(8, &[0], vec![0], 1), DataError::Shape { .. }));
    assert!(matches!(new(8, &[usize::MAX, 2], vec![0], 1), DataError::Shape { .. }));
    assert!(matches!(new(8, &[4], vec![0], 1), DataError::CountMismatch { inputs: 2, targets: 1, .. }));
    assert!(matches!(new(8, &[4], vec![0, 3], 3), DataError::Label { label: 3, sample: 1, .. }));
    assert!(matches!(new(0, &[4], vec![], 3), DataError::Setting { .. }));
}

#[test]
fn normalization_that_makes_no_sense_is_refused() {
    let bad = [(vec![0.0; 3], vec![1.0; 3]), (vec![0.0; 2], vec![1.0]), (vec![], vec![]), (vec![0.0], vec![0.0]), (vec![f32::NAN], vec![1.0])];
    for (mean, std) in bad {
        let normalize = Normalize { mean, std };
        assert!(bytes(2).normalized(normalize.clone()).is_err(), "{normalize:?}");
    }
}
