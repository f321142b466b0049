//! Which kernel computes a matrix product, with which tile: a pure function of the product and the adapter.
//!
//! Software adapters pay for loads, pipelines and idle cores: there the cheapest tile by a model of measured times wins. GPUs want
//! the largest tile that still gives every core some groups.

use super::conv_taps::Taps;
use super::matmul_tiles::subgroup;
pub use super::matmul_tiles::{Family, TILES, Tile};
use crate::{Caps, Lowering, OpError};

/// How an operand can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Whether memory runs along k rather than along the rows of A or the columns of B.
    pub along_k: bool,
    /// Whether it can be read four elements at a time.
    pub vec4: bool,
}

/// What is to be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Length of each sum.
    pub k: usize,
    /// Matrices.
    pub batch: usize,
    /// A.
    pub a: Side,
    /// B.
    pub b: Side,
    /// Whether B is gathered from images: then the operands cannot change places.
    pub gathered: bool,
    /// For columns that are the taps of a window: how a kernel that keeps all of them walks.
    pub taps: Option<Taps>,
    /// For columns that are pixels under a small window, where strips below each other can be computed together.
    pub tall: Option<Tall>,
}

/// Outputs whose rows are whole strips of four, under a window that moves pixel by pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tall {
    /// Rows of the window.
    pub kernel_h: usize,
    /// Height and width of the outputs.
    pub outputs: [usize; 2],
}

/// A tile and how it is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The kernel.
    pub tile: Tile,
    /// Whether Cᵀ = Bᵀ·Aᵀ is computed: the same numbers by another walk, for products with few columns.
    pub swap: bool,
    /// Pieces into which k is cut, each summed by groups of its own and added up by a second pass.
    pub splits: u32,
}

impl Choice {
    /// The variant that this is an example of.
    pub fn variant(&self) -> &'static str {
        match (self.tile.family, self.splits > 1) {
            (Family::Naive, false) => "naive",
            (Family::Naive, true) => "naive_splitk",
            (Family::Few, false) => "few",
            (Family::Few, true) => "few_splitk",
            (Family::FewTall, false) => "few_tall",
            (Family::FewTall, true) => "few_tall_splitk",
            (Family::Taps, false) => "taps",
            (Family::Taps, true) => "taps_splitk",
            (Family::Rows, false) => "rows",
            (Family::Rows, true) => "rows_splitk",
            (Family::Subgroup, false) => "subgroup",
            (Family::Subgroup, true) => "subgroup_splitk",
            (Family::Tiled, false) => "tiled",
            (Family::Tiled, true) => "tiled_splitk",
        }
    }
}

/// A pipeline must pay for its compilation within so many launches.
const LAUNCHES: f64 = 8192.0;

/// Groups that keep a large GPU busy.
const BUSY_GROUPS: usize = 128;

/// Multiply-adds up to which a GPU is done before a tile is worth its barriers.
const TINY: usize = 1 << 13;

/// The most turns that an invocation's loops take over k, cut into as many pieces as that needs: llvmpipe ends them all after 65,535.
const TURNS: f64 = 60_000.0;

/// Multiply-adds from which strips below each other are worth their compilation.
const TALL: usize = 1 << 22;

/// The shortest k that is worth cutting, and of a piece.
const SPLIT_K: usize = 512;
const PIECE_K: usize = 128;
const LONG_K: usize = 2048;

impl Problem {
    fn groups(&self, tile: &Tile, swap: bool, caps: &Caps) -> usize {
        let (m, n) = if swap { (self.n, self.m) } else { (self.m, self.n) };
        if tile.family == Family::Naive {
            return (m * n * self.batch).div_ceil(64);
        }
        m.div_ceil(tile.tile_m as usize) * n.div_ceil(tile.tile_n(caps) as usize) * self.batch
    }

    /// Nanoseconds on a software adapter, the pipeline's share included.
    fn cost(&self, tile: &Tile, swap: bool, caps: &Caps) -> f64 {
        let (m, a, b) = if swap { (self.n, self.b, self.a) } else { (self.m, self.a, self.b) };
        let (groups, workers) = (self.groups(tile, swap, caps), caps.workers.max(1) as usize);
        // A long sum is cut until all cores work.
        let turns = if self.k >= LONG_K && self.can_split(caps) { groups as f64 / workers as f64 } else { groups.div_ceil(workers) as f64 };
        let mut step = tile.step_ns;
        if !matches!(tile.family, Family::Naive | Family::Taps) {
            if !(a.vec4 && b.vec4) {
                step *= 1.3;
            }
            // Rows of A that are neighbours in memory are read four at a time only by tiles of 32 rows and more.
            if tile.family == Family::Subgroup && a.vec4 && !a.along_k && tile.tile_m < 32 {
                step *= 1.2;
            }
        }
        let whole = !swap && self.n.is_multiple_of(4);
        let stores = m.min(tile.tile_m as usize) * tile.tile_n(caps) as usize;
        let store = stores as f64 * if whole { 2.5 } else { 3.5 };
        turns * (self.steps(tile.family).div_ceil(4) as f64 * step + store) + tile.compile_ms * 1e6 / LAUNCHES
    }

    /// The cheapest of some tiles on a software adapter; the first of equals.
    fn cheapest(&self, caps: &Caps, allowed: impl Fn(&Tile) -> bool) -> Option<Choice> {
        let mut best: Option<(f64, Choice)> = None;
        let size = self.m * self.n * self.k * self.batch;
        for tile in TILES.iter().filter(|t| t.runs(caps) && allowed(t) && size >= t.least()) {
            for swap in [false, true] {
                let cost = self.cost(tile, swap, caps);
                if (!swap || (tile.family != Family::Naive && !self.gathered)) && best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, Choice { tile: *tile, swap, splits: self.least(tile, caps) }));
                }
            }
        }
        best.map(|(_, choice)| choice)
    }

    /// The largest tile of workgroup memory that gives enough groups; on a software adapter, where it only proves itself, the
    /// smallest.
    fn tiled(&self, caps: &Caps) -> Option<Choice> {
        let mut tiles = TILES.iter().filter(|t| t.family == Family::Tiled && t.runs(caps));
        let last = tiles.clone().next_back()?;
        // A tile of side s is worth it from 2s groups on: on an H100 (132 multiprocessors) 128x128 wins at 2048³ (36.0 TFLOP/s against
        // 26.1 of 64x64), loses at 1024³ (15.4 against 23.4), and 64x64 loses to 32x32 at 512³ (8.8 against 11.7); 2026-11-23.
        let busy = |t: &Tile| self.groups(t, false, caps) >= 2 * t.tile_m as usize;
        // And only where it computes little more than is wanted: 128x128 is less than 1.4 times as fast as 64x64, and twice the work
        // for the 64 rows of many a convolution.
        let area = |t: &Tile| self.m.next_multiple_of(t.tile_m as usize) * self.n.next_multiple_of(t.columns as usize);
        let fits = |t: &&Tile| !caps.software && busy(t) && 5 * area(t) <= 7 * area(last);
        let tile = tiles.find(fits).unwrap_or(last);
        Some(Choice { tile: *tile, swap: false, splits: self.least(tile, caps) })
    }

    /// Pieces of k without which a driver would not walk through all of it.
    fn least(&self, tile: &Tile, caps: &Caps) -> u32 {
        // Only llvmpipe counts turns, and on GPUs this family is for the largest products, whose pieces would be large.
        if tile.family == Family::Tiled && !caps.software {
            return 1;
        }
        (self.steps(tile.family) as f64 * self.turns(tile, caps) / TURNS).ceil().max(1.0) as u32
    }

    /// The length of the sums as a kernel walks it.
    pub fn steps(&self, family: Family) -> usize {
        self.taps.filter(|_| family == Family::Taps).map_or(self.k, |t| t.k)
    }

    /// Turns of an invocation's loops for a step of k.
    fn turns(&self, tile: &Tile, caps: &Caps) -> f64 {
        match (tile.family, self.taps, self.tall) {
            (Family::Taps, Some(taps), _) => taps.turns(tile.workgroup(caps)),
            // Of a channel: taps, rows of pixels, and their products.
            (Family::FewTall, _, Some(Tall { kernel_h: height, .. })) => {
                (2 + height + self.m * (2 * height + 5 + 4 * (1 + height)) + 4) as f64 / (4 * height) as f64
            }
            _ => tile.turns(caps),
        }
    }

    /// Pieces of k, as many as make a GPU busy: at least two.
    fn splits(&self, tile: &Tile, swap: bool, caps: &Caps) -> u32 {
        let groups = self.groups(tile, swap, caps).max(1);
        let busy = BUSY_GROUPS.div_ceil(groups).min(self.k / PIECE_K).max(2).min(self.k.div_ceil(4));
        (busy as u32).max(self.least(tile, caps))
    }

    /// Whether a second pass has anything to add up, and the pieces fit into a buffer.
    fn can_split(&self, caps: &Caps) -> bool {
        let bytes = (self.m * self.n * self.batch * 4) as u64;
        self.k >= 16 && bytes * 64 <= caps.max_binding_bytes
    }

    /// The plain definition.
    fn naive(&self, caps: &Caps) -> Choice {
        Choice { tile: TILES[0], swap: false, splits: self.least(&TILES[0], caps) }
    }

    /// A family's best for this product.
    fn family(&self, family: Family, caps: &Caps) -> Option<Choice> {
        if family == Family::Naive {
            return Some(self.naive(caps));
        }
        if family == Family::Taps {
            return self.taps(caps);
        }
        if family == Family::Tiled { self.tiled(caps) } else { self.cheapest(caps, |t| t.family == family) }
    }

    /// The step of k of which pieces are multiples.
    pub fn unit(&self, family: Family) -> usize {
        self.tall.filter(|_| family == Family::FewTall).map_or(4, |tall| 4 * tall.kernel_h)
    }

    /// The paths for a few rows of which B is gathered, the best first.
    fn few(&self, caps: &Caps) -> Vec<Choice> {
        let tall = self.tall.map(|_| self.few_by("few_tall", Family::FewTall, caps));
        let few = self.few_by("few", Family::Few, caps);
        match tall.filter(|_| self.m <= 4) {
            // llvmpipe pays for each load: 2.1 times as fast there, and 0.4 times on SwiftShader, which spills. It takes a third of a
            // second longer to compile.
            Some(tall) if caps.software && subgroup(caps).is_some() && self.m * self.n * self.k * self.batch >= TALL => vec![tall, few],
            Some(tall) => vec![few, tall],
            None => [few].into_iter().filter(|_| self.gathered && self.m <= 4).collect(),
        }
    }

    fn few_by(&self, name: &'static str, family: Family, caps: &Caps) -> Choice {
        let tile = Tile::software(name, family, 4, 4, 0.0, 0.0);
        // Its invocations work alone: enough of them to keep all cores busy.
        let wanted = if caps.software { 256 } else { 64 * BUSY_GROUPS };
        let invocations = self.n.div_ceil(if family == Family::FewTall { 16 } else { 4 }) * self.batch;
        let splits = ((wanted / invocations.max(1)).min(self.k / PIECE_K) as u32).max(self.least(&tile, caps));
        Choice { tile, swap: false, splits }
    }

    /// The path for few columns that are a window's taps.
    fn taps(&self, caps: &Caps) -> Option<Choice> {
        let tile = self.taps?.tile(caps)?;
        Some(Choice { tile, swap: false, splits: self.least(&tile, caps) })
    }

    /// What is used where nothing is forced.
    pub fn choose(&self, caps: &Caps) -> Choice {
        let naive = self.naive(caps);
        if let Some(choice) = self.few(caps).first() {
            return *choice;
        }
        if caps.software {
            // `rows` is for adapters without subgroups to hand round: 5 GFLOP/s where those have 55.
            let family = if subgroup(caps).is_some() { Family::Subgroup } else { Family::Rows };
            let mut choice = self.cheapest(caps, |t| [Family::Naive, family].contains(&t.family)).unwrap_or(naive);
            let cost = |c: &Choice| self.cost(&c.tile, c.swap, caps);
            if let Some(taps) = self.taps(caps).filter(|taps| cost(taps) < cost(&choice)) {
                choice = taps;
            }
            let groups = self.groups(&choice.tile, choice.swap, caps);
            let workers = caps.workers.max(1) as usize;
            // A long sum of few outputs would leave cores idle.
            if choice.tile.family != Family::Naive && self.k >= LONG_K && groups < 4 * workers && self.can_split(caps) {
                choice.splits = choice.splits.max((4 * workers).div_ceil(groups).min(self.k / SPLIT_K) as u32);
            }
            return choice;
        }
        if self.m * self.n * self.k * self.batch <= TINY {
            return naive;
        }
        let Some(mut choice) = self.tiled(caps) else { return naive };
        if self.k >= SPLIT_K && self.can_split(caps) && self.groups(&choice.tile, false, caps) < BUSY_GROUPS / 2 {
            choice.splits = self.splits(&choice.tile, false, caps);
        }
        choice
    }

    /// One choice for each variant that can run, the chosen one first.
    pub fn variants(&self, caps: &Caps) -> Vec<Choice> {
        let mut all = vec![self.choose(caps)];
        all.extend(self.few(caps));
        for family in [Family::Naive, Family::Rows, Family::Subgroup, Family::Taps, Family::Tiled] {
            let Some(choice) = self.family(family, caps) else { continue };
            all.push(choice);
            if matches!(family, Family::Subgroup | Family::Taps | Family::Tiled) && self.can_split(caps) {
                all.push(Choice { splits: self.splits(&choice.tile, choice.swap, caps), ..choice });
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        all.retain(|c| {
            let fresh = !seen.contains(&c.variant());
            seen.push(c.variant());
            fresh
        });
        all
    }

    /// The choice that is forced, or the best.
    pub fn wanted(&self, op: &str, facts: &Lowering<'_>) -> Result<Choice, OpError> {
        if facts.variant.is_none() {
            return Ok(self.choose(facts.caps));
        }
        let mut named: Vec<(String, Choice)> = self.variants(facts.caps).into_iter().map(|c| (c.variant().to_owned(), c)).collect();
        named.extend(self.exact(facts.caps));
        let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = facts.forced(op, &names)?;
        let found = named.iter().find(|(name, _)| Some(name.as_str()) == wanted);
        Ok(found.map_or_else(|| self.choose(facts.caps), |(_, choice)| *choice))
    }

    /// Every tile that can run, by a name that forces exactly it: `subgroup_64x8`, `tiled_32x32x32_swap`.
    pub fn exact(&self, caps: &Caps) -> Vec<(String, Choice)> {
        let tiles = TILES.iter().filter(|t| t.runs(caps) && t.family != Family::Naive);
        let both = |t: &Tile| {
            [false, true]
                .into_iter()
                .filter(|swap| !swap || !self.gathered)
                .map(|swap| (format!("{}{}", t.name, if swap { "_swap" } else { "" }), Choice { tile: *t, swap, splits: self.least(t, caps) }))
                .collect::<Vec<_>>()
        };
        tiles.flat_map(both).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Window;

    const K_WISE: Side = Side { along_k: true, vec4: true };
    const ACROSS: Side = Side { along_k: false, vec4: true };
    const SCALAR: Side = Side { along_k: true, vec4: false };

    fn plain(m: usize, k: usize, n: usize) -> Problem {
        Problem { m, n, k, batch: 1, a: K_WISE, b: ACROSS, gathered: false, taps: None, tall: None }
    }

    fn lavapipe() -> Caps {
        Caps { software: true, subgroup: Some((8, 8)), f16: true, max_invocations: 1024, max_workgroup_bytes: 32 << 10, ..Caps::default() }
    }

    fn name(problem: Problem, caps: &Caps) -> String {
        let c = problem.choose(caps);
        format!("{}{}{}", c.tile.name, if c.swap { " swap" } else { "" }, if c.splits > 1 { format!(" /{}", c.splits) } else { String::new() })
    }

    #[test]
    fn lavapipe_takes_the_subgroup_tile_that_was_measured_best() {
        let caps = lavapipe();
        assert_eq!(name(plain(512, 512, 512), &caps), "subgroup_64x8");
        assert_eq!(name(plain(256, 256, 256), &caps), "subgroup_64x8");
        assert_eq!(name(Problem { batch: 16, ..plain(256, 256, 256) }, &caps), "subgroup_64x8");
        assert_eq!(name(plain(32, 4096, 1024), &caps), "subgroup_32x8");
        assert_eq!(name(plain(32, 784, 128), &caps), "subgroup_32x8");
        assert_eq!(name(Problem { b: SCALAR, ..plain(128, 128, 10) }, &caps), "subgroup_16x4 swap");
        assert_eq!(name(plain(27, 32768, 32), &caps), "subgroup_32x4 /8");
    }

    #[test]
    fn a_small_network_does_not_wait_for_the_largest_pipeline() {
        let caps = lavapipe();
        for batch in [32, 64, 128] {
            assert_eq!(name(plain(batch, 784, 128), &caps), "subgroup_32x8");
            assert_eq!(name(Problem { a: ACROSS, ..plain(784, batch, 128) }, &caps), "subgroup_32x8");
        }
    }

    #[test]
    fn a_tiny_product_does_not_pay_for_a_large_pipeline() {
        assert_eq!(name(plain(1, 1, 1), &lavapipe()), "naive_1x1");
        assert_eq!(name(plain(4, 8, 4), &Caps { subgroup: Some((32, 32)), ..Caps::default() }), "naive_1x1");
    }

    #[test]
    fn swiftshader_takes_rows() {
        let caps = Caps { software: true, subgroup: Some((4, 4)), max_invocations: 256, ..Caps::default() };
        assert_eq!(name(plain(256, 256, 256), &caps), "rows_16x16");
        assert_eq!(name(plain(128, 784, 128), &caps), "rows_16x16");
        assert_eq!(name(plain(32, 784, 128), &caps), "rows_16x8");
        let browser = Caps { subgroup: None, ..lavapipe() };
        assert_eq!(name(plain(128, 784, 128), &browser), "rows_16x8");
        let names: Vec<_> = plain(128, 128, 128).variants(&caps).iter().map(Choice::variant).collect();
        assert_eq!(names, ["rows", "naive", "tiled", "tiled_splitk"]);
    }

    #[test]
    fn a_gpu_takes_the_largest_tile_that_fills_it() {
        for caps in [Caps::default(), Caps { subgroup: Some((32, 32)), f16: true, ..Caps::default() }] {
            assert_eq!(name(plain(4096, 4096, 4096), &caps), "tiled_128x128x8");
            assert_eq!(name(plain(1024, 1024, 1024), &caps), "tiled_64x64x16");
            assert_eq!(name(plain(128, 784, 128), &caps), "tiled_32x32x32 /6");
            assert_eq!(name(plain(128, 128, 128), &caps), "tiled_32x32x32");
        }
    }

    #[test]
    fn a_tile_that_asks_for_more_than_the_adapter_has_is_not_taken() {
        let caps = Caps { max_invocations: 128, max_workgroup_bytes: 8 << 10, ..Caps::default() };
        assert_eq!(name(plain(4096, 4096, 4096), &caps), "tiled_32x32x32");
    }

    #[test]
    fn variants_start_with_the_chosen_and_name_each_family_once() {
        let variants = |p: Problem, caps: &Caps| p.variants(caps).iter().map(Choice::variant).collect::<Vec<_>>();
        assert_eq!(variants(plain(64, 64, 64), &lavapipe()), ["subgroup", "naive", "rows", "subgroup_splitk", "tiled", "tiled_splitk"]);
        assert_eq!(variants(plain(64, 8, 64), &Caps::default()), ["tiled", "naive", "rows"]);
    }

    #[test]
    fn a_split_leaves_no_piece_empty() {
        for k in [16, 17, 512, 777, 4096] {
            for choice in plain(32, k, 32).variants(&Caps::default()) {
                assert!(choice.splits as usize * 4 <= k.div_ceil(4) * 4, "{k}");
            }
        }
    }

    /// A convolution: `m` output channels, `n` pixels.
    fn gathered(m: usize, k: usize, n: usize) -> Problem {
        Problem { b: Side { along_k: false, vec4: false }, gathered: true, ..plain(m, k, n) }
    }

    #[test]
    fn a_convolution_keeps_its_operands_in_place() {
        for caps in [lavapipe(), Caps::default(), Caps { subgroup: None, ..lavapipe() }] {
            for problem in [gathered(5, 27, 10_000), gathered(5, 27, 3), gathered(512, 4608, 1), gathered(64, 1 << 19, 576)] {
                assert!(problem.variants(&caps).iter().all(|c| !c.swap), "{problem:?}");
                assert!(problem.exact(&caps).iter().all(|(name, c)| !c.swap && !name.ends_with("_swap")), "{problem:?}");
            }
        }
    }

    #[test]
    fn a_convolution_takes_few_up_to_four_rows_and_a_tile_from_five() {
        for caps in [lavapipe(), Caps::default()] {
            assert_eq!(gathered(4, 108, 32_768).choose(&caps).variant(), "few");
            assert!(!gathered(5, 108, 32_768).variants(&caps).iter().any(|c| c.variant().starts_with("few")));
            assert_eq!(plain(4, 108, 32_768).variants(&caps).iter().filter(|c| c.tile.family == Family::Few).count(), 0);
        }
        assert_eq!(name(gathered(32, 36, 32_768), &lavapipe()), "subgroup_32x8");
        assert_eq!(name(gathered(64, 768, 8192), &lavapipe()), "subgroup_64x8");
        assert_eq!(name(gathered(64, 768, 8192), &Caps { subgroup: None, ..lavapipe() }), "rows_16x8");
        assert_eq!(name(gathered(64, 768, 65_536), &Caps::default()), "tiled_64x64x16");
        // Few pixels and many channels: k is cut, to keep a GPU busy.
        assert_eq!(name(gathered(512, 6144, 49), &Caps::default()), "tiled_32x32x32 /4");
        // A weight gradient: few outputs, long sums.
        assert_eq!(name(gathered(8, 1 << 15, 72), &lavapipe()), "subgroup_16x4 /3");
        assert_eq!(name(gathered(1, 1 << 15, 9), &lavapipe()), "few /85");
    }

    #[test]
    fn no_invocation_walks_further_than_its_driver_does() {
        let adapters = [lavapipe(), Caps { subgroup: None, ..lavapipe() }, Caps { software: true, max_invocations: 256, ..Caps::default() }];
        for caps in &adapters {
            for k in [32_768_usize, 60_001, 65_536, 131_073, 262_144, 1_605_632, 1 << 24] {
                let kept = Taps::new(&[k.div_ceil(13), 32, 1, 13].into(), &[32, 3, 5, 5].into(), &Window::default());
                let tall = Problem { tall: Some(Tall { kernel_h: 3, outputs: [64, 64] }), ..gathered(4, k, 1 << 16) };
                let taps = Problem { taps: Some(kept), ..gathered(32, k, 75) };
                for problem in [plain(64, k, 576), plain(4096, k, 4096), gathered(64, k, 576), gathered(2, k, 1 << 16), taps, tall] {
                    let all = problem.variants(caps).into_iter().chain(problem.exact(caps).into_iter().map(|(_, c)| c));
                    for choice in all {
                        let piece = problem.steps(choice.tile.family).div_ceil(choice.splits as usize).next_multiple_of(problem.unit(choice.tile.family));
                        assert!((piece as f64 * problem.turns(&choice.tile, caps)) < 65_535.0, "{k} in {} pieces for {}", choice.splits, choice.tile.name);
                    }
                }
            }
        }
        assert_eq!(name(plain(4096, 1 << 16, 4096), &Caps::default()), "tiled_128x128x8");
    }
}
