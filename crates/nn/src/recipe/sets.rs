//! From what was read to the sets of a run: limits, scaling, transforms, splits.

use super::{Data, Recipe, Source};
use crate::Error;
use crate::data::Dataset;
use crate::data::error::DataError;
use std::sync::Arc;

impl Recipe {
    /// The sets of a run from the samples that train and those that test: [`Recipe::sets`].
    ///
    /// # Errors
    /// As [`Recipe::sets`].
    pub fn split(&self, train: Dataset, test: Dataset) -> Result<Data, Error> {
        self.sets(train, None, Some(test))
    }

    /// The sets of a run from its samples as they were read: as many as the recipe takes, scaled and transformed as it says; what tests or
    /// validates is split off where it says so and there is none. Where nothing else validates, the test samples do.
    ///
    /// # Errors
    /// Where there is nothing to test with, a split leaves a side empty, or a transform does not fit.
    pub fn sets(&self, train: Dataset, validation: Option<Dataset>, test: Option<Dataset>) -> Result<Data, Error> {
        let [some, few] = self.data.limits();
        let limited = |set: Dataset, limit: Option<usize>| match (&self.data, limit) {
            // The set is in random order as it is.
            (Source::Mnist { .. }, Some(n)) => set.take(n),
            (_, Some(n)) if n < set.len() => set.balanced(n, self.seed),
            _ => set,
        };
        let train = limited(train, some);
        let (train, test) = match (test, self.data.test_split()) {
            (Some(test), _) => (train, limited(test, few)),
            (None, Some(share)) => train.split_test(share, self.seed)?,
            (None, None) => {
                let what = "there are no samples to test with; name them (test = \"…\") or take some of these (test_split = 0.2)".to_owned();
                return Err(DataError::Files { place: train.name().to_owned(), what }.into());
            }
        };
        let prepared = |set: Dataset| -> Result<Dataset, Error> {
            let set = match (&self.data, self.data.scaling()) {
                (Source::Mnist { normalize: false, .. }, _) => set.unnormalized(),
                (_, Some(scaling)) => set.normalized(scaling.normalize())?,
                _ => set,
            };
            Ok(set.transformed(self.data.augment().to_vec())?)
        };
        let (train, test) = (prepared(train)?, Arc::new(prepared(test)?));
        let (train, validation) = match (validation, self.data.validation_split()) {
            (Some(validation), _) => (train, Arc::new(prepared(validation)?)),
            (None, Some(share)) => {
                let (train, validation) = train.split_validation(share, self.seed)?;
                (train, Arc::new(validation))
            }
            (None, None) => (train, test.clone()),
        };
        Ok(Data { train: Arc::new(train), validation: Some(validation), test, skipped: Vec::new() })
    }
}
