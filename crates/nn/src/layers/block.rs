//! Layers under one name: y = layers(x). What it changes is the path of their variables, `layers.stem.0.weight`.

use super::{Built, Chain, Layer, Site};
use crate::Error;
use crate::recipe::record;
use std::sync::Arc;

/// Layers one after the other, as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Stands in the path of the variables for the layer's number.
    pub name: Option<String>,
    /// What it holds.
    pub layers: Vec<Layer>,
}

record!(Block, "a block" { name: optional, layers: required });

impl Block {
    /// Layers under a name.
    pub fn new(name: &str, layers: impl Into<Vec<Layer>>) -> Self {
        Self { name: Some(name.to_owned()), layers: layers.into() }
    }

    pub(crate) fn build(&self, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let chain = Arc::new(Chain::build(&self.layers, input, site)?);
        let inside = vec![(String::new(), chain.clone())];
        Ok(Built { inside, ..Built::new(Vec::new(), chain.output.clone(), move |x, pass| chain.forward(x, pass)) })
    }
}
