//! ResNet of 18 layers (He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition").

use super::{Size, batch_norm, conv, relu};
use crate::Layer;
use crate::layers::{Block, Conv2d, Function, Linear, MaxPool2d, Residual};
use crate::recipe::record;

/// Four stages of two residual blocks, 64 to 512 channels. For large pictures it begins with a convolution 7×7 of stride 2 and a
/// pool (11,689,512 parameters for 1,000 classes), for small ones with one 3×3 and no pool, as is usual for CIFAR-10 (11,173,962
/// for ten classes).
#[derive(Debug, Clone, PartialEq)]
pub struct Resnet18 {
    /// Outputs.
    pub classes: usize,
    /// The pictures that it is for.
    pub input: Size,
}

record!(Resnet18, "the model resnet18" { classes: required, input: or(Size::Large) });

impl Resnet18 {
    /// For pictures of this size.
    pub fn new(classes: usize, input: Size) -> Self {
        Self { classes, input }
    }

    /// Its layers: blocks `stem`, `layer1` to `layer4`, the mean of each channel, a linear layer.
    pub fn layers(&self) -> Vec<Layer> {
        let mut stem = match self.input {
            Size::Small => plain(conv(64, 3).padding(1)),
            Size::Large => plain(conv(64, 7).stride(2).padding(3)),
        };
        stem.push(relu());
        if self.input == Size::Large {
            stem.push(Layer::MaxPool2d(MaxPool2d { stride: Some(2.into()), padding: 1.into(), ..MaxPool2d::new(3) }));
        }
        let mut layers = vec![Layer::Block(Block::new("stem", stem))];
        for (stage, channels) in (1..).zip([64, 128, 256, 512]) {
            let stride = if stage == 1 { 1 } else { 2 };
            layers.push(Layer::Block(Block::new(&format!("layer{stage}"), [block(channels, stride), block(channels, 1)])));
        }
        layers.extend([Layer::GlobalAvgPool2d(Default::default()), Layer::Linear(Linear::new(self.classes))]);
        layers
    }
}

/// A convolution without bias, which the batch norm behind it has.
fn plain(conv: Conv2d) -> Vec<Layer> {
    vec![Layer::Conv2d(Conv2d { bias: false, ..conv }), batch_norm()]
}

/// Two convolutions 3×3, and a way around them: a projection where the stride makes the picture smaller.
fn block(channels: usize, stride: usize) -> Layer {
    let mut body = plain(conv(channels, 3).stride(stride).padding(1));
    body.push(relu());
    body.extend(plain(conv(channels, 3).padding(1)));
    let shortcut = (stride > 1).then(|| plain(conv(channels, 1).stride(stride)));
    Layer::Residual(Residual { body, shortcut, activation: Some(Function::Relu) })
}
