//! Well-known networks, as lists of plain layers.
//!
//! Each is a configuration with a function `layers`. In a recipe it stands where a layer stands, and becomes the layers that it
//! consists of when the recipe is read: the folder of a run holds those.
//!
//! ```
//! use wgrad_nn::models::{Resnet18, Size};
//!
//! let layers = Resnet18::new(10, Size::Small).layers();
//! assert_eq!(layers.len(), 7);
//! ```
//!
//! ```toml
//! [[layers]]
//! kind = "resnet18"
//! classes = 10
//! input = "small"
//! ```

mod inception;
mod lenet;
mod resnet;
mod vgg;

pub use inception::Inception;
pub use lenet::Lenet;
pub use resnet::Resnet18;
pub use vgg::Vgg11;

use crate::layers::{BatchNorm, Conv2d, Pair};
use crate::recipe::{Fault, Setting, kinds, names};
use crate::{Init, Layer};
use toml::Spanned;
use toml::de::DeValue;

/// The pictures that a network is laid out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Size {
    /// About 32×32, as those of CIFAR-10.
    Small,
    /// About 224×224, as those of ImageNet.
    #[default]
    Large,
}

names!(Size { "small" => Small, "large" => Large });

/// A network of this module, as a recipe writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Network {
    /// LeNet-5.
    Lenet(Lenet),
    /// VGG of 11 layers.
    Vgg11(Vgg11),
    /// ResNet of 18 layers.
    Resnet18(Resnet18),
    /// A block of GoogLeNet.
    Inception(Inception),
}

kinds!(Network, "a model" {
    "lenet" => Lenet(Lenet),
    "vgg11" => Vgg11(Vgg11),
    "resnet18" => Resnet18(Resnet18),
    "inception" => Inception(Inception),
});

impl Network {
    /// The layers that it consists of.
    pub fn layers(&self) -> Vec<Layer> {
        match self {
            Network::Lenet(n) => n.layers(),
            Network::Vgg11(n) => n.layers(),
            Network::Resnet18(n) => n.layers(),
            Network::Inception(n) => n.layers(),
        }
    }

    /// The layers that a table of a recipe stands for, where it is one of a network of this module.
    pub(crate) fn expand(value: &Spanned<DeValue<'_>>) -> Option<Result<Vec<Layer>, Fault>> {
        let kind = value.get_ref().as_table()?.get("kind")?.get_ref().as_str()?;
        ["lenet", "vgg11", "resnet18", "inception"].contains(&kind).then(|| Network::read(value).map(|network| network.layers()))
    }
}

/// A convolution filled for the relu behind it, by the fan out as He et al. 2015 fill those of residual networks.
fn conv(channels: usize, kernel_size: impl Into<Pair>) -> Conv2d {
    Conv2d { init: Init::KaimingNormalFanOut, ..Conv2d::new(channels, kernel_size) }
}

fn batch_norm() -> Layer {
    Layer::BatchNorm(BatchNorm::default())
}

fn relu() -> Layer {
    Layer::Relu(Default::default())
}
