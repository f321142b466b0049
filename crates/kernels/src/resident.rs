//! Rows that one subgroup keeps in its registers between the sweeps over them, so that each value is loaded once.

use crate::{Caps, Program};

/// Loads of a row that a lane may keep: all of them are unrolled, and 32 compile in a second on a software adapter.
const MOST_UNITS: usize = 32;

/// How a row is shared out over the lanes of a subgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resident {
    /// Lanes of a subgroup.
    pub(crate) subgroup: u32,
    /// Loads of each lane.
    units: u32,
    /// Whether they make up the row.
    whole: bool,
    /// Rows that a subgroup does one after the other, where they share something. No constant of the program: with the batch's size it
    /// changes, and compiling takes a second.
    pub(crate) rows: u32,
}

impl Resident {
    /// For `rows` rows of `width` loads each, where the subgroup's size is known beforehand and a lane's share is not too large.
    pub(crate) fn of(width: usize, rows: usize, caps: &Caps) -> Option<Self> {
        let (size, _) = caps.subgroup.filter(|&(min, max)| min == max && (8..=64).contains(&min))?;
        let units = width.div_ceil(size as usize);
        // A workgroup takes some time to start, and many keep all cores at work.
        let rows = (rows / 64).clamp(1, 16) as u32;
        let whole = width.is_multiple_of(size as usize);
        (1..=MOST_UNITS).contains(&units).then_some(Self { subgroup: size, units: units as u32, whole, rows })
    }

    /// Whether it is the fastest way: a software adapter pays for each load, and for lanes without one. On GPUs a workgroup for a
    /// row stays the choice until it is measured there.
    pub(crate) fn pays(width: usize, rows: usize, caps: &Caps) -> bool {
        caps.software && Self::of(width, rows, caps).is_some_and(|r| width >= 2 * r.subgroup as usize)
    }

    /// The constants that the kernels want.
    pub(crate) fn define(&self, program: &mut Program) {
        program.subgroups = true;
        program.consts.extend([("WORKGROUP", self.subgroup), ("UNITS", self.units)].map(|(name, n)| (name, crate::Const::U32(n))));
        program.consts.push(("WHOLE", crate::Const::Bool(self.whole)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(software: bool, subgroup: Option<(u32, u32)>) -> Caps {
        Caps { software, subgroup, ..Caps::default() }
    }

    #[test]
    fn rows_stay_where_the_subgroup_is_known_and_they_fit() {
        let lavapipe = caps(true, Some((8, 8)));
        assert_eq!(Resident::of(256, 4096, &lavapipe), Some(Resident { subgroup: 8, units: 32, whole: true, rows: 16 }));
        assert_eq!(Resident::of(250, 3, &lavapipe), Some(Resident { subgroup: 8, units: 32, whole: false, rows: 1 }));
        assert_eq!(Resident::of(257, 4096, &lavapipe), None);
        for subgroup in [None, Some((4, 4)), Some((8, 32))] {
            assert_eq!(Resident::of(256, 4096, &caps(true, subgroup)), None);
        }
    }

    #[test]
    fn it_pays_on_software_where_every_lane_has_work() {
        assert!(Resident::pays(16, 4096, &caps(true, Some((8, 8)))));
        assert!(!Resident::pays(8, 4096, &caps(true, Some((8, 8)))));
        assert!(!Resident::pays(256, 4096, &caps(false, Some((32, 32)))));
    }
}
