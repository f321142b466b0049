//! y = activation(body(x) + shortcut(x)) (He et al. 2015, "Deep residual learning for image recognition").

use super::{Built, Chain, Layer, Site};
use crate::Error;
use crate::recipe::record;
use std::sync::Arc;

/// A body with a way around it. Both give one shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Residual {
    /// What is learned.
    pub body: Vec<Layer>,
    /// The way around it; absent: x itself.
    pub shortcut: Option<Vec<Layer>>,
    /// What follows the sum; absent: nothing.
    pub activation: Option<super::Function>,
}

record!(Residual, "a residual layer" { body: required, shortcut: optional, activation: optional });

impl Residual {
    pub(crate) fn build(&self, layer: &Layer, input: &[usize], site: &Site<'_>) -> Result<Built, Error> {
        let body = Arc::new(Chain::build(&self.body, input, &site.within("body"))?);
        let mut inside = vec![("body".to_owned(), body.clone())];
        let around = match &self.shortcut {
            Some(layers) => Some(Arc::new(Chain::build(layers, input, &site.within("shortcut"))?)),
            None => None,
        };
        inside.extend(around.iter().map(|chain| ("shortcut".to_owned(), chain.clone())));
        let (given, added) = (&body.output, around.as_ref().map_or(input, |chain| &chain.output));
        if given != added {
            let what = if around.is_some() { "the shortcut" } else { "x itself" };
            let advice =
                if around.is_some() { "" } else { ", or give a `shortcut` that does so, such as a conv2d of kernel_size 1 with the stride of the body" };
            return Err(site.error(layer, format!("its body gives {given:?} and {what} is {added:?}; both must be of one shape to be added{advice}")));
        }
        let (output, activation) = (body.output.clone(), self.activation);
        let forward = move |x: &_, pass: &_| {
            let y = body.forward(x, pass);
            let y = match &around {
                Some(around) => &y + &around.forward(x, pass),
                None => &y + x,
            };
            activation.map_or(y.clone(), |a| a.apply(&y))
        };
        Ok(Built { inside, ..Built::new(Vec::new(), output, forward) })
    }
}
