//! Several ways from one input, their outputs one behind the other along the first axis of a sample, the channels
//! (Szegedy et al. 2014, "Going deeper with convolutions").

use super::{Built, Chain, Layer, Site};
use crate::Error;
use crate::recipe::record;
use std::sync::Arc;
use wgrad_tensor::Tensor;

/// Parallel layers whose outputs are joined: [C₁, H, W], [C₂, H, W]… → [C₁ + C₂ + …, H, W].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Branches {
    /// The ways; one without layers is x itself.
    pub branches: Vec<Vec<Layer>>,
}

record!(Branches, "a branches layer" { branches: required });

impl Branches {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let mut inside = Vec::new();
        for (number, layers) in self.branches.iter().enumerate() {
            let name = format!("branches.{number}");
            let chain = Chain::build(layers, input, &site.within(&name))?;
            inside.push((name, Arc::new(chain)));
        }
        let chains: Vec<Arc<Chain>> = inside.iter().map(|(_, chain)| chain.clone()).collect();
        let Some(mut output) = chains.first().map(|chain| chain.output.clone()) else {
            return Err(site.error(layer, "it has no branches; give at least one"));
        };
        for (number, chain) in chains.iter().enumerate() {
            if chain.output.is_empty() || chain.output.get(1..) != output.get(1..) {
                let message = format!("branch {number} gives {:?} and branch 0 {output:?}; all axes but the first must agree", chain.output);
                return Err(site.error(layer, message));
            }
        }
        output[0] = chains.iter().map(|chain| chain.output[0]).sum();
        let forward = move |x: &Tensor, pass: &_| {
            let all: Vec<Tensor> = chains.iter().map(|chain| chain.forward(x, pass)).collect();
            match all.as_slice() {
                [one] => one.clone(),
                [first, rest @ ..] => first.concat(&rest.iter().collect::<Vec<_>>(), 1),
                [] => x.clone(),
            }
        };
        Ok(Built { inside, ..Built::new(Vec::new(), output, forward) })
    }
}
