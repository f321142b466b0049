//! Softmax, indexing, joining, cutting and random numbers as methods.

use crate::Tensor;
use wgrad_kernels::ops::{ArgKind, ArgReduce, Concat, Gather, LogSoftmax, OneHot, Pad, RandomNormal, RandomUniform, ScatterAdd, Slice, Softmax};
use wgrad_kernels::{DType, Shape};

impl Tensor {
    /// eˣ / Σ eˣ along an axis, stable for any magnitude.
    #[track_caller]
    pub fn softmax(&self, axis: i64) -> Tensor {
        self.apply(Softmax { axis }, &[])
    }

    /// The logarithm of the softmax along an axis, stable for any magnitude.
    #[track_caller]
    pub fn log_softmax(&self, axis: i64) -> Tensor {
        self.apply(LogSoftmax { axis }, &[])
    }

    /// The index of the largest element along an axis, as i32; the first where several are largest.
    #[track_caller]
    pub fn argmax(&self, axis: i64, keepdims: bool) -> Tensor {
        self.apply(ArgReduce { kind: ArgKind::Max, axis: Some(axis), keepdims }, &[])
    }

    /// The index of the smallest element along an axis, as i32; the first where several are smallest.
    #[track_caller]
    pub fn argmin(&self, axis: i64, keepdims: bool) -> Tensor {
        self.apply(ArgReduce { kind: ArgKind::Min, axis: Some(axis), keepdims }, &[])
    }

    /// The elements `start..end` along an axis; negative positions count from the end. A view: no data move.
    #[track_caller]
    pub fn narrow(&self, axis: i64, start: i64, end: i64) -> Tensor {
        self.apply(Slice { starts: vec![start], ends: vec![end], axes: Some(vec![axis]), steps: None }, &[])
    }

    /// `value` put before and behind along every axis: `pads` holds all the begins, then all the ends.
    #[track_caller]
    pub fn pad(&self, pads: &[i64], value: f64) -> Tensor {
        self.apply(Pad::constant(pads.to_vec(), value), &[])
    }

    /// This tensor and others, one after another along an axis.
    #[track_caller]
    pub fn concat(&self, others: &[&Tensor], axis: i64) -> Tensor {
        self.apply(Concat { axis }, others)
    }

    /// The rows that `indices` (i32, any shape) name: the result has the indices' shape, then a row's.
    #[track_caller]
    pub fn gather(&self, indices: &Tensor) -> Tensor {
        self.apply(Gather { axis: 0 }, &[indices])
    }

    /// Zeros [rows, …] to which each row of `updates` was added at the row that `self` (i32 indices) names, in order.
    #[track_caller]
    pub fn scatter_add(&self, updates: &Tensor, rows: usize) -> Tensor {
        self.apply(ScatterAdd { rows }, &[updates])
    }

    /// 1 at the index that each element (i32) names along a new last axis of extent `depth`, 0 elsewhere.
    #[track_caller]
    pub fn one_hot(&self, depth: usize, dtype: DType) -> Tensor {
        self.apply(OneHot { depth, dtype }, &[])
    }

    /// f32 numbers uniform in [low, high). `self` is the key, u32\[3\] = (seed low, seed high, step); `stream` tells apart the
    /// nodes that share it. The same key and stream give the same numbers on every device.
    #[track_caller]
    pub fn random_uniform(&self, shape: impl Into<Shape>, low: f64, high: f64, stream: u32) -> Tensor {
        self.apply(RandomUniform { shape: shape.into(), low, high, stream, dtype: DType::F32 }, &[])
    }

    /// f32 normal numbers. `self` is the key, as in [`Tensor::random_uniform`].
    #[track_caller]
    pub fn random_normal(&self, shape: impl Into<Shape>, mean: f64, scale: f64, stream: u32) -> Tensor {
        self.apply(RandomNormal { shape: shape.into(), mean, scale, stream, dtype: DType::F32 }, &[])
    }
}
