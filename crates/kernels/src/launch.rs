//! What an op asks of the device, as plain data.

use crate::{Caps, DType, Layout, OpError, Program, TensorType};

/// One operand as it lies in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Where its elements are.
    pub layout: Layout,
    /// Their type.
    pub dtype: DType,
}

impl Operand {
    /// A contiguous operand of a type.
    pub fn contiguous(ty: &TensorType) -> Self {
        Self { layout: Layout::contiguous(&ty.shape), dtype: ty.dtype }
    }
}

/// The facts by which an op chooses its launches. Outputs are always contiguous.
#[derive(Debug, Clone)]
pub struct Lowering<'a> {
    /// The inputs as they lie; strided only where [`Kernel::accepts`](crate::Kernel::accepts) said so.
    pub inputs: &'a [Operand],
    /// The types of the outputs, from `infer`.
    pub outputs: &'a [TensorType],
    /// The adapter.
    pub caps: &'a Caps,
    /// For an element-wise op: the input whose memory is the output's.
    pub in_place: Option<usize>,
    /// A variant that must be used: lowering fails rather than falls back.
    pub variant: Option<&'a str>,
    /// Bit n: nobody reads output n, and the kernel may leave it unwritten.
    pub unread: u32,
}

/// What a launch binds, in the order of the binding numbers of group 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arg {
    /// A uniform block: an index into [`Launch::blocks`].
    Block(usize),
    /// An input of the op.
    Input(usize),
    /// An output of the op. For an output that aliases an input (see [`Kernel::aliases`](crate::Kernel::aliases)) it
    /// holds that input's data.
    Output(usize),
    /// A temporary: an index into [`Lowered::temps`].
    Temp(usize),
}

/// How a launch uses a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`, or `var<uniform>` for a block.
    Read,
    /// `var<uniform>`: at most [`UNIFORM_BYTES`].
    Uniform,
    /// `var<storage, read_write>`.
    ReadWrite,
}

impl Access {
    /// Whether it may change the buffer.
    pub fn writes(self) -> bool {
        self == Self::ReadWrite
    }
}

/// The bytes of a uniform binding that WebGPU guarantees everywhere.
pub const UNIFORM_BYTES: u64 = 64 << 10;

/// The work a launch must do, for benches, profiles and choices.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes that must move at least: each input read once, each output written once.
    pub bytes: f64,
}

/// One dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The pipeline.
    pub program: Program,
    /// The bindings, by number.
    pub args: Vec<(Arg, Access)>,
    /// Uniform blocks, as 32-bit words.
    pub blocks: Vec<Vec<u32>>,
    /// Workgroups.
    pub grid: [u32; 3],
    /// The work.
    pub work: Work,
}

/// All that one op launches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lowered {
    /// Bytes of each temporary buffer.
    pub temps: Vec<u64>,
    /// The dispatches, in order.
    pub launches: Vec<Launch>,
}

impl Lowered {
    /// One launch and no temporary.
    pub fn one(launch: Launch) -> Self {
        Self { temps: Vec::new(), launches: vec![launch] }
    }
}

impl<'a> Lowering<'a> {
    /// The facts without any wish.
    pub fn new(inputs: &'a [Operand], outputs: &'a [TensorType], caps: &'a Caps) -> Self {
        Self { inputs, outputs, caps, in_place: None, variant: None, unread: 0 }
    }

    /// Whether somebody reads an output.
    pub fn is_read(&self, output: usize) -> bool {
        self.unread >> output & 1 == 0
    }

    /// An error where a variant that does not exist or cannot run here is forced.
    ///
    /// # Errors
    /// Names the op, the variant and those there are.
    pub fn forced<'v>(&self, op: &str, variants: &[&'v str]) -> Result<Option<&'v str>, OpError> {
        let Some(wanted) = self.variant else {
            return Ok(None);
        };
        match variants.iter().find(|v| **v == wanted) {
            Some(v) => Ok(Some(v)),
            None => Err(OpError::new(op, format!("variant {wanted:?} cannot run here; possible for these shapes on this adapter: {variants:?}"))),
        }
    }
}
