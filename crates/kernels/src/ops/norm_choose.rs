//! The choice of kernels for `norm` and its gradient: a pure function of the frame and the adapter's facts.

use crate::body;
use crate::launch::Lowering;
use crate::ops::norm::{Frame, Norm};
use crate::ops::softmax;
use crate::reduction::{self, MAX_TURNS};
use crate::resident::Resident;
use crate::{Caps, DType, OpError, Program};

/// How a row, or a chunk of a channel, is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// By one invocation, one value a load.
    Naive,
    /// By one invocation, four values a load where the shape allows it.
    Serial,
    /// By many invocations.
    Workgroup,
    /// By one subgroup, which keeps the row.
    Subgroup,
}

/// A way to compute it: the method, and whether channels are cut into more chunks than is worth it, for tests.
pub(super) type Choice = (&'static str, Method, bool);

const CHOICES: [Choice; 6] = [
    ("subgroup", Method::Subgroup, false),
    ("serial", Method::Serial, false),
    ("workgroup", Method::Workgroup, false),
    ("naive", Method::Naive, false),
    ("serial_split", Method::Serial, true),
    ("workgroup_split", Method::Workgroup, true),
];

/// A frame in units of loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units {
    /// Scale and shift change from unit to unit: there is nothing behind the channels.
    pub(super) columns: bool,
    /// Four values a load.
    pub(super) vector: bool,
    /// Channels of a row, or of x where statistics are of channels.
    pub(super) channels: usize,
    /// Units of each channel that lie side by side.
    pub(super) length: usize,
    /// Whether the lanes of a vector belong to one statistic.
    pub(super) joins: bool,
}

impl Units {
    pub(super) fn of(frame: &Frame, method: Method) -> Self {
        let columns = frame.s == 1;
        let channels = if frame.batch { frame.g } else { frame.p };
        let vector = method != Method::Naive && if columns { channels } else { frame.s }.is_multiple_of(4);
        let four = if vector { 4 } else { 1 };
        Self {
            columns,
            vector,
            channels: if columns { channels / four } else { channels },
            length: if columns { 1 } else { frame.s / four },
            joins: vector && !(columns && frame.batch),
        }
    }

    /// Units of a statistic.
    pub(super) fn values(&self, frame: &Frame) -> usize {
        if frame.batch { frame.a * self.length } else { self.channels * self.length }
    }

    /// Channels that are gathered: four at a time where they stand side by side.
    pub(super) fn gathered(&self, frame: &Frame) -> usize {
        if self.vector && !self.joins { frame.g / 4 } else { frame.g }
    }

    /// The element type's name of buffers with one number a channel.
    pub(super) fn per_channel(&self) -> &'static str {
        if self.columns && self.vector { "vec4<f32>" } else { "f32" }
    }

    /// Header and functions that all kernels need.
    pub(super) fn program(&self, stem: &'static str, dtype: DType, centred: bool) -> Program {
        let res = if self.vector && !self.joins { "vec4<f32>" } else { "f32" };
        let mut program = Program::new(stem).bool("COLUMNS", self.columns).bool("CENTRED", centred).u32("WIDTH", if self.joins { 4 } else { 1 });
        program.aliases.extend(body::aliases(self.vector));
        program.aliases.extend([("STORED", softmax::stored(dtype, self.vector)), ("RES", res)]);
        program.f16 = dtype == DType::F16;
        program
    }
}

/// The ways that can run, the one chosen first: a pure function of facts.
fn choices(frame: &Frame, caps: &Caps) -> Vec<Choice> {
    let units = Units::of(frame, Method::Serial);
    let values = units.values(frame);
    let possible = |&(_, method, split): &Choice| {
        let naive = Units::of(frame, Method::Naive).values(frame);
        let lanes = lanes(values, caps, false) as usize;
        match method {
            Method::Subgroup => !frame.batch && Resident::of(values, frame.a, caps).is_some(),
            _ if split => frame.batch && values > 1,
            // Channels are cut into as many chunks as it takes.
            _ if frame.batch => true,
            // One loop of an invocation gathers by fours or, backward, one by one; one applies. Four rows at a time gather one after
            // the other.
            Method::Naive => naive * 9 / 4 <= MAX_TURNS,
            Method::Serial => values * 9 / 4 <= MAX_TURNS,
            Method::Workgroup => values / lanes * 9 / 4 <= MAX_TURNS,
        }
    };
    let mut all: Vec<Choice> = CHOICES.iter().copied().filter(possible).collect();
    // A software adapter pays for barriers, and only a few long rows leave it cores without work.
    let few = !frame.batch && frame.rows() < 16 && values >= 2048;
    let gathers = values > 4 && !(units.columns && frame.batch && units.channels >= 1 << 14);
    let workgroup = if caps.software { few } else { gathers };
    let keeps = Resident::pays(values, frame.a, caps);
    all.sort_by_key(|&(_, method, split)| match method {
        Method::Subgroup if keeps => 0,
        Method::Subgroup => 3,
        _ if split => 2,
        _ => 1 + u8::from((method == Method::Workgroup) != workgroup),
    });
    all
}

/// Invocations that share a row or chunk of `values` loads.
pub(super) fn lanes(values: usize, caps: &Caps, across: bool) -> u32 {
    let most = if across { 16 } else { reduction::workgroup(caps) };
    (values.div_ceil(4).next_power_of_two() as u32).clamp(2, most)
}

/// The names of the variants.
pub(crate) fn variants(norm: &Norm, facts: &Lowering<'_>) -> Vec<&'static str> {
    match norm.frame(&facts.outputs[0].shape) {
        Ok(frame) if facts.outputs[0].shape.numel() > 0 => choices(&frame, facts.caps).into_iter().map(|c| c.0).collect(),
        _ => Vec::new(),
    }
}

/// The choice, or the variant that is forced.
pub(super) fn decide(op: &str, frame: &Frame, facts: &Lowering<'_>) -> Result<Choice, OpError> {
    let all = choices(frame, facts.caps);
    let names: Vec<_> = all.iter().map(|c| c.0).collect();
    let forced = facts.forced(op, &names)?;
    let found = all.iter().find(|c| forced.is_none_or(|name| c.0 == name));
    found.copied().ok_or_else(|| OpError::new(op, format!("rows of {} values are too long for this adapter; reshape x into shorter ones", frame.count())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(frame: Frame, software: bool) -> &'static str {
        choices(&frame, &Caps { software, ..Caps::default() })[0].0
    }

    const LAYER: Frame = Frame { a: 4096, g: 1, p: 768, s: 1, batch: false };
    const BATCH: Frame = Frame { a: 32, g: 64, p: 1, s: 1024, batch: true };

    #[test]
    fn one_invocation_does_rows_on_software_and_many_share_one_on_a_gpu() {
        assert_eq!((first(LAYER, true), first(LAYER, false)), ("serial", "workgroup"));
        assert_eq!((first(BATCH, true), first(BATCH, false)), ("serial", "workgroup"));
        let short = Frame { p: 16, ..LAYER };
        assert_eq!((first(short, true), first(short, false)), ("serial", "serial"));
    }

    #[test]
    fn a_subgroup_keeps_rows_on_software_where_they_fit() {
        let first = |frame: Frame, software: bool| choices(&frame, &Caps { software, subgroup: Some((8, 8)), ..Caps::default() })[0].0;
        assert_eq!((first(LAYER, true), first(LAYER, false)), ("subgroup", "workgroup"));
        assert_eq!(first(Frame { p: 2048, ..LAYER }, true), "serial");
        assert_eq!(first(BATCH, true), "serial");
    }

    #[test]
    fn rows_too_long_for_one_invocation_are_shared() {
        let long = Frame { a: 2, p: 200_000, ..LAYER };
        assert_eq!(first(long, true), "workgroup");
        let names = |frame: &Frame| choices(frame, &Caps { software: true, ..Caps::default() }).iter().map(|c| c.0).collect::<Vec<_>>();
        assert_eq!(names(&long), ["workgroup"]);
    }

    #[test]
    fn four_values_a_load_where_they_belong_together() {
        let of = |frame| Units::of(&frame, Method::Serial);
        assert!(of(LAYER).joins && of(LAYER).columns);
        let features = Frame { s: 1, ..BATCH };
        assert!(of(features).vector && !of(features).joins, "four channels side by side");
        assert!(!of(Frame { s: 49, ..BATCH }).vector);
    }
}
