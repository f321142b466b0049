//! Cross-validation: a set cut into parts, each of which validates what the others trained (Stone 1974).

use super::dataset::Dataset;
use super::error::DataError;
use super::rng::Rng;

/// Stream of [`Rng`] that decides the folds, apart from those of the loader and of the validation split.
const FOLDS_STREAM: u64 = 0x464F_4C44_5300_0000;

/// Cuts a set into `folds` parts: the indices of each, in the order of the set.
///
/// The parts are as large as each other, or differ by one. Where the set has classes they are stratified: of each class every
/// part has as many samples as any other, or one more. Which samples go where is a pure function of the labels, the number of
/// parts and `seed`.
///
/// # Errors
/// [`DataError::Setting`] where there are fewer than two parts, or more than samples.
pub fn folds(set: &Dataset, folds: usize, seed: u64) -> Result<Vec<Vec<usize>>, DataError> {
    if folds < 2 || folds > set.len() {
        let what = format!("{} samples cannot be cut into {folds} folds; take 2 or more, and no more than there are samples", set.len());
        return Err(DataError::Setting { set: set.name().to_owned(), what });
    }
    let mut order: Vec<usize> = (0..set.len()).collect();
    Rng::new(seed, FOLDS_STREAM).shuffle(&mut order);
    // Class by class, dealt like cards: the next class begins where the last one ended, so that the parts are equal too.
    order.sort_by_key(|&sample| set.label(sample));
    let mut parts = vec![Vec::new(); folds];
    order.iter().enumerate().for_each(|(n, &sample)| parts[n % folds].push(sample));
    parts.iter_mut().for_each(|part| part.sort_unstable());
    Ok(parts)
}

/// The set without one of its parts, and that part: what trains, and what validates.
///
/// # Panics
/// Where there is no part of that number, or the parts are not of this set.
pub fn fold(set: &Dataset, parts: &[Vec<usize>], number: usize) -> (Dataset, Dataset) {
    let held = &parts[number];
    let rest: Vec<usize> = (0..set.len()).filter(|sample| held.binary_search(sample).is_err()).collect();
    (set.subset(&rest), set.subset(held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Inputs, Targets};

    fn set(labels: Vec<u32>, classes: usize) -> Dataset {
        let inputs = Inputs::U8(vec![0; labels.len()].into());
        let targets = if classes == 0 { Targets::Values { data: vec![0.0; labels.len()].into(), shape: vec![1] } } else { Targets::Classes(labels.into()) };
        Dataset::new("set", inputs, &[1], targets, (0..classes).map(|k| k.to_string()).collect()).unwrap()
    }

    #[test]
    fn every_sample_is_in_one_part_and_classes_are_spread_evenly() {
        // 37, 20, 5 and 1 samples of four classes.
        let labels: Vec<u32> = (0..63)
            .map(|i| {
                if i < 37 {
                    0
                } else if i < 57 {
                    1
                } else if i < 62 {
                    2
                } else {
                    3
                }
            })
            .collect();
        let set = set(labels.clone(), 4);
        let parts = folds(&set, 5, 9).unwrap();
        let mut all = parts.concat();
        all.sort_unstable();
        assert_eq!(all, (0..63).collect::<Vec<_>>());
        for part in &parts {
            assert!(part.len() == 12 || part.len() == 13, "{parts:?}");
            let count = |class| part.iter().filter(|&&i| labels[i] == class).count();
            assert!((7..=8).contains(&count(0)) && count(1) == 4 && count(2) == 1 && count(3) <= 1, "{parts:?}");
        }
        let (train, held) = fold(&set, &parts, 2);
        assert_eq!((train.len(), held.len()), (63 - parts[2].len(), parts[2].len()));
        assert_eq!(held.label(0), Some(labels[parts[2][0]]));
    }

    #[test]
    fn parts_are_a_function_of_the_seed() {
        let set = set(vec![0; 40], 0);
        assert_eq!(folds(&set, 4, 1).unwrap(), folds(&set, 4, 1).unwrap());
        assert_ne!(folds(&set, 4, 1).unwrap(), folds(&set, 4, 2).unwrap());
        assert!(folds(&set, 4, 1).unwrap().iter().all(|part| part.len() == 10));
        assert_eq!(folds(&set, 40, 1).unwrap().len(), 40);
    }

    #[test]
    fn too_few_and_too_many_are_refused() {
        let set = set(vec![0; 3], 0);
        for n in [0, 1, 4] {
            assert!(folds(&set, n, 1).unwrap_err().to_string().contains("3 samples"), "{n}");
        }
    }
}
