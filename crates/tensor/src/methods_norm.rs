//! Normalisation as methods.

use crate::Tensor;
use wgrad_kernels::Op;
use wgrad_kernels::ops::{Norm, NormKind};

impl Tensor {
    #[track_caller]
    fn norm(&self, kind: NormKind, epsilon: f64, scale: Option<&Tensor>, shift: Option<&Tensor>) -> Vec<Tensor> {
        let op: Op = Norm { kind, epsilon }.into();
        match (scale, shift) {
            (None, Some(shift)) => {
                // An op's inputs have places: a shift alone goes with a scale of ones.
                let one = shift.full(shift.shape().clone(), 1.0);
                self.apply_all(op, &[&one, shift])
            }
            (scale, shift) => self.apply_all(op, &[scale, shift].into_iter().flatten().collect::<Vec<_>>()),
        }
    }

    /// (self − mean)/√(variance + epsilon)·scale + shift over each channel of x [batch, channels, …], and the mean and the variance
    /// \[channels\] (divided by the number of values) themselves. `scale` and `shift` are f32 \[channels\].
    #[track_caller]
    pub fn batch_norm(&self, scale: Option<&Tensor>, shift: Option<&Tensor>, epsilon: f64) -> [Tensor; 3] {
        let mut all = self.norm(NormKind::Batch, epsilon, scale, shift).into_iter();
        // invariant: the op has three outputs.
        std::array::from_fn(|_| all.next().unwrap_or_else(|| self.clone()))
    }

    /// (self − mean)/√(variance + epsilon)·scale + shift over the axes from `axis` on. `scale` and `shift` are f32 of the shape of these
    /// axes.
    #[track_caller]
    pub fn layer_norm(&self, axis: i64, scale: Option<&Tensor>, shift: Option<&Tensor>, epsilon: f64) -> Tensor {
        self.norm(NormKind::Layer { axis }, epsilon, scale, shift).swap_remove(0)
    }

    /// self/√(mean of self² + epsilon)·scale over the axes from `axis` on. `scale` is f32 of the shape of these axes.
    #[track_caller]
    pub fn rms_norm(&self, axis: i64, scale: Option<&Tensor>, epsilon: f64) -> Tensor {
        self.norm(NormKind::Rms { axis }, epsilon, scale, None).swap_remove(0)
    }

    /// (self − mean)/√(variance + epsilon)·scale + shift over each of `groups` groups of channels of each sample of x
    /// [batch, channels, …]; as many groups as channels make it an instance norm. `scale` and `shift` are f32 \[channels\].
    #[track_caller]
    pub fn group_norm(&self, groups: usize, scale: Option<&Tensor>, shift: Option<&Tensor>, epsilon: f64) -> Tensor {
        self.norm(NormKind::Group { num_groups: groups }, epsilon, scale, shift).swap_remove(0)
    }
}
