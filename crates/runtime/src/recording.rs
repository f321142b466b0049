//! A step as plain data: buffers and an ordered list of dispatches and copies. No GPU handle is in it.

use crate::human;
use std::fmt;
use wgrad_kernels::{Access, Program, Work};

/// Everything that one submit does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// The buffers that the steps name by index.
    pub buffers: Vec<BufferSpec>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// A buffer of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferSpec {
    /// Its size in bytes; rounded up to 16 when bound.
    pub bytes: u64,
    /// Its name in messages and printed plans.
    pub label: String,
    /// Whose memory it is.
    pub kind: Kind,
}

/// Whose memory a buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Given at every run: an index into the externals.
    External(usize),
    /// The plan's: it lives from its first step to its last and holds nothing before.
    Temp,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A kernel.
    Dispatch(Dispatch),
    /// A copy of the first `bytes` bytes, a multiple of 4. It ends the compute pass, so it is dearer than it looks.
    Copy {
        /// Source: an index into [`Recording::buffers`].
        from: usize,
        /// Destination.
        to: usize,
        /// Bytes.
        bytes: u64,
    },
}

/// One dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// Its name in messages, traces and GPU tools.
    pub label: String,
    /// What runs.
    pub program: Program,
    /// What it binds, by binding number of group 0.
    pub bindings: Vec<Binding>,
    /// Workgroups. With a zero among them nothing runs.
    pub grid: [u32; 3],
    /// The work, for profiles.
    pub work: Work,
}

/// One binding.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// A uniform block, as 32-bit words, padded with zeros to 16 bytes.
    Uniform(Vec<u32>),
    /// A buffer.
    Buffer {
        /// An index into [`Recording::buffers`].
        buffer: usize,
        /// How it is used.
        access: Access,
    },
}

impl Recording {
    /// Number of external buffers that a run must give.
    pub fn externals(&self) -> usize {
        let indices = self.buffers.iter().filter_map(|spec| match spec.kind {
            Kind::External(index) => Some(index.saturating_add(1)),
            Kind::Temp => None,
        });
        indices.max().unwrap_or(0)
    }

    fn name(&self, buffer: usize) -> String {
        match self.buffers.get(buffer) {
            Some(spec) => match spec.kind {
                Kind::External(index) => format!("%{buffer} {} (external {index}, {})", spec.label, human(spec.bytes)),
                Kind::Temp => format!("%{buffer} {} ({})", spec.label, human(spec.bytes)),
            },
            None => format!("%{buffer} (unknown)"),
        }
    }
}

impl Step {
    /// The dispatch's label, or `copy`.
    pub fn label(&self) -> &str {
        match self {
            Self::Dispatch(dispatch) => &dispatch.label,
            Self::Copy { .. } => "copy",
        }
    }

    pub(crate) fn dispatch(&self) -> Option<&Dispatch> {
        match self {
            Self::Dispatch(dispatch) => Some(dispatch),
            Self::Copy { .. } => None,
        }
    }

    /// The buffers that it uses and how; a copy writes its destination.
    pub fn uses(&self) -> impl Iterator<Item = (usize, Access)> + '_ {
        let (bindings, copy) = match self {
            Self::Dispatch(dispatch) => (dispatch.bindings.as_slice(), None),
            Self::Copy { from, to, .. } => (&[][..], Some([(*from, Access::Read), (*to, Access::ReadWrite)])),
        };
        let bound = bindings.iter().filter_map(|binding| match binding {
            Binding::Uniform(_) => None,
            Binding::Buffer { buffer, access } => Some((*buffer, *access)),
        });
        bound.chain(copy.into_iter().flatten())
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            match step {
                Step::Dispatch(dispatch) => {
                    let [x, y, z] = dispatch.grid;
                    write!(f, "{number:>4} {} [{x} {y} {z}]", dispatch.label)?;
                    for binding in &dispatch.bindings {
                        match binding {
                            Binding::Uniform(words) => write!(f, ", uniform {} B", words.len() * 4)?,
                            Binding::Buffer { buffer, access: Access::Read } => {
                                write!(f, ", read {}", self.name(*buffer))?;
                            }
                            Binding::Buffer { buffer, access: Access::Uniform } => {
                                write!(f, ", uniform {}", self.name(*buffer))?;
                            }
                            Binding::Buffer { buffer, access: Access::ReadWrite } => {
                                write!(f, ", write {}", self.name(*buffer))?;
                            }
                        }
                    }
                    writeln!(f)?;
                }
                Step::Copy { from, to, bytes } => {
                    writeln!(f, "{number:>4} copy {}, read {}, write {}", human(*bytes), self.name(*from), self.name(*to))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_one_line_a_step() {
        let spec = |label: &str, kind| BufferSpec { bytes: 64, label: label.to_owned(), kind };
        let bind = |buffer, access| Binding::Buffer { buffer, access };
        let recording = Recording {
            buffers: vec![spec("x", Kind::External(0)), spec("h", Kind::Temp)],
            steps: vec![
                Step::Dispatch(Dispatch {
                    label: "relu".to_owned(),
                    program: Program::default(),
                    bindings: vec![Binding::Uniform(vec![16, 0]), bind(0, Access::Read), bind(1, Access::ReadWrite)],
                    grid: [1, 2, 3],
                    work: Work::default(),
                }),
                Step::Copy { from: 1, to: 0, bytes: 64 },
            ],
        };
        assert_eq!(
            recording.to_string(),
            "   0 relu [1 2 3], uniform 8 B, read %0 x (external 0, 64 B), write %1 h (64 B)\n   \
             1 copy 64 B, read %1 h (64 B), write %0 x (external 0, 64 B)\n"
        );
        assert_eq!(recording.externals(), 1);
    }
}
