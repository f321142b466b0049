//! Models: something with parameters and a forward pass, and the sequential kind.

use crate::layers::{Built, Layer, Linear, Pass, Site};
use crate::{Dropout, Error};
use std::fmt::Write as _;
use wgrad_tensor::{Device, Tensor, Variable};

/// What the trainer needs of a model. Implement it for a network that is not a chain.
pub trait Model: Send + Sync {
    /// The output for a batch: x [batch, input shape…] → [batch, output shape…].
    fn forward(&self, x: &Tensor, pass: &Pass) -> Tensor;

    /// Every parameter, in a fixed order, each with a name of its own.
    fn parameters(&self) -> Vec<Variable>;

    /// Shape of one sample of the input.
    fn input_shape(&self) -> &[usize];

    /// Shape of one sample of the output.
    fn output_shape(&self) -> &[usize];

    /// Whether a training pass draws random numbers.
    fn is_random(&self) -> bool {
        false
    }

    /// A table for people: layers, output shapes, numbers of parameters.
    fn summary(&self) -> String;

    /// The structure as text: equal for models whose checkpoints fit each other.
    fn fingerprint(&self) -> String {
        let names = self.parameters().iter().map(|p| format!("{} {}", p.name(), p.ty().shape)).collect::<Vec<_>>();
        names.join("; ")
    }
}

/// Layers one after the other.
pub struct Sequential {
    layers: Vec<(Layer, Built)>,
    input: Vec<usize>,
    output: Vec<usize>,
}

/// Layers to be built. [`Sequential::new`] starts one.
#[derive(Debug, Clone)]
pub struct SequentialBuilder {
    input: Vec<usize>,
    layers: Vec<Layer>,
}

impl Sequential {
    /// Starts a model for samples of shape `input` (batch axis left out).
    #[expect(clippy::new_ret_no_self, reason = "a model exists only once its shapes are checked: `build` makes it")]
    pub fn new(input: impl Into<Vec<usize>>) -> SequentialBuilder {
        SequentialBuilder { input: input.into(), layers: Vec::new() }
    }
}

impl SequentialBuilder {
    /// Appends a layer.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Appends a fully connected layer of `units` outputs.
    pub fn linear(self, units: usize) -> Self {
        self.layer(Layer::Linear(Linear::new(units)))
    }

    /// Flattens each sample.
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten(Default::default()))
    }

    /// Appends a relu.
    pub fn relu(self) -> Self {
        self.layer(Layer::Relu(Default::default()))
    }

    /// Appends a dropout.
    pub fn dropout(self, ratio: f64) -> Self {
        self.layer(Layer::Dropout(Dropout { ratio }))
    }

    /// Checks every shape and puts the parameters on the device, filled from `seed`.
    ///
    /// # Errors
    /// [`Error::Layer`] names the layer that does not fit and both shapes; a device error where memory runs out.
    pub fn build(self, device: &Device, seed: u64) -> Result<Sequential, Error> {
        let mut shape = self.input.clone();
        let mut layers = Vec::new();
        for (index, layer) in self.layers.into_iter().enumerate() {
            let site = Site { device, seed, index, path: format!("layers.{index}") };
            let built = layer.build(&shape, &site)?;
            shape.clone_from(&built.output);
            layers.push((layer, built));
        }
        Ok(Sequential { layers, input: self.input, output: shape })
    }
}

impl Model for Sequential {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Tensor {
        self.layers.iter().fold(x.clone(), |x, (_, built)| (built.forward)(&x, pass))
    }

    fn parameters(&self) -> Vec<Variable> {
        self.layers.iter().flat_map(|(_, built)| built.parameters.iter().cloned()).collect()
    }

    fn input_shape(&self) -> &[usize] {
        &self.input
    }

    fn output_shape(&self) -> &[usize] {
        &self.output
    }

    fn is_random(&self) -> bool {
        self.layers.iter().any(|(layer, _)| layer.is_random())
    }

    fn summary(&self) -> String {
        let shape = |s: &[usize]| format!("[batch{}]", s.iter().map(|n| format!(", {n}")).collect::<String>());
        let mut rows = vec![("layer".to_owned(), "output".to_owned(), "parameters".to_owned()), ("input".to_owned(), shape(&self.input), "0".to_owned())];
        let count = |built: &Built| built.parameters.iter().map(|p| p.ty().shape.numel()).sum::<usize>();
        let mut total = 0;
        for (index, (layer, built)) in self.layers.iter().enumerate() {
            total += count(built);
            rows.push((format!("{index} {layer}"), shape(&built.output), grouped(count(built))));
        }
        let width = |f: fn(&(String, String, String)) -> &String| rows.iter().map(|r| f(r).chars().count()).max().unwrap_or(0);
        let (a, b, c) = (width(|r| &r.0), width(|r| &r.1), width(|r| &r.2));
        let mut out = String::new();
        for (index, (layer, output, parameters)) in rows.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{layer:<a$}  {output:<b$}  {parameters:>c$}");
            if index == 0 {
                let _ = writeln!(out, "{}", "─".repeat(a + b + c + 4));
            }
        }
        let _ = write!(out, "{}\n{} parameters, {} in f32", "─".repeat(a + b + c + 4), grouped(total), wgrad_tensor::runtime::human(4 * total as u64));
        out
    }
}

/// A number with its thousands set apart: 101,770.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
