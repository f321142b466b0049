//! Why a network says what it says about a picture: where it looked, and which pixels matter.
//!
//! Both come from the engine's own gradients of the score s of the predicted class, the logit before any softmax:
//!
//! - Grad-CAM (Selvaraju et al. 2017): L = relu(Σₖ αₖ Aₖ), A being the feature maps of the last convolution as the network goes on
//!   with them and αₖ the mean of ∂s/∂Aₖ over the places of map k;
//! - saliency (Simonyan, Vedaldi and Zisserman 2013): the largest |∂s/∂x| over the channels of each pixel.

use crate::layers::Pass;
use crate::train::evaluation_batch;
use crate::{Error, Loss, Predictor};
use wgrad_tensor::{DType, Tensor};

/// Samples that are explained in one step, at most: the gradients keep every activation.
const BATCH: usize = 16;

/// Why one sample is taken for what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The predicted class: its score is what was looked at.
    pub class: usize,
    /// Where the network looked, and how well it resolves that; `None` where it has no convolution.
    pub cam: Option<Heat>,
    /// Which pixels matter.
    pub saliency: Heat,
}

/// Values 0 and above over the places of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// Height and width.
    pub size: [usize; 2],
    /// The values, row-major.
    pub values: Vec<f32>,
}

impl Predictor {
    /// Explains samples that lie one after another in `x`, as [`Predictor::predict`] takes them.
    ///
    /// # Errors
    /// Where `x` is not a whole number of samples, they are no pictures, the network gives no classes, or the device fails.
    pub async fn explain(&self, x: &[f32]) -> Result<Vec<Explanation>, Error> {
        let each = self.each(x)?;
        let size = match *self.model.input_shape() {
            [height, width] | [_, height, width] => [height, width],
            ref shape => return Err(Error::Mismatch(format!("samples of shape {shape:?} are no pictures, of which alone the places can be shown"))),
        };
        let outputs = match *self.model.output_shape() {
            [n] if self.loss != Loss::Mse => n,
            ref shape => return Err(Error::Mismatch(format!("the network gives values of shape {shape:?}, no classes whose score could be looked at"))),
        };
        let mut all = Vec::new();
        let batch = evaluation_batch(BATCH, 8 * self.model.largest_activation());
        for rows in x.chunks(batch * each) {
            let n = rows.len() / each;
            let input = Tensor::from_f32(&self.device, [&[n], self.model.input_shape()].concat(), rows)?;
            let pass = Pass::evaluate().watching();
            let y = self.model.forward(&input, &pass);
            // Samples do not see each other in evaluation, so that the gradients of a sum are those of each alone.
            let (class, score) = if outputs == 1 {
                let yes = y.greater(&y.constant(0.0)).cast(DType::F32);
                (yes.reshape(&[-1]).cast(DType::I32), (&y * &(&(&yes * 2.0) - 1.0)).sum())
            } else {
                let class = y.argmax(-1, false);
                let mask = class.one_hot(outputs, DType::F32);
                (class, (&y * &mask).sum())
            };
            let path = self.model.feature_maps();
            let maps = pass.seen().into_iter().find(|(seen, _)| Some(seen) == path.as_ref()).map(|(_, maps)| maps);
            let wanted: Vec<&Tensor> = std::iter::once(&input).chain(&maps).collect();
            let grads = score.gradients(&wanted)?;
            let saliency = match size.len() == self.model.input_shape().len() {
                true => grads[0].abs(),
                false => grads[0].abs().max_axes(&[1], false),
            };
            let cam = maps.as_ref().map(|maps| (&grads[1].mean_axes(&[2, 3], true) * maps).sum_axes(&[1], false).relu());
            let data = self.device.read(&[&class, &saliency].into_iter().chain(&cam).collect::<Vec<_>>()).await?;
            let (classes, saliency) = (data[0].i32s()?, data[1].f32s()?);
            let cams = data.get(2).map(|cam| cam.f32s()).transpose()?;
            let map = maps.map(|maps| [maps.shape()[2], maps.shape()[3]]);
            for (k, &class) in classes.iter().enumerate() {
                let part = |values: &[f32], size: [usize; 2]| Heat { size, values: values[k * size[0] * size[1]..][..size[0] * size[1]].to_vec() };
                let cam = cams.as_ref().zip(map).map(|(values, size)| part(values, size));
                all.push(Explanation { class: class as usize, cam, saliency: part(&saliency, size) });
            }
        }
        Ok(all)
    }
}

impl Heat {
    /// The values divided by the one that only a share of `beyond` of them exceeds, at most 1; zeros stay.
    pub fn scaled(&self, beyond: f64) -> Self {
        let mut sorted = self.values.clone();
        sorted.sort_by(f32::total_cmp);
        let place = ((sorted.len() as f64 * (1.0 - beyond)) as usize).min(sorted.len().saturating_sub(1));
        // Where all but a few are 0, the largest.
        let top = [place, sorted.len().saturating_sub(1)].into_iter().filter_map(|n| sorted.get(n)).find(|v| **v > 0.0).copied();
        let top = top.filter(|t| t.is_finite()).unwrap_or(1.0);
        Self { size: self.size, values: self.values.iter().map(|v| (v / top).clamp(0.0, 1.0)).collect() }
    }
}
