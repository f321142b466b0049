//! Normalisation: (x − mean)/√(variance + eps)·weight + bias; which values share a mean and a variance tells the layers apart.

use super::{Built, Layer, Pass, Site};
use crate::recipe::record;
use crate::{Error, Init};
use wgrad_tensor::{Data, Tensor, Variable};

/// Over each channel of a batch (Ioffe and Szegedy 2015). Samples are [channels, …].
///
/// While training, mean and variance are the batch's, and the running ones follow them: running ← (1 − momentum)·running + momentum·new,
/// the variance with n − 1 in the divisor (PyTorch's rule). Otherwise the running ones normalise.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// The share of the batch in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

record!(BatchNorm, "a batch_norm layer" { momentum: or(0.1), eps: or(1e-5), affine: or(true) });

impl Default for BatchNorm {
    fn default() -> Self {
        Self { momentum: 0.1, eps: 1e-5, affine: true }
    }
}

/// Over each sample's last axes (Ba, Kiros and Hinton 2016).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    /// The extents of these axes; absent: the last axis.
    pub normalized_shape: Option<Vec<usize>>,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

record!(LayerNorm, "a layer_norm layer" { normalized_shape: optional, eps: or(1e-5), affine: or(true) });

impl Default for LayerNorm {
    fn default() -> Self {
        Self { normalized_shape: None, eps: 1e-5, affine: true }
    }
}

/// x/√(mean of x² + eps)·weight over each sample's last axes (Zhang and Sennrich 2019).
#[derive(Debug, Clone, PartialEq)]
pub struct RmsNorm {
    /// The extents of these axes; absent: the last axis.
    pub normalized_shape: Option<Vec<usize>>,
    /// Added to the mean square; where a recipe says nothing, the distance from 1 to the next f32 (PyTorch's default).
    pub eps: f64,
    /// Whether there is a weight.
    pub affine: bool,
}

record!(RmsNorm, "an rms_norm layer" { normalized_shape: optional, eps: or(f64::from(f32::EPSILON)), affine: or(true) });

impl Default for RmsNorm {
    fn default() -> Self {
        Self { normalized_shape: None, eps: f64::from(f32::EPSILON), affine: true }
    }
}

/// Over each group of channels of a sample (Wu and He 2018). Samples are [channels, …].
#[derive(Debug, Clone, PartialEq)]
pub struct GroupNorm {
    /// The number of groups; it divides the number of channels.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

record!(GroupNorm, "a group_norm layer" { groups: required, eps: or(1e-5), affine: or(true) });

/// Over each channel of a sample (Ulyanov et al. 2016): a group norm with as many groups as channels. As in PyTorch without weight and
/// bias, unless `affine` asks for them.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

record!(InstanceNorm, "an instance_norm layer" { eps: or(1e-5), affine: or(false) });

/// Weight and bias, ones and zeros at first.
#[derive(Clone, Default)]
struct Affine {
    weight: Option<Variable>,
    bias: Option<Variable>,
}

impl Affine {
    fn new(site: &Site<'_>, shape: &[usize], weight: bool, bias: bool) -> Result<Self, Error> {
        let made = |wanted: bool, name: &str, init: Init| if wanted { variable(site, name, shape, init).map(Some) } else { Ok(None) };
        Ok(Self { weight: made(weight, "weight", Init::Ones)?, bias: made(bias, "bias", Init::Zeros)? })
    }

    fn parameters(&self) -> Vec<Variable> {
        self.weight.iter().chain(&self.bias).cloned().collect()
    }

    fn values(&self) -> [Option<Tensor>; 2] {
        [&self.weight, &self.bias].map(|v| v.as_ref().map(Variable::value))
    }
}

fn variable(site: &Site<'_>, name: &str, shape: &[usize], init: Init) -> Result<Variable, Error> {
    let values = init.draw(shape.iter().product(), 1, 1, site.seed, 0);
    Ok(Variable::new(site.device, format!("{}.{name}", site.path), &Data::f32(shape.to_vec(), &values)?)?)
}

/// What all norms want of `eps`.
fn check_eps(eps: f64, layer: &Layer, site: &Site<'_>) -> Result<(), Error> {
    match eps >= 0.0 && eps.is_finite() {
        true => Ok(()),
        false => Err(site.error(layer, format!("`eps` is {eps}; it must be 0 or more"))),
    }
}

/// The number of channels of a sample and of values of each.
fn channels(layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<(usize, usize), Error> {
    match input {
        [channels, rest @ ..] if input.iter().all(|&n| n > 0) => Ok((*channels, rest.iter().product())),
        _ => Err(site.error(layer, format!("it takes samples of [channels, …], and is given {input:?}"))),
    }
}

impl BatchNorm {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        check_eps(self.eps, layer, site)?;
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(site.error(layer, format!("`momentum` is {}; it must be from 0 to 1", self.momentum)));
        }
        let (channels, each) = channels(layer, input, site)?;
        let affine = Affine::new(site, &[channels], self.affine, self.affine)?;
        let mean = variable(site, "running_mean", &[channels], Init::Zeros)?;
        let variance = variable(site, "running_var", &[channels], Init::Ones)?;
        let (eps, momentum, parameters, buffers) = (self.eps, self.momentum, affine.parameters(), vec![mean.clone(), variance.clone()]);
        // [channels, 1, …] broadcasts over what stands behind the channels.
        let column: Vec<i64> = (0..input.len()).map(|axis| if axis == 0 { channels as i64 } else { 1 }).collect();
        let forward = move |x: &Tensor, pass: &Pass| {
            let [weight, bias] = affine.values();
            if pass.trains() {
                let [y, batch_mean, batch_variance] = x.batch_norm(weight.as_ref(), bias.as_ref(), eps);
                let n = (x.shape()[0] * each) as f64;
                let unbiased = &batch_variance * (n / (n - 1.0).max(1.0));
                for (running, new) in [(&mean, batch_mean), (&variance, unbiased)] {
                    pass.update(running, &(&running.value() * (1.0 - momentum)) + &(&new * momentum));
                }
                return y;
            }
            // One factor and one term a channel: what is left of it for the elements is fused with its neighbours.
            let factor = (&variance.value() + eps).rsqrt();
            let factor = weight.map_or(factor.clone(), |w| &factor * &w);
            let term = (&mean.value() * &factor).neg();
            let term = bias.map_or(term.clone(), |b| &term + &b);
            &(x * &factor.reshape(&column)) + &term.reshape(&column)
        };
        Ok(Built { buffers, least_batch: if each > 1 { 1 } else { 2 }, ..Built::new(parameters, input.to_vec(), forward) })
    }
}

/// The normalised axes: how many of the last ones, and their extents.
fn last_axes<'i>(wanted: Option<&[usize]>, layer: &Layer, input: &'i [usize], site: &Site<'_>) -> Result<&'i [usize], Error> {
    let count = wanted.map_or(1, <[usize]>::len);
    let found = input.len().checked_sub(count).map(|at| &input[at..]);
    match found {
        Some(found) if count > 0 && wanted.is_none_or(|w| w == found) && !found.contains(&0) => Ok(found),
        _ => {
            Err(site
                .error(layer, format!("`normalized_shape` is {:?}; it must be the last extents of the samples, which are {input:?}", wanted.unwrap_or(&[]))))
        }
    }
}

impl LayerNorm {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        check_eps(self.eps, layer, site)?;
        let shape = last_axes(self.normalized_shape.as_deref(), layer, input, site)?;
        let affine = Affine::new(site, shape, self.affine, self.affine)?;
        let (eps, axis, parameters) = (self.eps, -(shape.len() as i64), affine.parameters());
        let forward = move |x: &Tensor, _: &Pass| {
            let [weight, bias] = affine.values();
            x.layer_norm(axis, weight.as_ref(), bias.as_ref(), eps)
        };
        Ok(Built::new(parameters, input.to_vec(), forward))
    }
}

impl RmsNorm {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        check_eps(self.eps, layer, site)?;
        let shape = last_axes(self.normalized_shape.as_deref(), layer, input, site)?;
        let affine = Affine::new(site, shape, self.affine, false)?;
        let (eps, axis, parameters) = (self.eps, -(shape.len() as i64), affine.parameters());
        let forward = move |x: &Tensor, _: &Pass| x.rms_norm(axis, affine.values()[0].as_ref(), eps);
        Ok(Built::new(parameters, input.to_vec(), forward))
    }
}

impl GroupNorm {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        check_eps(self.eps, layer, site)?;
        let (channels, _) = channels(layer, input, site)?;
        if self.groups == 0 || !channels.is_multiple_of(self.groups) {
            return Err(site.error(layer, format!("`groups` is {}; it must divide the {channels} channels of {input:?}", self.groups)));
        }
        let affine = Affine::new(site, &[channels], self.affine, self.affine)?;
        let (eps, groups, parameters) = (self.eps, self.groups, affine.parameters());
        let forward = move |x: &Tensor, _: &Pass| {
            let [weight, bias] = affine.values();
            x.group_norm(groups, weight.as_ref(), bias.as_ref(), eps)
        };
        Ok(Built::new(parameters, input.to_vec(), forward))
    }
}

impl InstanceNorm {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let (groups, each) = channels(layer, input, site)?;
        if each == 1 {
            return Err(site.error(layer, format!("a channel of {input:?} has but one value, which it would make 0")));
        }
        GroupNorm { groups, eps: self.eps, affine: self.affine }.build(layer, input, site)
    }
}
