//! What can be wrong with the files of a run.

/// An error of a run's file: which file, what is wrong and how to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The disk, or the user's share of it, is full.
    #[error("{file}: the disk is full ({source}); nothing was changed, the file as it was is kept: make room and resume")]
    NoSpace {
        /// The file that was to be written.
        file: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("{file}: cannot be written ({source}); nothing was changed, the file as it was is kept")]
    Write {
        /// The file that was to be written.
        file: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// There is no such file.
    #[error("{file}: there is no {what} here; is this the folder of a run?")]
    Missing {
        /// The file that was looked for.
        file: String,
        /// What it would hold.
        what: &'static str,
    },
    /// A file whose length is not that of its contents.
    #[error("{file}: breaks off or is damaged: it has {len} bytes, {what}; copy it again, or use another checkpoint")]
    Truncated {
        /// The file.
        file: String,
        /// Bytes that are there.
        len: usize,
        /// What should be there.
        what: String,
    },
    /// A file of another kind.
    #[error("{file}: {what}")]
    Format {
        /// The file.
        file: String,
        /// What it is not, and what to do.
        what: String,
    },
    /// A checkpoint of a later version of the format.
    #[error("{file}: format {found} was written by wgrad {wgrad_version}; this one reads format {supported}: use that version")]
    Version {
        /// The file.
        file: String,
        /// Its format.
        found: u32,
        /// The format that is read here.
        supported: u32,
        /// The version that wrote it.
        wgrad_version: String,
    },
    /// A checkpoint whose tensors are not those of the model at hand.
    #[error("{file}: the checkpoint of another model: {what}; use the recipe that it was trained with")]
    OtherModel {
        /// The file.
        file: String,
        /// The first tensor that differs, with both shapes.
        what: String,
    },
    /// Curves that could not be drawn.
    #[error("cannot draw the curves: {what}")]
    Draw {
        /// The library's own error.
        what: String,
    },
    /// Values that make no checkpoint.
    #[error("cannot make a checkpoint: {what}")]
    Contents {
        /// What is wrong with them.
        what: String,
    },
}
