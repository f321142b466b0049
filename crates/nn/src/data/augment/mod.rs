//! Transforms of samples [channels, height, width]: fixed ones, and random ones for training.
//!
//! A random transform draws from a stream of its own for every (seed, epoch, sample), so that a run repeats byte for byte whatever the
//! number of threads, and a run that goes on in mid epoch goes on with the same pictures. Where a network is measured or asked, the
//! random ones do nothing; those that change the size of a sample then take its middle or all of it ([`Augment::step`]).
//!
//! Values are fractions of 255 here, and are normalized afterwards. What comes in from beyond an edge is 0, black.

mod color;
mod geometry;
mod mixup;

pub use color::{ColorJitter, RandomErasing};
pub use geometry::{CenterCrop, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomRotation, RandomVerticalFlip, Resize};
pub use mixup::Mixup;

use super::framing::{Image, Step};
use super::rng::Rng;
use crate::recipe::kinds;

/// A transform of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub enum Augment {
    /// To another size.
    Resize(Resize),
    /// The middle.
    CenterCrop(CenterCrop),
    /// A part anywhere.
    RandomCrop(RandomCrop),
    /// A part of any size and nearly any ratio.
    RandomResizedCrop(RandomResizedCrop),
    /// Left for right.
    RandomHorizontalFlip(RandomHorizontalFlip),
    /// Top for bottom.
    RandomVerticalFlip(RandomVerticalFlip),
    /// Turned round the middle.
    RandomRotation(RandomRotation),
    /// Other light and colours.
    ColorJitter(ColorJitter),
    /// A rectangle blotted out.
    RandomErasing(RandomErasing),
    /// Two samples laid over each other.
    Mixup(Mixup),
}

kinds!(Augment, "[[data.augment]]" {
    "resize" => Resize(Resize),
    "center_crop" => CenterCrop(CenterCrop),
    "random_crop" => RandomCrop(RandomCrop),
    "random_resized_crop" => RandomResizedCrop(RandomResizedCrop),
    "random_horizontal_flip" => RandomHorizontalFlip(RandomHorizontalFlip),
    "random_vertical_flip" => RandomVerticalFlip(RandomVerticalFlip),
    "random_rotation" => RandomRotation(RandomRotation),
    "color_jitter" => ColorJitter(ColorJitter),
    "random_erasing" => RandomErasing(RandomErasing),
    "mixup" => Mixup(Mixup),
});

/// What a random transform draws for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Draw {
    /// The run's seed.
    pub seed: u64,
    /// Number of the epoch, from 0.
    pub epoch: u64,
    /// Number of the batch in its epoch, from 0: only what joins samples depends on it.
    pub batch: u64,
}

/// Sets the streams of transforms apart from the loader's.
const STREAM: u64 = 0x4155_474D_454E_5400;

impl Draw {
    /// The random numbers of sample `index`.
    fn sample(self, index: usize) -> Rng {
        Rng::new(Rng::new(self.seed ^ STREAM, self.epoch).next_u64(), index as u64)
    }

    /// The random numbers of the batch.
    pub(crate) fn batch(self) -> Rng {
        Rng::new(Rng::new(self.seed ^ (STREAM + 1), self.epoch).next_u64(), self.batch)
    }
}

impl Augment {
    /// What it does where nothing is random, to a sample of height and width `from`; nothing where `None`.
    pub fn step(&self, from: [usize; 2]) -> Option<Step> {
        match self {
            Augment::Resize(resize) => Some(Step::Resize(resize.size.array())),
            Augment::CenterCrop(crop) => Some(Step::CenterCrop(crop.size.array())),
            Augment::RandomCrop(crop) => crop.size.map(|size| Step::CenterCrop(size.array())),
            Augment::RandomResizedCrop(crop) => crop.size.map(|size| Step::Resize(size.array())),
            _ => None,
        }
        .filter(|step| *step != Step::Resize(from) && *step != Step::CenterCrop(from))
    }

    /// What is wrong with its settings for samples of this shape.
    fn fault(&self, shape: [usize; 3]) -> Option<String> {
        match self {
            Augment::Resize(resize) => geometry::no_size(resize.size),
            Augment::CenterCrop(crop) => geometry::too_large(crop.size, shape, Default::default()),
            Augment::RandomCrop(crop) => crop.fault(shape),
            Augment::RandomResizedCrop(crop) => crop.fault(),
            Augment::RandomHorizontalFlip(RandomHorizontalFlip { probability }) | Augment::RandomVerticalFlip(RandomVerticalFlip { probability }) => {
                no_share(*probability)
            }
            Augment::RandomRotation(rotation) => rotation.fault(),
            Augment::ColorJitter(jitter) => jitter.fault(shape),
            Augment::RandomErasing(erasing) => erasing.fault(),
            Augment::Mixup(mixup) => mixup.fault(),
        }
    }

    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        match self {
            Augment::Resize(_) | Augment::CenterCrop(_) => {
                if let Some(step) = self.step([image.shape[1], image.shape[2]]) {
                    image.apply(&step);
                }
            }
            Augment::RandomCrop(crop) => crop.apply(image, rng),
            Augment::RandomResizedCrop(crop) => crop.apply(image, rng),
            Augment::RandomHorizontalFlip(flip) => flip.apply(image, rng),
            Augment::RandomVerticalFlip(flip) => flip.apply(image, rng),
            Augment::RandomRotation(rotation) => rotation.apply(image, rng),
            Augment::ColorJitter(jitter) => jitter.apply(image, rng),
            Augment::RandomErasing(erasing) => erasing.apply(image, rng),
            // It needs a second sample: the batch does it.
            Augment::Mixup(_) => {}
        }
    }
}

/// The transforms of a set, checked against the shape of its samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    stages: Vec<Augment>,
    /// What happens where nothing is random.
    pub(crate) steps: Vec<Step>,
    /// Shape of a sample behind them.
    pub(crate) shape: [usize; 3],
    mixup: Option<Mixup>,
}

impl Pipeline {
    /// Transforms of samples of this shape, or what is wrong with them.
    pub(crate) fn new(stages: Vec<Augment>, from: &[usize]) -> Result<Self, String> {
        let &[channels, height, width] = from else {
            return Err(format!("transforms work on samples [channels, height, width], and these are {from:?}; leave `augment` out"));
        };
        let (mut shape, mut steps) = ([channels, height, width], Vec::new());
        for stage in &stages {
            if let Some(what) = stage.fault(shape) {
                return Err(format!("augment: {what}"));
            }
            if let Some(step) = stage.step([shape[1], shape[2]]) {
                let (Step::Resize([h, w]) | Step::CenterCrop([h, w])) = step;
                shape = [channels, h, w];
                steps.push(step);
            }
        }
        let mut mixups = stages.iter().filter_map(|stage| if let Augment::Mixup(mixup) = stage { Some(mixup.clone()) } else { None });
        let mixup = mixups.next();
        if mixups.next().is_some() {
            return Err("augment: there are two of mixup; one will do".to_owned());
        }
        Ok(Self { stages, steps, shape, mixup })
    }

    /// Whether anything in it is random.
    pub(crate) fn is_random(&self) -> bool {
        self.stages.iter().any(|stage| !matches!(stage, Augment::Resize(_) | Augment::CenterCrop(_)))
    }

    /// How samples are laid over each other, if they are.
    pub(crate) fn mixup(&self) -> Option<&Mixup> {
        self.mixup.as_ref()
    }

    /// Transforms sample `index`; at random where there is something to draw for.
    pub(crate) fn apply(&self, image: &mut Image, index: usize, draw: Option<Draw>) {
        let Some(draw) = draw else { return self.steps.iter().for_each(|step| image.apply(step)) };
        let mut rng = draw.sample(index);
        self.stages.iter().for_each(|stage| stage.apply(image, &mut rng));
    }
}

/// Draws once whether something of this probability happens.
fn happens(probability: f32, rng: &mut Rng) -> bool {
    rng.uniform() < probability
}

fn no_share(probability: f32) -> Option<String> {
    (!(0.0..=1.0).contains(&probability)).then(|| format!("a probability of {probability}; it must be from 0 to 1"))
}

/// Whether `range` is two numbers above 0 in order.
fn no_range(name: &str, range: &[f32]) -> Option<String> {
    let good = matches!(range, [low, high] if *low > 0.0 && low <= high && high.is_finite());
    (!good).then(|| format!("{name} = {range:?}; two numbers above 0 are expected, the smaller one first"))
}
