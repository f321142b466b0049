//! The block of GoogLeNet (Szegedy et al. 2014, "Going deeper with convolutions", figure 2b).

use super::{batch_norm, conv, relu};
use crate::Layer;
use crate::layers::{Branches, Conv2d, MaxPool2d};
use crate::recipe::record;

/// Four ways side by side – 1×1; 1×1 and 3×3; 1×1 and 5×5; pool and 1×1 – whose channels are joined. Height and width stay. The
/// fields are the columns of the paper's table 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Inception {
    /// Channels of the 1×1 way.
    pub channels_1x1: usize,
    /// Channels before the 3×3 convolution.
    pub reduce_3x3: usize,
    /// Channels of the 3×3 way.
    pub channels_3x3: usize,
    /// Channels before the 5×5 convolution.
    pub reduce_5x5: usize,
    /// Channels of the 5×5 way.
    pub channels_5x5: usize,
    /// Channels of the way with the pool.
    pub channels_pool: usize,
    /// Whether a batch norm follows each convolution (Ioffe and Szegedy 2015).
    pub batch_norm: bool,
}

record!(Inception, "the block inception" {
    channels_1x1: required,
    reduce_3x3: required,
    channels_3x3: required,
    reduce_5x5: required,
    channels_5x5: required,
    channels_pool: required,
    batch_norm: or(false),
});

impl Inception {
    /// Its one layer: the branches.
    pub fn layers(&self) -> Vec<Layer> {
        let step = |channels: usize, size: usize| {
            let conv = Conv2d { bias: !self.batch_norm, ..conv(channels, size) }.padding(size / 2);
            let mut layers = vec![Layer::Conv2d(conv)];
            layers.extend(self.batch_norm.then(batch_norm));
            layers.push(relu());
            layers
        };
        let pool = Layer::MaxPool2d(MaxPool2d { stride: Some(1.into()), padding: 1.into(), ..MaxPool2d::new(3) });
        let branches = vec![
            step(self.channels_1x1, 1),
            [step(self.reduce_3x3, 1), step(self.channels_3x3, 3)].concat(),
            [step(self.reduce_5x5, 1), step(self.channels_5x5, 5)].concat(),
            [vec![pool], step(self.channels_pool, 1)].concat(),
        ];
        vec![Layer::Branches(Branches { branches })]
    }
}
