//! VGG of 11 layers (Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image recognition",
//! configuration A), with batch norm or without.

use super::{Size, batch_norm, conv, relu};
use crate::layers::{AdaptiveAvgPool2d, Dropout, Linear, MaxPool2d};
use crate::recipe::record;
use crate::{Init, Layer};

/// Channels of the convolutions; 0 is a pool.
const PLAN: [usize; 13] = [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0];

/// Eight convolutions 3×3 and a head: for large pictures 4096 – 4096 – classes (132,863,336 parameters for 1,000 classes, 132,868,840
/// with batch norm), for small ones a single linear layer, as is usual for CIFAR-10 (9,225,610 for ten classes, 9,231,114 with
/// batch norm).
#[derive(Debug, Clone, PartialEq)]
pub struct Vgg11 {
    /// Outputs.
    pub classes: usize,
    /// The pictures that it is for.
    pub input: Size,
    /// Whether a batch norm follows each convolution.
    pub batch_norm: bool,
    /// Dropout in the head for large pictures.
    pub dropout: f64,
}

record!(Vgg11, "the model vgg11" { classes: required, input: or(Size::Large), batch_norm: or(false), dropout: or(0.5) });

impl Vgg11 {
    /// Without batch norm.
    pub fn new(classes: usize, input: Size) -> Self {
        Self { classes, input, batch_norm: false, dropout: 0.5 }
    }

    /// The same with batch norm.
    pub fn batch_norm(self) -> Self {
        Self { batch_norm: true, ..self }
    }

    /// Its layers.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        for channels in PLAN {
            if channels == 0 {
                layers.push(Layer::MaxPool2d(MaxPool2d::new(2)));
                continue;
            }
            layers.push(Layer::Conv2d(conv(channels, 3).padding(1)));
            layers.extend(self.batch_norm.then(batch_norm));
            layers.push(relu());
        }
        if self.input == Size::Large {
            layers.push(Layer::AdaptiveAvgPool2d(AdaptiveAvgPool2d { output_size: 7.into() }));
        }
        layers.push(Layer::Flatten(Default::default()));
        if self.input == Size::Large {
            for _ in 0..2 {
                layers.extend([Layer::Linear(Linear { init: Init::KaimingUniform, ..Linear::new(4096) }), relu()]);
                layers.extend((self.dropout > 0.0).then_some(Layer::Dropout(Dropout { ratio: self.dropout })));
            }
        }
        layers.push(Layer::Linear(Linear::new(self.classes)));
        layers
    }
}
