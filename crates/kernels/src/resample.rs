//! Linear maps that act along the height and the width of images one after the other: average pooling, interpolation, and their
//! transposes. Each says how a window or sample is made of places; `shaders/resample.wgsl` does the rest, in both directions.

use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Work};
use crate::reduction::MAX_TURNS;
use crate::window::Span;
use crate::{Array, DType, OpError, Program};

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// How windows are made of places along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// As many windows as places: the axis stays.
    Same,
    /// The mean of windows of equal size; whether padding counts.
    Pool(Span, bool),
    /// The mean of windows that share the axis out: window o has the places from ⌊o·n/m⌋ to ⌈(o+1)·n/m⌉.
    Adaptive,
    /// The place ⌊o·scale⌋.
    Nearest(f64),
    /// Between the two places around (o + ½)·scale − ½, or around o·scale with corners on corners.
    Linear(f64, bool),
}

/// One axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    pub(crate) rule: Rule,
    pub(crate) places: usize,
    pub(crate) windows: usize,
}

impl Line {
    /// The places of window `o` with their weights.
    pub(crate) fn weights(&self, o: usize) -> Vec<(usize, f64)> {
        let (n, m) = (self.places, self.windows);
        let mean = |range: std::ops::Range<usize>, count: usize| range.map(|i| (i, 1.0 / count as f64)).collect();
        match self.rule {
            Rule::Same => vec![(o, 1.0)],
            Rule::Pool(span, padding) => span.taps(o).map(|i| (i, 1.0 / span.count(o, padding) as f64)).collect(),
            Rule::Adaptive => {
                let (from, to) = (o * n / m, ((o + 1) * n).div_ceil(m));
                mean(from..to, to - from)
            }
            // In f32, so that a product next to a whole number falls on the same side everywhere: PyTorch's too.
            Rule::Nearest(scale) => vec![(((o as f32 * scale as f32).floor() as usize).min(n - 1), 1.0)],
            Rule::Linear(scale, corners) => {
                let at = if corners { o as f64 * scale } else { ((o as f64 + 0.5) * scale - 0.5).max(0.0) };
                let first = (at.floor() as usize).min(n - 1);
                let share = (at - first as f64).clamp(0.0, 1.0);
                if first + 1 < n { vec![(first, 1.0 - share), (first + 1, share)] } else { vec![(first, 1.0)] }
            }
        }
    }

    /// Turns that a loop over this axis may take.
    pub(crate) fn turns(&self, transposed: bool) -> usize {
        let (n, m) = (self.places, self.windows.max(1));
        match self.rule {
            Rule::Same => 1,
            Rule::Pool(span, _) if transposed => span.kernel / span.stride + 1,
            Rule::Pool(span, _) => span.kernel,
            Rule::Adaptive if transposed => (m / n.max(1)).saturating_add(2),
            Rule::Adaptive => (n / m).saturating_add(2),
            Rule::Nearest(scale) | Rule::Linear(scale, _) if transposed => {
                let most = 3.0 / scale + 6.0;
                if most < m as f64 { most as usize } else { m }
            }
            Rule::Nearest(_) | Rule::Linear(..) => 2,
        }
    }

    /// The number of the rule in the shader, and its part of the params block.
    fn words(&self) -> (u32, [u32; 8]) {
        let word = |n: i64| n as i32 as u32;
        let mut words = [self.places as u32, self.windows as u32, 0, 0, 0, 0, 0, 0];
        let rule = match self.rule {
            Rule::Same => 0,
            Rule::Pool(span, padding) => {
                let (low, high) = span.limits(padding);
                words[2..7].copy_from_slice(&[span.kernel as u32, span.stride as u32, span.begin as u32, word(low), word(high)]);
                1
            }
            Rule::Adaptive => 2,
            Rule::Nearest(scale) => {
                words[7] = (scale as f32).to_bits();
                3
            }
            Rule::Linear(scale, corners) => {
                words[7] = (scale as f32).to_bits();
                if corners { 5 } else { 4 }
            }
        };
        (rule, words)
    }

    fn same(n: usize) -> Self {
        Self { rule: Rule::Same, places: n, windows: n }
    }
}

/// A map of `planes` images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resample {
    pub(crate) planes: usize,
    /// Height, width.
    pub(crate) lines: [Line; 2],
    /// From windows to places: the gradient.
    pub(crate) transposed: bool,
}

impl Resample {
    /// The launch, or one an axis where the loops over both would take too many turns.
    ///
    /// # Errors
    /// Where one axis alone takes too many.
    pub(crate) fn lower(&self, op: &str, facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        let [h, w] = self.lines;
        let dtype = facts.outputs[0].dtype;
        let turns = [h, w].map(|l| l.turns(self.transposed));
        if let Some(n) = turns.iter().find(|&&n| n > MAX_TURNS / 2) {
            return Err(OpError::new(
                op,
                format!("a value would be made of some {n} along one axis, more than the {} that it may; go in two steps", MAX_TURNS / 2),
            ));
        }
        let mut lowered = Lowered::default();
        if turns[0] * (turns[1] + 1) <= MAX_TURNS {
            lowered.launches.push(self.launch([h, w], (Arg::Input(0), dtype), (Arg::Output(0), dtype), facts));
            return Ok(lowered);
        }
        let (before, after) = if self.transposed { (h.windows, w.places) } else { (h.places, w.windows) };
        lowered.temps.push(4 * (self.planes * before * after) as u64);
        let (first, second) = ([Line::same(before), w], [h, Line::same(after)]);
        lowered.launches.push(self.launch(first, (Arg::Input(0), dtype), (Arg::Temp(0), DType::F32), facts));
        lowered.launches.push(self.launch(second, (Arg::Temp(0), DType::F32), (Arg::Output(0), dtype), facts));
        Ok(lowered)
    }

    fn launch(&self, lines: [Line; 2], from: (Arg, DType), to: (Arg, DType), facts: &Lowering<'_>) -> Launch {
        let [(rule_h, h), (rule_w, w)] = lines.map(|l| l.words());
        let mut program = Program::new("resample").u32("WORKGROUP", WORKGROUP).u32("RULE_H", rule_h).u32("RULE_W", rule_w);
        program = program.bool("TRANSPOSED", self.transposed).alias("X", from.1.wgsl()).alias("Y", to.1.wgsl());
        program.f16 = from.1 == DType::F16 || to.1 == DType::F16;
        let sizes = lines.map(|l| if self.transposed { [l.windows, l.places] } else { [l.places, l.windows] });
        let (read, made) = (self.planes * sizes[0][0] * sizes[1][0], self.planes * sizes[0][1] * sizes[1][1]);
        Launch {
            program,
            args: vec![(Arg::Block(0), Access::Read), (from.0, Access::Read), (to.0, Access::ReadWrite)],
            blocks: vec![[&[made as u32, 0, 0, 0], &h[..], &w[..]].concat()],
            grid: facts.caps.fold((made as u64).div_ceil(u64::from(WORKGROUP))),
            work: Work { flops: 2.0 * made as f64, bytes: (read * from.1.bytes() + made * to.1.bytes()) as f64 },
        }
    }

    /// The map in f64.
    pub(crate) fn reference(&self, x: &Array) -> Vec<f64> {
        let [h, w] = self.lines;
        let (rows, cols): (Vec<_>, Vec<_>) = ((0..h.windows).map(|o| h.weights(o)).collect(), (0..w.windows).map(|o| w.weights(o)).collect());
        let (places, windows) = (h.places * w.places, h.windows * w.windows);
        let mut y = vec![0.0; self.planes * if self.transposed { places } else { windows }];
        for (plane, oh, ow) in (0..self.planes).flat_map(|p| (0..h.windows).flat_map(move |oh| (0..w.windows).map(move |ow| (p, oh, ow)))) {
            let window = plane * windows + oh * w.windows + ow;
            for (&(row, a), &(col, b)) in rows[oh].iter().flat_map(|r| cols[ow].iter().map(move |c| (r, c))) {
                let place = plane * places + row * w.places + col;
                if self.transposed {
                    y[place] += a * b * x.data[window];
                } else {
                    y[window] += a * b * x.data[place];
                }
            }
        }
        y
    }
}
