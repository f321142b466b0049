//! Initial values of parameters, drawn on the host: the same bytes on every platform for a seed.

use crate::data::rng::Rng;
use crate::recipe::names;

/// How a parameter is filled. With `fan_in` inputs and `fan_out` outputs a unit:
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Init {
    /// U(−b, b) with b = 1/√fan_in: what PyTorch gives a linear layer.
    #[default]
    Default,
    /// U(−b, b) with b = √(6/fan_in) (He et al. 2015, for relu).
    KaimingUniform,
    /// N(0, 2/fan_in) (He et al. 2015, for relu).
    KaimingNormal,
    /// N(0, 2/fan_out) (He et al. 2015, from the gradient's side; usual in residual networks).
    KaimingNormalFanOut,
    /// U(−b, b) with b = √(6/(fan_in + fan_out)) (Glorot and Bengio 2010).
    XavierUniform,
    /// N(0, 2/(fan_in + fan_out)) (Glorot and Bengio 2010).
    XavierNormal,
    /// All zero.
    Zeros,
    /// All one.
    Ones,
}

names!(Init {
    "default" => Default,
    "kaiming_uniform" => KaimingUniform,
    "kaiming_normal" => KaimingNormal,
    "kaiming_normal_fan_out" => KaimingNormalFanOut,
    "xavier_uniform" => XavierUniform,
    "xavier_normal" => XavierNormal,
    "zeros" => Zeros,
    "ones" => Ones,
});

impl Init {
    /// `n` values for a parameter of a unit with these fans; `stream` is the parameter's number in the model.
    pub fn draw(self, n: usize, fan_in: usize, fan_out: usize, seed: u64, stream: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, stream);
        let (fan_in, sum) = (fan_in.max(1) as f32, (fan_in + fan_out).max(1) as f32);
        let mut uniform = |bound: f32| (0..n).map(|_| rng.range(-bound, bound)).collect();
        match self {
            Init::Default => uniform(1.0 / fan_in.sqrt()),
            Init::KaimingUniform => uniform((6.0 / fan_in).sqrt()),
            Init::XavierUniform => uniform((6.0 / sum).sqrt()),
            Init::KaimingNormal => normal(&mut rng, n, (2.0 / fan_in).sqrt()),
            Init::KaimingNormalFanOut => normal(&mut rng, n, (2.0 / fan_out.max(1) as f32).sqrt()),
            Init::XavierNormal => normal(&mut rng, n, (2.0 / sum).sqrt()),
            Init::Zeros => vec![0.0; n],
            Init::Ones => vec![1.0; n],
        }
    }
}

/// `n` normal numbers of the given deviation (Box and Muller 1958), by a library whose bits do not depend on the platform.
fn normal(rng: &mut Rng, n: usize, deviation: f32) -> Vec<f32> {
    let draw = |rng: &mut Rng| {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - f64::from(rng.uniform())));
        let angle = std::f64::consts::TAU * f64::from(rng.uniform());
        [radius * libm::cos(angle), radius * libm::sin(angle)]
    };
    let pairs = (0..n.div_ceil(2)).flat_map(|_| draw(rng));
    pairs.take(n).map(|v| (v * f64::from(deviation)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(v: &[f32]) -> (f64, f64) {
        let n = v.len() as f64;
        let mean = v.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        (mean, v.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n)
    }

    #[test]
    fn variances_are_those_of_the_papers() {
        let (fan_in, fan_out, n) = (784, 128, 784 * 128);
        for (init, variance) in [
            (Init::Default, 1.0 / (3.0 * 784.0)),
            (Init::KaimingUniform, 2.0 / 784.0),
            (Init::KaimingNormal, 2.0 / 784.0),
            (Init::KaimingNormalFanOut, 2.0 / 128.0),
            (Init::XavierUniform, 2.0 / 912.0),
            (Init::XavierNormal, 2.0 / 912.0),
        ] {
            let (mean, found) = moments(&init.draw(n, fan_in, fan_out, 7, 3));
            assert!(mean.abs() < 4.0 * (variance / n as f64).sqrt(), "{init:?} mean {mean}");
            assert!((found / variance - 1.0).abs() < 0.03, "{init:?} variance {found}, expected {variance}");
        }
    }

    #[test]
    fn streams_and_seeds_differ_and_repeat() {
        let draw = |seed, stream| Init::Default.draw(8, 4, 4, seed, stream);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }
}
