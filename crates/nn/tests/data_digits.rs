//! The drawn digits: the same bytes everywhere, and neither trivial nor hopeless to tell apart.

use sha2::{Digest, Sha256};
use wgrad_nn::data::digits::digits;
use wgrad_nn::data::idx::Split;
use wgrad_nn::data::{BatchTargets, Dataset};

fn all(set: &Dataset) -> (Vec<Vec<f32>>, Vec<i32>) {
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&(0..set.len()).collect::<Vec<_>>(), &mut x, &mut y);
    let BatchTargets::Classes(y) = y else { panic!("digits have classes") };
    (x.chunks(784).map(<[f32]>::to_vec).collect(), y)
}

/// The pixels as bytes again.
fn digest(set: &Dataset) -> String {
    let normalize = set.normalize().unwrap();
    let byte = |x: &f32| ((x * normalize.std[0] + normalize.mean[0]) * 255.0).round() as u8;
    let bytes: Vec<u8> = all(set).0.iter().flatten().map(byte).collect();
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn bytes_are_the_same_on_every_platform() {
    let expected = "5a182be27643e9310fd0e820e470da131d662ce247f1d51f0e9b5076035bb890";
    assert_eq!(digest(&digits(Split::Train, 500, 1).unwrap()), expected);
}

#[test]
fn image_depends_on_seed_split_and_number_alone() {
    let (few, many) = (all(&digits(Split::Train, 20, 5).unwrap()), all(&digits(Split::Train, 40, 5).unwrap()));
    assert_eq!(few.0, many.0[..20]);
    assert_eq!(few.1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_ne!(few.0[0], few.0[10]);
    assert_ne!(few.0[0], all(&digits(Split::Train, 20, 6).unwrap()).0[0]);
    assert_ne!(few.0[0], all(&digits(Split::Test, 20, 5).unwrap()).0[0]);
}

#[test]
fn pixels_are_normalized() {
    let pixels: Vec<f32> = all(&digits(Split::Train, 2000, 9).unwrap()).0.concat();
    let mean = pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64;
    let variance = pixels.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / pixels.len() as f64 - mean * mean;
    assert!(mean.abs() < 0.02 && (variance.sqrt() - 1.0).abs() < 0.02, "{mean} {variance}");
}

#[test]
fn no_samples_is_an_error() {
    assert!(digits(Split::Train, 0, 1).is_err());
}

/// Nearest mean image: well above chance shows that the classes hang together, well below a network's
/// accuracy that there is something to learn.
#[test]
fn classes_are_learnable_but_not_trivial() {
    let (x, y) = all(&digits(Split::Train, 2000, 1).unwrap());
    let mut means = vec![vec![0.0f32; 784]; 10];
    for (x, &y) in x.iter().zip(&y) {
        means[y as usize].iter_mut().zip(x).for_each(|(m, v)| *m += v / 200.0);
    }
    let (x, y) = all(&digits(Split::Test, 1000, 1).unwrap());
    let distance = |x: &[f32], mean: &[f32]| -> f32 { x.iter().zip(mean).map(|(a, b)| (a - b) * (a - b)).sum() };
    let nearest = |x: &[f32]| (0..10).min_by(|&a, &b| distance(x, &means[a]).total_cmp(&distance(x, &means[b])));
    let right = x.iter().zip(&y).filter(|(x, y)| nearest(x) == Some(**y as usize)).count();
    assert!((600..900).contains(&right), "{right} of 1000");
}
