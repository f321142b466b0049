//! Convolutions of tensors.

use crate::Tensor;
use wgrad_kernels::ops::{Conv2d, ConvTranspose2d, Window};

/// Convolutions. Images are [N, C, H, W].
///
/// # Panics
/// As all methods: where operands do not fit; the message shows the shapes and the rule.
impl Tensor {
    /// The convolution of images [N, C, H, W] with weights [O, C/group, kh, kw], without bias: [N, O, H', W'].
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor, window: &Window) -> Tensor {
        self.apply(Conv2d::new(window.clone()), &[weight])
    }

    /// The transposed convolution of images [N, C, H, W] with weights [C, O/group, kh, kw]; `output_padding` rows and columns are
    /// added at the bottom and the right.
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Tensor, window: &Window, output_padding: [usize; 2]) -> Tensor {
        self.apply(ConvTranspose2d { window: window.clone(), output_padding, epilogue: None }, &[weight])
    }

    /// The convolution of rows [N, C, L] with weights [O, C/group, k]: `conv2d` of images one pixel high. The window's first
    /// numbers (height, top, bottom) are not used.
    #[track_caller]
    pub fn conv1d(&self, weight: &Tensor, window: &Window) -> Tensor {
        // Rows with a height of one; what is no row at all is left for `conv2d` to refuse.
        let high = |t: &Tensor| match *t.shape().0 {
            [n, c, l] => t.reshape(&[n as i64, c as i64, 1, l as i64]),
            _ => t.clone(),
        };
        let Window { strides, pads, dilations, group } = window;
        let flat = Window { strides: [1, strides[1]], pads: [0, pads[1], 0, pads[3]], dilations: [1, dilations[1]], group: *group };
        let y = high(self).conv2d(&high(weight), &flat);
        let [n, o, _, l] = *y.shape().0 else { return y };
        y.reshape(&[n as i64, o as i64, l as i64])
    }
}
