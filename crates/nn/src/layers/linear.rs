//! y = x W + b: x [batch, in], W [in, units], b \[units\].

use super::{Built, Layer, Site};
use crate::recipe::record;
use crate::{Error, Init};
use wgrad_tensor::Tensor;

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Outputs a sample. Absent: as many as the data have classes, where it is the last layer of a recipe.
    pub units: Option<usize>,
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weights are filled.
    pub init: Init,
    /// How the bias is filled; absent: as PyTorch does, U(−b, b) with b = 1/√in, and zeros where `init` is not the default.
    pub bias_init: Option<Init>,
}

record!(Linear, "a linear layer" { units: optional, bias: or(true), init: or(Init::Default), bias_init: optional });

impl Linear {
    /// A layer of `units` outputs with bias.
    pub fn new(units: usize) -> Self {
        Self { units: Some(units), bias: true, init: Init::Default, bias_init: None }
    }

    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let &[inputs] = input else {
            let message = format!("it takes samples of one axis, [n], and is given {input:?}; put a `flatten` layer before it");
            return Err(site.error(layer, message));
        };
        let Some(units) = self.units else {
            return Err(site.error(layer, "it does not say how many `units` it has; only a recipe's last layer can do without, where the data have classes"));
        };
        if units == 0 || inputs == 0 {
            return Err(site.error(layer, format!("a weight of shape [{inputs}, {units}] has no elements; give `units` a positive number")));
        }
        let fans = [inputs, units];
        let weight = site.parameter(layer, "weight", &fans, self.init, fans, 0)?;
        let bias_init = self.bias_init.unwrap_or(if self.init == Init::Default { Init::Default } else { Init::Zeros });
        let bias = if self.bias { Some(site.parameter(layer, "bias", &[units], bias_init, fans, 1)?) } else { None };
        let parameters = std::iter::once(weight.clone()).chain(bias.clone()).collect();
        let forward = move |x: &Tensor, _: &super::Pass| {
            let y = x.matmul(&weight.value());
            match &bias {
                Some(bias) => &y + &bias.value(),
                None => y,
            }
        };
        Ok(Built::new(parameters, vec![units], forward))
    }
}
