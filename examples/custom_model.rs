//! A network that is no chain of layers: two residual blocks, written as a `Model` with plain tensors.
//!
//! ```text
//! cargo run --release --example custom_model
//! ```
//!
//! The trainer needs a forward pass, the variables and the shapes; gradients come from the graph that the forward pass
//! builds.

use std::sync::Arc;
use wgrad::nn::Init;
use wgrad::prelude::*;

/// y = x W + b.
struct Dense {
    weight: Variable,
    bias: Variable,
}

impl Dense {
    /// `stream` sets the random numbers of one layer apart from those of the others.
    fn new(device: &Device, name: &str, inputs: usize, outputs: usize, stream: u64) -> Result<Self, wgrad::tensor::Error> {
        let draw = Init::Default.draw(inputs * outputs, inputs, outputs, 1, stream);
        let weight = Variable::new(device, format!("{name}.weight"), &Data::f32([inputs, outputs], &draw)?)?;
        let bias = Variable::new(device, format!("{name}.bias"), &Data::f32([outputs], &vec![0.0; outputs])?)?;
        Ok(Self { weight, bias })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.weight.value()) + self.bias.value()
    }
}

/// 784 → 64, twice x + silu(x W + b), 64 → 10.
struct Residual {
    first: Dense,
    blocks: Vec<Dense>,
    last: Dense,
}

impl Residual {
    fn new(device: &Device) -> Result<Self, wgrad::tensor::Error> {
        let first = Dense::new(device, "first", 784, 64, 0)?;
        let blocks = (0..2).map(|n| Dense::new(device, &format!("blocks.{n}"), 64, 64, 1 + n)).collect::<Result<_, _>>()?;
        Ok(Self { first, blocks, last: Dense::new(device, "last", 64, 10, 3)? })
    }

    fn layers(&self) -> impl Iterator<Item = &Dense> {
        std::iter::once(&self.first).chain(&self.blocks).chain(std::iter::once(&self.last))
    }
}

impl Model for Residual {
    fn forward(&self, x: &Tensor, _pass: &Pass) -> Tensor {
        // x is [batch, 1, 28, 28]; -1 takes what is left.
        let x = self.first.forward(&x.reshape(&[-1, 784])).silu();
        let x = self.blocks.iter().fold(x, |x, block| &x + &block.forward(&x).silu());
        self.last.forward(&x)
    }

    fn parameters(&self) -> Vec<Variable> {
        self.layers().flat_map(|layer| [layer.weight.clone(), layer.bias.clone()]).collect()
    }

    fn input_shape(&self) -> &[usize] {
        &[1, 28, 28]
    }

    fn output_shape(&self) -> &[usize] {
        &[10]
    }

    fn summary(&self) -> String {
        let count: usize = self.parameters().iter().map(|p| p.ty().shape.numel()).sum();
        format!("residual network, {} blocks, {count} parameters", self.blocks.len())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::open_blocking(&Select::Auto)?;
    let train = Arc::new(digits(Split::Train, 4000, 1)?);
    let test = Arc::new(digits(Split::Test, 1000, 1)?);
    let model = Residual::new(&device)?;
    println!("{}", model.summary());
    let options = FitOptions { epochs: 3, validation: Some(test.clone()), clip_norm: Some(1.0), ..FitOptions::default() };
    let mut trainer = Trainer::new(&device, model, Loss::CrossEntropy, Adam::default(), options)?;
    trainer.fit_blocking(&train, &mut *progress(ProgressMode::Auto, Stream::Stdout))?;
    println!("test accuracy {:.4}", trainer.evaluate_blocking(&test)?.accuracy.unwrap_or_default());
    Ok(())
}
