//! The memory of a recording, decided before the first step: which temporaries share a buffer.

use crate::pool::padded;
use crate::{Error, Kind, Recording, Step, human};
use std::collections::HashMap;
use std::fmt;
use wgrad_kernels::{Access, Caps, UNIFORM_BYTES};

/// Where every buffer of a recording lies. Printed one line a slot, with totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    slots: Vec<Slot>,
    /// By buffer: its slot, for temporaries that are used.
    slot_of: Vec<Option<usize>>,
    temp_bytes: u64,
    temps: usize,
    external_bytes: u64,
    externals: usize,
    uniform_bytes: u64,
}

/// One buffer of the device, shared by temporaries that never live at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its bytes: those of its largest member.
    pub bytes: u64,
    /// Who lies in it, by first use.
    pub members: Vec<Member>,
}

/// A temporary and its lifetime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its index in the recording.
    pub buffer: usize,
    /// Its label.
    pub label: String,
    /// Its bytes, rounded up to 16.
    pub bytes: u64,
    /// The step that first uses it.
    pub first: usize,
    /// The step that last uses it.
    pub last: usize,
}

impl Member {
    fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl Plan {
    /// Checks a recording against its own rules and the adapter's limits, and packs its temporaries greedily:
    /// the largest first, each into the first slot where it meets nobody.
    ///
    /// # Errors
    /// [`Error::Recording`] names the step and the rule broken; [`Error::LimitExceeded`] the buffer or dispatch,
    /// what it needs and the limit.
    pub fn new(recording: &Recording, caps: &Caps) -> Result<Self, Error> {
        for (number, step) in recording.steps.iter().enumerate() {
            check_step(recording, number, step, caps)?;
        }
        for spec in &recording.buffers {
            fits("bytes of one buffer", &spec.label, padded(spec.bytes), caps.max_buffer_bytes)?;
        }
        let mut temps = lifetimes(recording)?;
        let temp_bytes = temps.iter().map(|temp| temp.bytes).sum();
        let count = temps.len();
        // Equal sizes go by first use, so that the same recording gives the same plan.
        temps.sort_by_key(|temp| (std::cmp::Reverse(temp.bytes), temp.first, temp.buffer));
        let mut slots: Vec<Slot> = Vec::new();
        let mut slot_of = vec![None; recording.buffers.len()];
        for temp in temps {
            let open = slots.iter().position(|slot| !slot.members.iter().any(|member| member.overlaps(&temp)));
            let slot = open.unwrap_or_else(|| {
                slots.push(Slot { bytes: temp.bytes, members: Vec::new() });
                slots.len() - 1
            });
            slot_of[temp.buffer] = Some(slot);
            slots[slot].members.push(temp);
        }
        for slot in &mut slots {
            slot.members.sort_by_key(|member| member.first);
        }
        let (externals, external_bytes) = external_bytes(recording);
        Ok(Self { slots, slot_of, temp_bytes, temps: count, external_bytes, externals, uniform_bytes: 0 })
    }

    /// The slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slot of a buffer of the recording; none for externals and for temporaries that no step uses.
    pub fn slot_of(&self, buffer: usize) -> Option<usize> {
        self.slot_of.get(buffer).copied().flatten()
    }

    /// Bytes of all temporaries, as if none shared.
    pub fn temp_bytes(&self) -> u64 {
        self.temp_bytes
    }

    /// Bytes of all slots: what the executable allocates for temporaries.
    pub fn slot_bytes(&self) -> u64 {
        self.slots.iter().map(|slot| slot.bytes).sum()
    }

    /// Bytes of the buffers that a run must give.
    pub fn external_bytes(&self) -> u64 {
        self.external_bytes
    }

    /// Bytes of the one buffer that holds all uniform blocks.
    pub fn uniform_bytes(&self) -> u64 {
        self.uniform_bytes
    }

    /// Bytes on the device while this runs: slots, externals and uniforms.
    pub fn total_bytes(&self) -> u64 {
        self.slot_bytes() + self.external_bytes + self.uniform_bytes
    }

    pub(crate) fn with_uniforms(mut self, bytes: u64) -> Self {
        self.uniform_bytes = bytes;
        self
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, slot) in self.slots.iter().enumerate() {
            write!(f, "slot {number:<3} {:>12}", human(slot.bytes))?;
            for (place, member) in slot.members.iter().enumerate() {
                let comma = if place == 0 { "  " } else { ", " };
                write!(f, "{comma}{} {}..{}", member.label, member.first, member.last)?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "total    {:>12}  = {} in {} slots ({} in {} temporaries unshared) + {} in {} externals + {} of uniforms",
            human(self.total_bytes()),
            human(self.slot_bytes()),
            self.slots.len(),
            human(self.temp_bytes),
            self.temps,
            human(self.external_bytes),
            self.externals,
            human(self.uniform_bytes),
        )
    }
}

fn fits(what: &'static str, label: &str, wanted: u64, limit: u64) -> Result<(), Error> {
    if wanted <= limit { Ok(()) } else { Err(Error::LimitExceeded { label: label.to_owned(), what, wanted, limit }) }
}

fn check_step(recording: &Recording, number: usize, step: &Step, caps: &Caps) -> Result<(), Error> {
    let wrong = |message: String| Error::Recording { step: number, label: step.label().to_owned(), message };
    let mut seen: HashMap<usize, Access> = HashMap::new();
    for (buffer, access) in step.uses() {
        let Some(spec) = recording.buffers.get(buffer) else {
            return Err(wrong(format!("it names buffer {buffer}, and there are {}", recording.buffers.len())));
        };
        if let Some(other) = seen.insert(buffer, access)
            && (other.writes() || access.writes())
        {
            let label = &spec.label;
            return Err(wrong(format!("buffer {buffer} `{label}` is written and used by another binding as well")));
        }
    }
    match step {
        Step::Dispatch(dispatch) => {
            for (buffer, access) in step.uses() {
                let spec = &recording.buffers[buffer];
                let (what, limit) = match access {
                    Access::Uniform => ("bytes of one uniform binding", UNIFORM_BYTES),
                    Access::Read | Access::ReadWrite => ("bytes of one storage binding", caps.max_binding_bytes),
                };
                fits(what, &spec.label, padded(spec.bytes), limit)?;
            }
            let storage = step.uses().filter(|(_, access)| *access != Access::Uniform).count();
            fits("storage buffers of one dispatch", &dispatch.label, storage as u64, caps.max_storage_buffers.into())?;
            let side = dispatch.grid.into_iter().max().unwrap_or(0);
            fits("workgroups along one side of a grid", &dispatch.label, side.into(), caps.max_groups.into())
        }
        Step::Copy { from, to, bytes } => {
            let least = [*from, *to].map(|buffer| padded(recording.buffers[buffer].bytes)).into_iter().min().unwrap_or(0);
            if !bytes.is_multiple_of(4) || *bytes > least {
                return Err(wrong(format!("{bytes} bytes: must be a multiple of 4 and at most {least}")));
            }
            Ok(())
        }
    }
}

/// First and last use of every temporary that is used.
fn lifetimes(recording: &Recording) -> Result<Vec<Member>, Error> {
    let mut place: HashMap<usize, usize> = HashMap::new();
    let mut temps: Vec<Member> = Vec::new();
    for (number, step) in recording.steps.iter().enumerate() {
        for (buffer, access) in step.uses() {
            let spec = &recording.buffers[buffer];
            if spec.kind != Kind::Temp {
                continue;
            }
            if let Some(&at) = place.get(&buffer) {
                temps[at].last = number;
                continue;
            }
            if !access.writes() && spec.bytes > 0 {
                let message = format!("it reads temporary {buffer} `{}`, which nothing has written", spec.label);
                return Err(Error::Recording { step: number, label: step.label().to_owned(), message });
            }
            place.insert(buffer, temps.len());
            let (label, bytes) = (spec.label.clone(), padded(spec.bytes));
            temps.push(Member { buffer, label, bytes, first: number, last: number });
        }
    }
    Ok(temps)
}

/// How many externals there are and their bytes; two views of one count once.
fn external_bytes(recording: &Recording) -> (usize, u64) {
    let mut largest: HashMap<usize, u64> = HashMap::new();
    for spec in &recording.buffers {
        if let Kind::External(index) = spec.kind {
            let bytes = largest.entry(index).or_default();
            *bytes = padded(spec.bytes).max(*bytes);
        }
    }
    (largest.len(), largest.values().sum())
}
