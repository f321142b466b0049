//! Pooling as methods, over images [N, C, H, W] or over lines [N, C, L], which are images of height 1; resizing, borders, and the
//! largest elements.

use crate::Tensor;
use wgrad_kernels::ops::{AdaptiveAvgPool2d, AvgPool2d, Interpolate, MaxPool2d, Pad, PadMode, TopK};
use wgrad_kernels::{Op, OpError};

impl Tensor {
    /// The largest value of each window of images [N, C, H, W].
    #[track_caller]
    pub fn max_pool2d(&self, pool: &MaxPool2d) -> Tensor {
        self.apply(pool.clone(), &[])
    }

    /// As [`Tensor::max_pool2d`], and for each maximum its place row·W + column in the plane, as i32.
    #[track_caller]
    pub fn max_pool2d_with_indices(&self, pool: &MaxPool2d) -> (Tensor, Tensor) {
        let mut both = self.apply_all(pool.clone(), &[]);
        let indices = both.swap_remove(1);
        (both.swap_remove(0), indices)
    }

    /// The largest value of each window of lines [N, C, L]: `pool` has windows of height 1, as [`MaxPool2d::line`] makes them.
    #[track_caller]
    pub fn max_pool1d(&self, pool: &MaxPool2d) -> Tensor {
        self.over_lines(pool.clone())
    }

    /// The mean of each window of images [N, C, H, W].
    #[track_caller]
    pub fn avg_pool2d(&self, pool: &AvgPool2d) -> Tensor {
        self.apply(pool.clone(), &[])
    }

    /// The mean of each window of lines [N, C, L]: `pool` has windows of height 1, as [`AvgPool2d::line`] makes them.
    #[track_caller]
    pub fn avg_pool1d(&self, pool: &AvgPool2d) -> Tensor {
        self.over_lines(pool.clone())
    }

    /// Means over windows that share images [N, C, H, W] out: [N, C, `size`\[0\], `size`\[1\]].
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, size: [usize; 2]) -> Tensor {
        self.apply(AdaptiveAvgPool2d { output_size: size }, &[])
    }

    /// Means over windows that share lines [N, C, L] out: [N, C, `size`].
    #[track_caller]
    pub fn adaptive_avg_pool1d(&self, size: usize) -> Tensor {
        self.over_lines(AdaptiveAvgPool2d { output_size: [1, size] })
    }

    /// The mean of each channel of images: [N, C, H, W] → [N, C].
    #[track_caller]
    pub fn global_avg_pool2d(&self) -> Tensor {
        self.mean_axes(&[2, 3], false)
    }

    /// Images [N, C, H, W] in another size, as torch's `interpolate` makes them: see [`Interpolate::to`] and [`Interpolate::by`].
    #[track_caller]
    pub fn interpolate(&self, how: &Interpolate) -> Tensor {
        self.apply(how.clone(), &[])
    }

    /// A border along every axis that shows what is inside; `pads` holds all the begins, then all the ends.
    #[track_caller]
    pub fn pad_mode(&self, pads: &[i64], mode: PadMode) -> Tensor {
        self.apply(Pad { pads: pads.to_vec(), mode, value: 0.0 }, &[])
    }

    /// The `k` largest elements along an axis (the smallest where not `largest`), sorted, and their indices as i32; of equal ones the
    /// first comes first.
    #[track_caller]
    pub fn top_k(&self, k: usize, axis: i64, largest: bool) -> (Tensor, Tensor) {
        let mut both = self.apply_all(TopK { k, axis, largest }, &[]);
        let indices = both.swap_remove(1);
        (both.swap_remove(0), indices)
    }

    /// An op over images on lines.
    #[track_caller]
    fn over_lines(&self, op: impl Into<Op>) -> Tensor {
        let op = op.into();
        let &[n, c, l] = &self.shape()[..] else {
            panic!("{}", OpError::new(op.kernel().name(), format!("takes lines [N, C, L], got {}", self.ty())));
        };
        let y = self.reshape(&[n as i64, c as i64, 1, l as i64]).apply(op, &[]);
        let length = y.shape()[3] as i64;
        y.reshape(&[n as i64, c as i64, length])
    }
}
