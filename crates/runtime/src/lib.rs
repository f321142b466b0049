//! The GPU side: device, buffer pool, pipelines, memory plan, submits, readbacks, profiles.
//!
//! A step is plain data, a [`Recording`]: buffers and an ordered list of dispatches. [`Device::compile`] plans its
//! memory and compiles its programs, and [`Executable::run`] is one encoder, one compute pass and one submit. This
//! crate knows no op's name. Natively waits block, with a limit; in a browser nothing does.

mod adapters;
mod counters;
mod device;
#[cfg(not(target_arch = "wasm32"))]
mod disk;
mod error;
mod executable;
mod facts;
mod flight;
mod pipeline;
mod plan;
mod pool;
mod profile;
mod readback;
mod recording;
mod select;
mod state;
mod uniforms;
mod wait;

pub use counters::Counters;
pub use device::{Device, Known, Options, PipelineCache};
pub use error::{Error, human};
pub use executable::Executable;
pub use facts::{AdapterFacts, AdapterKind};
pub use plan::{Member, Plan, Slot};
pub use pool::Buffer;
pub use profile::{Aggregate, Profile, Row};
pub use readback::Readback;
pub use recording::{Binding, BufferSpec, Dispatch, Kind, Recording, Step};
pub use select::{Select, choose, rank};
