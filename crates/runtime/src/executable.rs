//! A compiled recording: one short loop a step.

use crate::counters::Stats;
use crate::pipeline::{Built, Layout};
use crate::pool::padded;
use crate::readback::Staged;
use crate::state::lock;
use crate::{Binding, Buffer, Device, Dispatch, Error, Kind, Plan, Readback, Recording, Step, uniforms};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wgrad_kernels::{Access, Work};

/// Sets of bind groups that are kept: double-buffered inputs and outputs come back within a few steps.
const SETS: usize = 8;

/// A recording on a device. It owns its temporaries' memory, its uniforms, pipelines and bind groups.
#[derive(Debug)]
pub struct Executable {
    pub(crate) device: Device,
    plan: Plan,
    steps: Vec<Ready>,
    storage: Vec<Storage>,
    slots: Vec<Buffer>,
    uniforms: Option<Buffer>,
    externals: usize,
    sets: Mutex<VecDeque<Arc<BindSet>>>,
}

/// A buffer of the recording.
#[derive(Debug)]
struct Storage {
    place: Place,
    bytes: u64,
    label: String,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    External(usize),
    Slot(usize),
    /// A temporary that no step uses.
    Nowhere,
}

#[derive(Debug)]
pub(crate) enum Ready {
    Dispatch(ReadyDispatch),
    Copy { from: usize, to: usize, bytes: u64 },
}

#[derive(Debug)]
pub(crate) struct ReadyDispatch {
    pub(crate) label: String,
    pub(crate) kernel: String,
    pub(crate) grid: [u32; 3],
    pub(crate) work: Work,
    pub(crate) pipeline: wgpu::ComputePipeline,
    layout: Arc<Layout>,
    bindings: Vec<Bound>,
    /// The externals that it binds: its bind group depends on these alone.
    externals: Vec<usize>,
}

#[derive(Debug)]
enum Bound {
    Uniform { offset: u64, bytes: u64 },
    Storage { buffer: usize, access: Access },
}

/// The bind groups of all dispatches for one set of externals.
#[derive(Debug)]
pub(crate) struct BindSet {
    ids: Vec<u64>,
    groups: Vec<wgpu::BindGroup>,
}

impl Executable {
    pub(crate) fn new(device: &Device, recording: &Recording) -> Result<Self, Error> {
        let inner = device.inner();
        inner.state.check()?;
        let caps = device.caps();
        let plan = Plan::new(recording, caps)?;
        let packed = uniforms::pack(recording, caps.uniform_align, device.facts().max_uniform_bytes)?;
        let plan = plan.with_uniforms(packed.bytes.len() as u64);
        let dispatches: Vec<&Dispatch> = recording.steps.iter().filter_map(Step::dispatch).collect();
        let built = inner.pipelines.build(&dispatches)?;
        let slots: Vec<Buffer> =
            plan.slots().iter().enumerate().map(|(number, slot)| device.alloc(slot.bytes, &format!("slot {number}"))).collect::<Result<_, _>>()?;
        let uniforms = upload(device, &packed.bytes)?;
        let storage = recording.buffers.iter().enumerate().map(|(index, spec)| Storage {
            place: match (spec.kind, plan.slot_of(index)) {
                (Kind::External(external), _) => Place::External(external),
                (Kind::Temp, Some(slot)) => Place::Slot(slot),
                (Kind::Temp, None) => Place::Nowhere,
            },
            bytes: padded(spec.bytes),
            label: spec.label.clone(),
        });
        let mut built = built.into_iter();
        let mut blocks = packed.places.into_iter();
        let steps = recording.steps.iter().filter_map(|step| match step {
            Step::Dispatch(dispatch) => built.next().map(|built| Ready::Dispatch(ready(recording, dispatch, built, &mut blocks))),
            Step::Copy { from, to, bytes } => Some(Ready::Copy { from: *from, to: *to, bytes: *bytes }),
        });
        Ok(Self {
            steps: steps.collect(),
            storage: storage.collect(),
            externals: recording.externals(),
            device: device.clone(),
            plan,
            slots,
            uniforms,
            sets: Mutex::default(),
        })
    }

    /// Where the memory lies.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Number of external buffers that a run needs.
    pub fn externals(&self) -> usize {
        self.externals
    }

    /// Runs all steps in one submit, and in one compute pass where there is no copy. `read` names byte ranges
    /// `(external, offset, length)` to bring back after the last step, in the same submit; without any there is no
    /// readback. Nothing here waits.
    ///
    /// # Errors
    /// [`Error::External`] for externals that are missing, too small, or the same buffer where a dispatch writes
    /// one of them; [`Error::Range`]; what the callbacks reported.
    pub fn run(&self, externals: &[Buffer], read: &[(usize, u64, u64)]) -> Result<Option<Readback>, Error> {
        let inner = self.device.inner();
        inner.state.check()?;
        let set = self.bind_set(externals)?;
        for (external, ..) in read {
            if *external >= externals.len() {
                let message = format!("it is to be read, and {} are given", externals.len());
                return Err(Error::External { external: *external, message });
            }
        }
        let mut encoder = inner.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("step") });
        self.encode(&mut encoder, &set, externals);
        let staged = if read.is_empty() {
            None
        } else {
            let ranges = read.iter().map(|(external, offset, len)| (&externals[*external], *offset, *len));
            Some(Staged::record(&self.device, &mut encoder, ranges)?)
        };
        let index = inner.submit(encoder.finish())?;
        Ok(staged.map(|staged| staged.submitted(&self.device, index)))
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, set: &BindSet, externals: &[Buffer]) {
        let stats = &self.device.inner().stats;
        let mut pass: Option<wgpu::ComputePass<'static>> = None;
        let mut pipeline: Option<&wgpu::ComputePipeline> = None;
        let mut groups = set.groups.iter();
        let (mut passes, mut dispatches, mut copies) = (0, 0, 0);
        for step in &self.steps {
            match step {
                Ready::Dispatch(dispatch) => {
                    let Some(group) = groups.next() else { break };
                    if dispatch.is_empty() {
                        continue;
                    }
                    let pass = pass.get_or_insert_with(|| {
                        passes += 1;
                        pipeline = None;
                        let descriptor = wgpu::ComputePassDescriptor { label: Some("step"), timestamp_writes: None };
                        encoder.begin_compute_pass(&descriptor).forget_lifetime()
                    });
                    if pipeline != Some(&dispatch.pipeline) {
                        pass.set_pipeline(&dispatch.pipeline);
                        pipeline = Some(&dispatch.pipeline);
                    }
                    pass.set_bind_group(0, group, &[]);
                    let [x, y, z] = dispatch.grid;
                    pass.dispatch_workgroups(x, y, z);
                    dispatches += 1;
                }
                Ready::Copy { .. } => {
                    // A pass must have ended before its encoder goes on.
                    drop(pass.take());
                    self.encode_copy(step, encoder, externals);
                    copies += 1;
                }
            }
        }
        drop(pass);
        Stats::count(&stats.passes, passes);
        Stats::count(&stats.dispatches, dispatches);
        Stats::count(&stats.copies, copies);
    }

    pub(crate) fn encode_copy(&self, step: &Ready, encoder: &mut wgpu::CommandEncoder, externals: &[Buffer]) {
        let Ready::Copy { from, to, bytes } = step else { return };
        if let (Some(from), Some(to)) = (self.buffer(*from, externals), self.buffer(*to, externals))
            && *bytes > 0
        {
            encoder.copy_buffer_to_buffer(from.wgpu(), 0, to.wgpu(), 0, *bytes);
        }
    }

    pub(crate) fn steps(&self) -> &[Ready] {
        &self.steps
    }

    /// The memory of a buffer of the recording. There is none only for temporaries that no step uses.
    fn buffer<'a>(&'a self, index: usize, externals: &'a [Buffer]) -> Option<&'a Buffer> {
        match self.storage.get(index)?.place {
            Place::External(external) => externals.get(external),
            Place::Slot(slot) => self.slots.get(slot),
            Place::Nowhere => None,
        }
    }

    /// The bind groups for these externals: kept ones, or new ones where a dispatch's buffers were never seen.
    pub(crate) fn bind_set(&self, externals: &[Buffer]) -> Result<Arc<BindSet>, Error> {
        if externals.len() < self.externals {
            let message = format!("missing: {} are needed and {} given", self.externals, externals.len());
            return Err(Error::External { external: externals.len(), message });
        }
        let externals = &externals[..self.externals];
        let mut sets = lock(&self.sets);
        let same = |set: &Arc<BindSet>| set.ids.iter().copied().eq(externals.iter().map(Buffer::id));
        // The newest lies in front.
        if let Some(position) = sets.iter().position(same) {
            sets.swap(0, position);
            return Ok(sets[0].clone());
        }
        self.check_externals(externals)?;
        let ids: Vec<u64> = externals.iter().map(Buffer::id).collect();
        let dispatches = self.steps.iter().filter_map(Ready::dispatch).enumerate();
        let groups = dispatches.map(|(number, dispatch)| {
            let kept = sets.iter().find(|set| dispatch.externals.iter().all(|&i| set.ids[i] == ids[i]));
            kept.map_or_else(|| self.bind_group(dispatch, externals), |set| set.groups[number].clone())
        });
        let groups = groups.collect();
        self.device.inner().state.check()?;
        let set = Arc::new(BindSet { ids, groups });
        sets.truncate(SETS - 1);
        sets.push_front(set.clone());
        Ok(set)
    }

    fn bind_group(&self, dispatch: &ReadyDispatch, externals: &[Buffer]) -> wgpu::BindGroup {
        let entries = dispatch.bindings.iter().zip(0..).filter_map(|(bound, binding)| {
            let (buffer, offset, bytes) = match bound {
                Bound::Uniform { offset, bytes } => (self.uniforms.as_ref()?, *offset, *bytes),
                Bound::Storage { buffer, .. } => (self.buffer(*buffer, externals)?, 0, self.storage.get(*buffer)?.bytes),
            };
            // The size is the recording's and not the memory's, so that arrayLength does not depend on the pool.
            let size = wgpu::BufferSize::new(bytes);
            let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: buffer.wgpu(), offset, size });
            Some(wgpu::BindGroupEntry { binding, resource })
        });
        let entries: Vec<_> = entries.collect();
        let inner = self.device.inner();
        Stats::count(&inner.stats.bind_groups_created, 1);
        inner.wgpu.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(&dispatch.label), layout: &dispatch.layout.group, entries: &entries })
    }

    fn check_externals(&self, externals: &[Buffer]) -> Result<(), Error> {
        for storage in &self.storage {
            if let Place::External(external) = storage.place
                && externals[external].bytes() < storage.bytes
            {
                let (label, have) = (&storage.label, externals[external].bytes());
                let message = format!("`{label}` needs {} bytes and is given {have}", storage.bytes);
                return Err(Error::External { external, message });
            }
        }
        for dispatch in self.steps.iter().filter_map(Ready::dispatch) {
            let mut seen: Vec<(u64, Access)> = Vec::new();
            for bound in &dispatch.bindings {
                let Bound::Storage { buffer, access } = bound else { continue };
                let Place::External(external) = self.storage[*buffer].place else { continue };
                let id = externals[external].id();
                if seen.iter().any(|(other, a)| *other == id && (a.writes() || access.writes())) {
                    let label = &dispatch.label;
                    let message = format!("dispatch `{label}` writes it and binds the same memory once more");
                    return Err(Error::External { external, message });
                }
                seen.push((id, *access));
            }
        }
        Ok(())
    }
}

impl BindSet {
    pub(crate) fn groups(&self) -> &[wgpu::BindGroup] {
        &self.groups
    }
}

impl Ready {
    fn dispatch(&self) -> Option<&ReadyDispatch> {
        match self {
            Self::Dispatch(dispatch) => Some(dispatch),
            Self::Copy { .. } => None,
        }
    }
}

impl ReadyDispatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.grid.contains(&0)
    }
}

/// All uniform blocks go up once.
fn upload(device: &Device, bytes: &[u8]) -> Result<Option<Buffer>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (wanted, limit) = (bytes.len() as u64, device.caps().max_buffer_bytes);
    if wanted > limit {
        return Err(Error::LimitExceeded { label: "uniforms".to_owned(), what: "bytes of one buffer", wanted, limit });
    }
    let buffer = device.inner().uniform.take(wanted, "uniforms")?;
    device.write(&buffer, 0, bytes)?;
    Ok(Some(buffer))
}

fn ready(recording: &Recording, dispatch: &Dispatch, built: Built, blocks: &mut impl Iterator<Item = (u64, u64)>) -> ReadyDispatch {
    let bindings = dispatch.bindings.iter().map(|binding| match binding {
        Binding::Uniform(_) => {
            // invariant: the packer gives one place a block, in this order.
            let (offset, bytes) = blocks.next().unwrap_or((0, 16));
            Bound::Uniform { offset, bytes }
        }
        Binding::Buffer { buffer, access } => Bound::Storage { buffer: *buffer, access: *access },
    });
    let bindings = bindings.collect();
    let externals = dispatch.bindings.iter().filter_map(|binding| match binding {
        Binding::Buffer { buffer, .. } => match recording.buffers.get(*buffer)?.kind {
            Kind::External(external) => Some(external),
            Kind::Temp => None,
        },
        Binding::Uniform(_) => None,
    });
    let stem = dispatch.program.stem;
    ReadyDispatch {
        label: dispatch.label.clone(),
        kernel: if stem.is_empty() { dispatch.label.clone() } else { stem.to_owned() },
        grid: dispatch.grid,
        work: dispatch.work,
        pipeline: built.pipeline,
        layout: built.layout,
        bindings,
        externals: externals.collect(),
    }
}
