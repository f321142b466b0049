//! Layers one after the other, built: a whole network, or what a container holds.

use super::{Built, Layer, Pass, Site};
use crate::Error;
use std::cell::Cell;
use wgrad_tensor::{Device, Tensor, Variable};

/// A built layer with its place in the network.
pub(crate) struct Part {
    /// Its name within its chain: its number, or a block's own name.
    pub(crate) name: String,
    /// Prefix of its variables' names, `layers.3.body.0`.
    pub(crate) path: String,
    pub(crate) layer: Layer,
    /// Shape of one sample before it.
    pub(crate) input: Vec<usize>,
    pub(crate) built: Built,
}

/// Built layers, one after the other.
pub(crate) struct Chain {
    pub(crate) parts: Vec<Part>,
    /// Shape of one sample behind the last.
    pub(crate) output: Vec<usize>,
}

impl Chain {
    /// Builds a network's layers; the prefix of all names is `layers`.
    pub(crate) fn network(layers: &[Layer], input: &[usize], device: &Device, seed: u64) -> Result<Self, Error> {
        let count = Cell::new(0);
        Self::build(layers, input, &Site { device, seed, index: 0, path: "layers".to_owned(), count: &count })
    }

    /// Builds layers whose names begin with the path of `site`.
    pub(crate) fn build(layers: &[Layer], input: &[usize], site: &Site<'_>) -> Result<Self, Error> {
        let mut shape = input.to_vec();
        let mut parts: Vec<Part> = Vec::with_capacity(layers.len());
        for (number, layer) in layers.iter().enumerate() {
            let name = layer.name().map_or_else(|| number.to_string(), str::to_owned);
            let site = site.layer(&name);
            if layer.name().is_some() {
                check_name(&name, &parts).map_err(|message| site.error(layer, message))?;
            }
            let built = layer.build(&shape, &site)?;
            let input = std::mem::replace(&mut shape, built.output.clone());
            parts.push(Part { name, path: site.path, layer: layer.clone(), input, built });
        }
        Ok(Self { parts, output: shape })
    }

    /// The output for a batch; a pass that watches is told what every layer gives.
    pub(crate) fn forward(&self, x: &Tensor, pass: &Pass) -> Tensor {
        self.parts.iter().fold(x.clone(), |x, part| {
            let y = (part.built.forward)(&x, pass);
            pass.tell(&part.path, &y);
            y
        })
    }

    /// Every parameter, in the order of the layers.
    pub(crate) fn parameters(&self) -> Vec<Variable> {
        self.parts.iter().flat_map(|part| part.built.parameters()).collect()
    }

    /// Every buffer, in the order of the layers.
    pub(crate) fn buffers(&self) -> Vec<Variable> {
        self.parts.iter().flat_map(|part| part.built.buffers()).collect()
    }

    /// The fewest samples of a batch that all layers can train on.
    pub(crate) fn least_batch(&self) -> usize {
        self.parts.iter().map(|part| part.built.least_batch()).max().unwrap_or(1)
    }

    /// The last convolution's feature maps as the network goes on with them: behind the norm and the activation that follow, and as a
    /// whole where it is in a residual or one of several branches.
    pub(crate) fn feature_maps(&self) -> Option<&Part> {
        let last = self.parts.iter().rposition(|part| part.layer.convolves())?;
        if let (Layer::Block(_), [(_, inside)]) = (&self.parts[last].layer, self.parts[last].built.inside.as_slice()) {
            return inside.feature_maps();
        }
        let follows = |part: &&Part| part.layer.is_pointwise() && part.built.output.len() == 3;
        let more = self.parts[last + 1..].iter().take_while(follows).count();
        Some(&self.parts[last + more]).filter(|part| part.built.output.len() == 3)
    }

    /// Visits every layer, those inside containers behind their container: its depth from 0, its name within the container.
    pub(crate) fn walk<'c>(&'c self, visit: &mut dyn FnMut(usize, String, &'c Part)) {
        self.walk_at(0, "", visit);
    }

    fn walk_at<'c>(&'c self, depth: usize, prefix: &str, visit: &mut dyn FnMut(usize, String, &'c Part)) {
        for part in &self.parts {
            visit(depth, format!("{prefix}{}", part.name), part);
            for (name, inside) in &part.built.inside {
                let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
                inside.walk_at(depth + 1, &prefix, visit);
            }
        }
    }
}

/// Whether a block may have this name beside the layers before it.
fn check_name(name: &str, before: &[Part]) -> Result<(), String> {
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && name.chars().any(|c| !c.is_ascii_digit());
    if !fits {
        return Err(format!("`name` is {name:?}; take letters, digits, dashes and underscores, and not digits alone, which are the numbers of layers"));
    }
    match before.iter().any(|part| part.name == name) {
        true => Err(format!("`name` is {name:?}, and so is that of a block before it; each needs one of its own")),
        false => Ok(()),
    }
}
