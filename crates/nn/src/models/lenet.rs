//! LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998), in the form that is used today: relu for the sigmoids, maximum for the
//! subsampling, a plain linear layer for the radial basis functions, and all channels joined to all.

use super::relu;
use crate::layers::{Conv2d, Linear, MaxPool2d};
use crate::recipe::record;
use crate::{Init, Layer};

/// conv 6 5×5 – pool – conv 16 5×5 – pool – 120 – 84 – classes: 61,706 parameters for ten classes of grey pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Lenet {
    /// Outputs.
    pub classes: usize,
    /// Zeros around the picture: 2 for 28×28, 0 for 32×32.
    pub padding: usize,
}

record!(Lenet, "the model lenet" { classes: required, padding: or(2) });

impl Lenet {
    /// For pictures of 28×28.
    pub fn new(classes: usize) -> Self {
        Self { classes, padding: 2 }
    }

    /// Its layers.
    pub fn layers(&self) -> Vec<Layer> {
        let conv = |channels, padding: usize| Layer::Conv2d(Conv2d { init: Init::KaimingUniform, ..Conv2d::new(channels, 5) }.padding(padding));
        let linear = |units| Layer::Linear(Linear { init: Init::KaimingUniform, ..Linear::new(units) });
        let pool = || Layer::MaxPool2d(MaxPool2d::new(2));
        let mut layers = vec![conv(6, self.padding), relu(), pool(), conv(16, 0), relu(), pool(), Layer::Flatten(Default::default())];
        layers.extend([linear(120), relu(), linear(84), relu(), Layer::Linear(Linear::new(self.classes))]);
        layers
    }
}
