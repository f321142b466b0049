//! Mixup: two samples laid over each other, and their targets in the same shares (Zhang et al., "mixup: beyond empirical risk
//! minimization", 2017).

use crate::data::dataset::BatchTargets;
use crate::data::rng::Rng;
use crate::recipe::record;

/// Each sample of a batch becomes λ times itself and 1 − λ times another one of the batch; λ of Beta(α, α), one for the batch. Targets
/// become shares of classes, f32 [batch, classes].
#[derive(Debug, Clone, PartialEq)]
pub struct Mixup {
    /// α: the smaller, the oftener nearly nothing is mixed; above 0, 4 at most.
    pub alpha: f32,
}

record!(Mixup, "the transform mixup" { alpha: or(0.2) });

impl Mixup {
    pub(super) fn fault(&self) -> Option<String> {
        (!(self.alpha > 0.0 && self.alpha <= 4.0)).then(|| format!("mixup with alpha = {}; it must be above 0 and no more than 4", self.alpha))
    }

    /// Mixes a batch of `n` samples, whose targets are labels of `classes` classes or values.
    pub(crate) fn apply(&self, n: usize, classes: usize, x: &mut [f32], y: &mut BatchTargets, mut rng: Rng) {
        let share = beta(f64::from(self.alpha), &mut rng) as f32;
        let mut partner: Vec<usize> = (0..n).collect();
        rng.shuffle(&mut partner);
        mix(x, n, share, &partner);
        if let BatchTargets::Classes(labels) = y {
            let mut shares = vec![0.0; n * classes];
            // invariant: labels are below the number of classes, which sets check.
            labels.iter().zip(shares.chunks_exact_mut(classes)).for_each(|(&label, row)| row[label as usize] = 1.0);
            *y = BatchTargets::Values(shares);
        }
        if let BatchTargets::Values(values) = y {
            mix(values, n, share, &partner);
        }
    }
}

fn mix(values: &mut [f32], n: usize, share: f32, partner: &[usize]) {
    let each = values.len() / n.max(1);
    let before = values.to_vec();
    for (row, &other) in values.chunks_exact_mut(each.max(1)).zip(partner) {
        row.iter_mut().zip(&before[other * each..][..each]).for_each(|(v, other)| *v = share * *v + (1.0 - share) * other);
    }
}

/// A number of Beta(α, α), by rejection (Jöhnk, 1964).
fn beta(alpha: f64, rng: &mut Rng) -> f64 {
    loop {
        // Never 0, so that a sum is not either.
        let mut power = || libm::pow(f64::from(rng.uniform()) + 1e-9, 1.0 / alpha);
        let (a, b) = (power(), power());
        if a + b <= 1.0 && a + b > 0.0 {
            return a / (a + b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_moments_of_beta() {
        for alpha in [0.05, 0.2, 1.0, 4.0] {
            let mut rng = Rng::new(1, 1);
            let draws: Vec<f64> = (0..4000).map(|_| beta(alpha, &mut rng)).collect();
            let mean = draws.iter().sum::<f64>() / 4000.0;
            let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / 4000.0;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.04 && (variance / expected - 1.0).abs() < 0.1, "{alpha}: {mean} {variance} {expected}");
        }
    }

    #[test]
    fn targets_are_mixed_as_the_samples_are() {
        let mut x = vec![0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        let mut y = BatchTargets::Classes(vec![0, 1, 2]);
        Mixup { alpha: 1.0 }.apply(3, 3, &mut x, &mut y, Rng::new(5, 0));
        let BatchTargets::Values(shares) = y else { panic!("{y:?}") };
        for (sample, shares) in x.chunks(2).zip(shares.chunks(3)) {
            assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!((sample[0] - (shares[1] + 2.0 * shares[2])).abs() < 1e-6 && sample[0] == sample[1], "{sample:?} {shares:?}");
        }
        let mut y = BatchTargets::Values(vec![0.0, 1.0, 2.0]);
        let mut x = vec![0.0, 1.0, 2.0];
        Mixup { alpha: 1.0 }.apply(3, 0, &mut x, &mut y, Rng::new(5, 0));
        assert_eq!(y, BatchTargets::Values(x));
    }
}
