//! The kernels of a matrix product with their tiles: what each needs, and what it costs.

use crate::Caps;

/// Multiply-adds from which the largest tiles for software adapters are used: `subgroup_64x8` is a tenth faster than the next and
/// takes a third of a second longer to compile, `rows_16x16` a fifth and a tenth of a second, and a small network's first step
/// shall not wait for several of those.
const LARGE: usize = 1 << 24;
const LARGE_ROWS: usize = 1 << 23;

/// A way of computing it. Its name is the variant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// One output an invocation.
    Naive,
    /// 8 or 16 rows an invocation by vectors, no workgroup memory.
    Rows,
    /// One subgroup a workgroup, which hands the rows of A round.
    Subgroup,
    /// Tiles of both operands in workgroup memory.
    Tiled,
    /// Four columns of all rows, up to four, an invocation, of a B that is gathered from images.
    Few,
    /// The same with four columns below each other.
    FewTall,
    /// Four rows of all columns an invocation, where columns are the taps of a window; one subgroup a workgroup.
    Taps,
}

/// A kernel with its tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tile {
    /// Family and shape, for forcing exactly this one: rows × columns of an invocation, or rows × columns × k of a workgroup
    /// for `tiled`.
    pub name: &'static str,
    /// The kernel.
    pub family: Family,
    /// Rows of a workgroup.
    pub tile_m: u32,
    /// Columns: vectors of four an invocation for `rows` and `subgroup`, columns of a workgroup for `tiled`.
    pub columns: u32,
    /// Steps of k in workgroup memory, for `tiled`.
    pub tile_k: u32,
    /// Rows and columns of an invocation, for `tiled`.
    pub reg: u32,
    /// Nanoseconds of a core for a workgroup's four steps of k, for those meant for software adapters.
    pub(super) step_ns: f64,
    /// Milliseconds to compile it there.
    pub(super) compile_ms: f64,
}

impl Tile {
    pub(super) const fn software(name: &'static str, family: Family, tile_m: u32, columns: u32, step_ns: f64, compile_ms: f64) -> Self {
        Self { name, family, tile_m, columns, tile_k: 0, reg: 0, step_ns, compile_ms }
    }

    const fn tiled(name: &'static str, tile_m: u32, columns: u32, tile_k: u32, reg: u32) -> Self {
        Self { name, family: Family::Tiled, tile_m, columns, tile_k, reg, step_ns: 0.0, compile_ms: 0.0 }
    }

    /// Multiply-adds from which it is considered on a software adapter.
    pub(super) fn least(&self) -> usize {
        match (self.family, self.tile_m, self.columns) {
            (Family::Subgroup, 64.., _) => LARGE,
            (Family::Rows, _, 4..) => LARGE_ROWS,
            _ => 0,
        }
    }

    /// Invocations a workgroup.
    pub fn workgroup(&self, caps: &Caps) -> u32 {
        match self.family {
            Family::Naive | Family::Few | Family::FewTall => 64,
            Family::Rows => 8,
            Family::Subgroup | Family::Taps => subgroup(caps).unwrap_or(8),
            Family::Tiled => (self.tile_m / self.reg) * (self.columns / self.reg),
        }
    }

    /// Columns a workgroup.
    pub fn tile_n(&self, caps: &Caps) -> u32 {
        match self.family {
            Family::Naive | Family::Few | Family::FewTall => 64,
            Family::Rows | Family::Subgroup => self.workgroup(caps) * 4 * self.columns,
            Family::Tiled | Family::Taps => self.columns,
        }
    }

    /// Turns of an invocation's loops for a step of k, those of inner loops included: a checked module (a debug build, Firefox) has
    /// counters in its loops, which keep a driver from unrolling them.
    pub(super) fn turns(&self, caps: &Caps) -> f64 {
        let vectors = f64::from(self.reg / 4);
        match self.family {
            Family::Naive => 1.0,
            Family::Rows | Family::Few | Family::FewTall | Family::Taps => 0.25,
            Family::Subgroup => {
                let (lanes, groups) = (self.workgroup(caps), self.tile_m / self.workgroup(caps));
                // Measured there: the loop over the lanes is unrolled for eight lanes and one vector of columns only.
                let lane_turns = if self.columns == 1 && lanes == 8 { 0 } else { lanes + 1 };
                f64::from(1 + self.columns + groups * (1 + lane_turns)) / 4.0
            }
            Family::Tiled => 1.0 + vectors + vectors * (1.0 + vectors) + 8.0 / f64::from(self.tile_k),
        }
    }

    /// Whether an adapter can run it at all.
    pub fn runs(&self, caps: &Caps) -> bool {
        match self.family {
            Family::Naive | Family::Few | Family::FewTall => true,
            // lavapipe (1,024 invocations) takes 3.2 s to compile 16 x 16 outputs, SwiftShader (256) a quarter of a second.
            Family::Rows => self.columns <= 2 || caps.max_invocations <= 256,
            Family::Subgroup | Family::Taps => subgroup(caps).is_some(),
            Family::Tiled => self.workgroup(caps) <= caps.max_invocations && (self.tile_m + self.columns) * self.tile_k * 4 <= caps.max_workgroup_bytes,
        }
    }
}

/// The subgroup size, where it is fixed and one that the kernel is made for: four lanes are too few to hand round.
pub(super) fn subgroup(caps: &Caps) -> Option<u32> {
    caps.subgroup.filter(|&(min, max)| min == max && matches!(min, 8 | 16)).map(|(size, _)| size)
}

/// All tiles. Times: lavapipe (Mesa 22.3.6, subgroup 8) for `naive` and `subgroup`, SwiftShader for `rows`, two cores, 2026-11-23;
/// only their ratios matter.
pub const TILES: &[Tile] = &[
    Tile::software("naive_1x1", Family::Naive, 1, 64, 1460.0, 50.0),
    Tile::software("rows_8x8", Family::Rows, 8, 2, 1390.0, 130.0),
    Tile::software("rows_8x4", Family::Rows, 8, 1, 870.0, 105.0),
    Tile::software("rows_16x8", Family::Rows, 16, 2, 2200.0, 185.0),
    Tile::software("rows_16x16", Family::Rows, 16, 4, 3590.0, 265.0),
    Tile::software("subgroup_64x8", Family::Subgroup, 64, 2, 1190.0, 700.0),
    Tile::software("subgroup_32x8", Family::Subgroup, 32, 2, 690.0, 400.0),
    Tile::software("subgroup_32x4", Family::Subgroup, 32, 1, 410.0, 250.0),
    Tile::software("subgroup_16x8", Family::Subgroup, 16, 2, 431.0, 250.0),
    Tile::software("subgroup_16x4", Family::Subgroup, 16, 1, 258.0, 170.0),
    Tile::tiled("tiled_128x128x8", 128, 128, 8, 8),
    Tile::tiled("tiled_64x64x16", 64, 64, 16, 4),
    Tile::tiled("tiled_32x32x32", 32, 32, 32, 4),
];
