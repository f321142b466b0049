//! Pooling by blocks: an invocation makes a few neighbouring windows, or the gradient of the places below a few windows, in
//! registers, and moves two or four neighbours along the width at a time.
//!
//! Which loaded value belongs to which window depends on the windows' geometry alone, so the body of `shaders/pool_block.wgsl` and
//! `pool_block_backward.wgsl` is generated: straight-line code without divisions. Extents ride in the params block as ever.

use crate::launch::{Access, Arg, Launch, Lowering, Work};
use crate::window::Span;
use crate::{Caps, DType, Program};
use std::fmt::Write as _;

/// Invocations a workgroup.
const WORKGROUP: u32 = 64;

/// Values that an invocation may hold, and steps that it may take: beyond, compilers spill and take long.
const MOST: usize = 160;

/// What is made of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Its maximum; whether its place is read or written.
    Max(bool),
    /// Its mean; whether padding counts.
    Average(bool),
}

/// Pooling of `planes` images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    pub(crate) planes: usize,
    pub(crate) spans: [Span; 2],
    pub(crate) pooling: Pooling,
}

/// The windows that an invocation has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    rows: usize,
    cols: usize,
    /// Neighbours that a load or store of the image moves.
    image: usize,
    /// Neighbours that one of the pooled image moves.
    pooled: usize,
}

/// How many rows of windows a block may have, the best first.
fn rows(software: bool, h: &Span) -> [usize; 3] {
    match (software, h.kernel > h.stride) {
        (true, _) => [4, 2, 1],
        (false, true) => [2, 1, 1],
        (false, false) => [1, 1, 1],
    }
}

/// The largest vector that divides all of these.
fn lanes(extents: &[usize]) -> usize {
    [4, 2].into_iter().find(|&n| extents.iter().all(|e| e.is_multiple_of(n))).unwrap_or(1)
}

/// `TYPE(0, step, …)`: one number a lane.
fn ramp(ty: &str, lanes: usize, step: usize) -> String {
    let numbers: Vec<String> = (0..lanes).map(|l| (l * step).to_string()).collect();
    format!("{ty}({})", numbers.join(", "))
}

/// The lanes of a vector that a block needs, where so few are needed that each is loaded by itself.
fn alone(needed: &[usize], lanes: usize, caps: &Caps) -> bool {
    lanes > 1 && (needed.len() == 1 || caps.software && 2 * needed.len() <= lanes)
}

/// Lane `l` of a variable.
fn lane(name: &str, lanes: usize, l: usize) -> String {
    if lanes == 1 { name.to_owned() } else { format!("{name}.{}", ["x", "y", "z", "w"][l]) }
}

/// A WGSL vector type, or its element where there is one lane.
fn vector(element: &str, lanes: usize) -> &'static str {
    match (element, lanes) {
        ("f32", 4) => "vec4<f32>",
        ("f32", 2) => "vec2<f32>",
        ("f32", _) => "f32",
        ("f16", 4) => "vec4<f16>",
        ("f16", 2) => "vec2<f16>",
        ("f16", _) => "f16",
        ("bool", 4) => "vec4<bool>",
        ("bool", 2) => "vec2<bool>",
        ("bool", _) => "bool",
        (_, 4) => "vec4<i32>",
        (_, 2) => "vec2<i32>",
        _ => "i32",
    }
}

/// One value of a vector of the image.
const ONE_VALUE: &str = "fn value(plane: i32, row: i32, col: i32, lane: u32) -> f32 {
  let at = (plane * params.height + row) * params.width + col;
  if (GUARDED) {
    let inside = (row >= 0) & (row < params.height) & (col >= 0) & (col < params.width);
    return select(bitcast<f32>(params.fill), f32(x[select(0, at, inside)][lane]), inside);
  }
  return f32(x[at][lane]);
}
";

impl Pool {
    /// The vectors of the image, counted from `base` before the block's own first one, that hold these columns.
    fn vectors(&self, block: &Block) -> Vec<usize> {
        let w = &self.spans[1];
        let mut all: Vec<usize> =
            (0..block.cols).flat_map(|j| (0..w.kernel).map(move |t| (j, t))).map(|(j, t)| self.column(block, j, t) / block.image).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The column of tap `t` of the block's window `j`, from the first column of the first vector on.
    fn column(&self, block: &Block, j: usize, t: usize) -> usize {
        let w = &self.spans[1];
        (w.begin.next_multiple_of(block.image) - w.begin) + j * w.stride + t * w.dilation
    }

    /// The block of the forward kernel; `None` where the windows are too large to unroll. On a processor, where a load is dear, rows of
    /// windows share what they load: 16 x 64 x 112 x 112 by 3 x 3 with step 2 took 30 ms of processor time row by row, 25 by twos and
    /// 23 by fours, and by 2 x 2 19, 16 and 16 (llvmpipe, 2 cores, 2026-11-24; eight columns were slower than four).
    fn forward_block(&self, caps: &Caps) -> Option<Block> {
        let [h, w] = &self.spans;
        let cols = w.output.next_power_of_two().min(4);
        let fits = |rows: &usize| rows * h.kernel * w.kernel * cols <= MOST;
        let rows = rows(caps.software, h).into_iter().find(|rows| *rows <= h.output && fits(rows))?;
        let pooled = lanes(&[w.output, cols]);
        let block = |image| Block { rows, cols, image, pooled };
        let possible = [4, 2, 1].into_iter().filter(|&n| w.input.is_multiple_of(n) && (cols * w.stride).is_multiple_of(n));
        possible.map(block).min_by_key(|b| self.vectors(b).len())
    }

    /// The windows that cover places `0..length` of an axis, where place 0 is the first one below window 0 without padding.
    fn covering(span: &Span, length: usize) -> std::ops::RangeInclusive<i64> {
        let (begin, reach, stride) = (span.begin as i64, ((span.kernel - 1) * span.dilation) as i64, span.stride as i64);
        -((reach - begin).div_euclid(stride))..=(length as i64 - 1 + begin).div_euclid(stride)
    }

    /// Whether window `window` has a tap on `place`.
    fn covers(span: &Span, window: i64, place: usize) -> bool {
        let offset = place as i64 - (window * span.stride as i64 - span.begin as i64);
        let dilation = span.dilation as i64;
        offset >= 0 && offset % dilation == 0 && offset / dilation < span.kernel as i64
    }

    /// The block of the backward kernel; its windows' strides times as many places. `None` where that is too much to unroll.
    fn backward_block(&self, caps: &Caps) -> Option<Block> {
        let [h, w] = &self.spans;
        let most = w.output.next_power_of_two();
        let sizes = [if caps.software { [2, 4] } else { [1, 4] }, [1, 4], [1, 2], [1, 1]];
        sizes.into_iter().filter(|&[rows, cols]| rows <= h.output && cols <= most).find_map(|[rows, cols]| {
            let block = Block { rows, cols, image: lanes(&[w.input, cols * w.stride]), pooled: lanes(&[w.output, cols]) };
            let places = (rows * h.stride).saturating_mul(cols * w.stride);
            let windows = [(h, rows), (w, cols)].map(|(s, n)| Self::covering(s, n * s.stride).count());
            (places <= MOST && windows[0] * windows[1] * places.min(h.kernel * w.kernel) <= 4 * MOST).then_some(block)
        })
    }

    /// What the kernels of both directions have in common.
    fn program(&self, stem: &'static str, block: &Block, dtype: DType, guarded: bool) -> Program {
        let mut program = Program::new(stem).u32("WORKGROUP", WORKGROUP).bool("GUARDED", guarded);
        let stored = dtype.wgsl();
        program.aliases = vec![
            ("X", vector("f32", block.image)),
            ("XS", vector(stored, block.image)),
            ("KX", vector("i32", block.image)),
            ("Y", vector("f32", block.pooled)),
            ("YS", vector(stored, block.pooled)),
            ("KY", vector("i32", block.pooled)),
        ];
        program.f16 = dtype == DType::F16;
        if stem == "pool_block" {
            program.aliases.push(("BY", vector("bool", block.pooled)));
        }
        if let Pooling::Average(padding) = self.pooling {
            let whole = |s: &Span| (0..s.output).all(|o| s.count(o, padding) == s.kernel);
            let [h, w] = &self.spans;
            let uniform = whole(h) && whole(w);
            let _ = if uniform {
                writeln!(program.code, "fn places(row: i32, col: i32) -> Y {{ return Y({}.0); }}", h.kernel * w.kernel)
            } else {
                writeln!(
                    program.code,
                    "fn places(row: i32, col: i32) -> Y {{\n  let top = row * {} - {};\n  let left = (KY(col * {}) + {}) * {} - {};\n  \
                     let down = min(top + {}, params.limits.y) - max(top, params.limits.x);\n  \
                     let across = min(left + {}, KY(params.limits.w)) - max(left, KY(params.limits.z));\n  return Y(max(across * down, KY(1)));\n}}",
                    h.stride,
                    h.begin,
                    block.pooled,
                    ramp("KY", block.pooled, 1),
                    w.stride,
                    w.begin,
                    h.kernel,
                    w.kernel
                )
            };
        }
        program
    }

    /// The params block.
    fn words(&self, block: &Block, down: usize, across: usize) -> Vec<u32> {
        let [h, w] = &self.spans;
        let (limits, fill) = match self.pooling {
            Pooling::Max(_) => ([(0, 0); 2], f32::NEG_INFINITY),
            Pooling::Average(padding) => ([h.limits(padding), w.limits(padding)], 0.0),
        };
        let sizes = [self.planes * down * across, across, down, 0, h.input, w.input / block.image, h.output, w.output / block.pooled, w.input, 0, 0, 0];
        let mut words = sizes.map(|n| n as u32).to_vec();
        words[3] = fill.to_bits();
        words.extend(limits.iter().flat_map(|&(low, high)| [low as i32 as u32, high as i32 as u32]));
        words
    }

    /// Bytes of all that is read and written, each once.
    fn work(&self, dtype: DType) -> Work {
        let [h, w] = &self.spans;
        let indices = if self.pooling == Pooling::Max(true) { 4 } else { 0 };
        let windows = self.planes * h.output * w.output;
        let bytes = self.planes * h.input * w.input * dtype.bytes() + windows * (dtype.bytes() + indices);
        Work { flops: (windows * h.kernel * w.kernel) as f64, bytes: bytes as f64 }
    }

    fn launch(&self, program: Program, words: Vec<u32>, mut args: Vec<(Arg, Access)>, facts: &Lowering<'_>) -> Launch {
        args.insert(0, (Arg::Block(0), Access::Read));
        let count = u64::from(words[0]);
        Launch { program, args, blocks: vec![words], grid: facts.caps.fold(count.div_ceil(u64::from(WORKGROUP))), work: self.work(facts.outputs[0].dtype) }
    }

    /// The launch that makes y and, where wanted, the indices; `None` where the windows are too large.
    pub(crate) fn forward(&self, facts: &Lowering<'_>) -> Option<Launch> {
        let block = self.forward_block(facts.caps)?;
        let [h, w] = &self.spans;
        let (down, across) = (h.output.div_ceil(block.rows), w.output.div_ceil(block.cols));
        let vectors = self.vectors(&block);
        let first = -(w.begin.div_ceil(block.image) as i64);
        let step = block.cols * w.stride / block.image;
        let last = ((across - 1) * step + vectors.last().copied().unwrap_or(0)) as i64 + first;
        let bottom = ((down * block.rows - 1) * h.stride + (h.kernel - 1) * h.dilation) as i64 - h.begin as i64;
        let guarded = w.begin > 0 || h.begin > 0 || last >= (w.input / block.image) as i64 || bottom >= h.input as i64;
        let mut program = self.program("pool_block", &block, facts.outputs[0].dtype, guarded);
        let mut args = vec![(Arg::Input(0), Access::Read), (Arg::Output(0), Access::ReadWrite)];
        let indices = self.pooling == Pooling::Max(true);
        if indices {
            program.code.push_str("@group(0) @binding(3) var<storage, read_write> indices: array<KY>;\n");
            args.push((Arg::Output(1), Access::ReadWrite));
        }
        self.forward_code(&block, &vectors, facts.caps, &mut program.code);
        Some(self.launch(program, self.words(&block, down, across), args, facts))
    }

    /// `block` of the forward kernel.
    fn forward_code(&self, b: &Block, vectors: &[usize], caps: &Caps, out: &mut String) {
        let [h, w] = &self.spans;
        let (max, indices) = (matches!(self.pooling, Pooling::Max(_)), self.pooling == Pooling::Max(true));
        let groups = b.cols / b.pooled;
        // The lanes of each vector under a window; few of a vector at the block's edge.
        let needed = |v: usize| -> Vec<usize> {
            let columns = (0..b.cols).flat_map(|j| (0..w.kernel).map(move |t| (j, t))).map(|(j, t)| self.column(b, j, t));
            let mut lanes: Vec<usize> = columns.filter(|c| c / b.image == v).map(|c| c % b.image).collect();
            lanes.sort_unstable();
            lanes.dedup();
            lanes
        };
        let single = |v: usize| alone(&needed(v), b.image, caps);
        if vectors.iter().any(|&v| single(v)) {
            out.push_str(ONE_VALUE);
        }
        let value_of =
            |c: usize| if single(c / b.image) { format!("v{}_{}", c / b.image, c % b.image) } else { lane(&format!("v{}", c / b.image), b.image, c % b.image) };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "fn block(plane: i32, down: i32, across: i32) {{\n  let top = down * {} - {};", b.rows * h.stride, h.begin);
        let _ = writeln!(out, "  let left = across * {} - {};", b.cols * w.stride / b.image, w.begin.div_ceil(b.image));
        let _ = writeln!(out, "  let column = across * {} - {};", b.cols * w.stride, w.begin);
        for (a, n) in (0..b.rows).flat_map(|a| (0..groups).map(move |n| (a, n))) {
            let _ = writeln!(out, "  var y{a}_{n} = Y({});", if max { "bitcast<f32>(params.fill)" } else { "0.0" });
            if indices {
                // The first place of the window that is in the image: the answer where nothing is larger than the fill.
                let row = format!("first_row(top + {}, {})", a * h.stride, h.dilation);
                let col = format!("first_col(KY(column + {}) + {}, {})", n * b.pooled * w.stride, ramp("KY", b.pooled, w.stride), w.dilation);
                let _ = writeln!(out, "  var k{a}_{n} = KY({row} * params.row) + {col};");
            }
        }
        for row in 0..=(b.rows - 1) * h.stride + (h.kernel - 1) * h.dilation {
            let users: Vec<usize> = (0..b.rows).filter(|a| (0..h.kernel).any(|t| a * h.stride + t * h.dilation == row)).collect();
            if users.is_empty() {
                continue;
            }
            let _ = writeln!(out, "  {{\n    let row = top + {row};");
            if indices {
                out.push_str("    let at = row * params.row + column;\n");
            }
            for &v in vectors {
                if single(v) {
                    for l in needed(v) {
                        let _ = writeln!(out, "    let v{v}_{l} = value(plane, row, left + {v}, {l}u);");
                    }
                } else {
                    let _ = writeln!(out, "    let v{v} = image(plane, row, left + {v});");
                }
            }
            for (a, n, t) in users.iter().flat_map(|&a| (0..groups).flat_map(move |n| (0..w.kernel).map(move |t| (a, n, t)))) {
                let tap = |l: usize| self.column(b, n * b.pooled + l, t);
                let values: Vec<String> = (0..b.pooled).map(|l| value_of(tap(l))).collect();
                let value = format!("Y({})", values.join(", "));
                let _ = if !max {
                    writeln!(out, "    y{a}_{n} += {value};")
                } else if indices {
                    let place = format!("KY(at + {}) + {}", n * b.pooled * w.stride + t * w.dilation, ramp("KY", b.pooled, w.stride));
                    writeln!(
                        out,
                        "    {{ let v = {value}; let wins = beats(v, y{a}_{n}); y{a}_{n} = select(y{a}_{n}, v, wins); k{a}_{n} = select(k{a}_{n}, {place}, wins); }}"
                    )
                } else {
                    writeln!(out, "    {{ let v = {value}; y{a}_{n} = select(y{a}_{n}, v, beats(v, y{a}_{n})); }}")
                };
            }
            out.push_str("  }\n");
        }
        for (a, n) in (0..b.rows).flat_map(|a| (0..groups).map(move |n| (a, n))) {
            let _ = writeln!(out, "  {{\n    let row = down * {} + {a};\n    let col = across * {groups} + {n};", b.rows);
            out.push_str(
                "    if (row < params.out_height && col < params.out_width) {\n      let o = (plane * params.out_height + row) * params.out_width + col;\n",
            );
            let mean = if max { "" } else { " / places(row, col)" };
            let _ = writeln!(out, "      y[o] = YS(y{a}_{n}{mean});");
            if indices {
                let _ = writeln!(out, "      indices[o] = k{a}_{n};");
            }
            out.push_str("    }\n  }\n");
        }
        out.push_str("}\n");
    }

    /// The launch that makes the gradient of x from that of y and, for the maximum, the indices; `None` where the windows are too
    /// large.
    pub(crate) fn backward(&self, facts: &Lowering<'_>) -> Option<Launch> {
        let block = self.backward_block(facts.caps)?;
        let [h, w] = &self.spans;
        let (rows, cols) = (block.rows * h.stride, block.cols * w.stride);
        let (down, across) = (h.input.div_ceil(rows), w.input.div_ceil(cols));
        let (above, beside) = (Self::covering(h, rows), Self::covering(w, cols));
        let outside = |range: &std::ops::RangeInclusive<i64>, blocks: usize, each: usize, count: usize| {
            *range.start() < 0 || ((blocks - 1) * each) as i64 + range.end() >= count as i64
        };
        let guarded = outside(&above, down, block.rows, h.output) || outside(&beside, across, block.cols, w.output);
        let mut program = self.program("pool_block_backward", &block, facts.outputs[0].dtype, guarded);
        let mut args = vec![(Arg::Input(0), Access::Read), (Arg::Output(0), Access::ReadWrite)];
        if matches!(self.pooling, Pooling::Max(_)) {
            program.code.push_str("@group(0) @binding(3) var<storage, read> indices: array<KY>;\n");
            args.push((Arg::Input(1), Access::Read));
        }
        self.backward_code(&block, facts.caps, &mut program.code);
        Some(self.launch(program, self.words(&block, down, across), args, facts))
    }

    /// `block` of the backward kernel. Each place is a scalar of its own: a window has to do with few of a vector's.
    fn backward_code(&self, b: &Block, caps: &Caps, out: &mut String) {
        let [h, w] = &self.spans;
        let max = matches!(self.pooling, Pooling::Max(_));
        let (rows, cols) = (b.rows * h.stride, b.cols * w.stride);
        let _ = writeln!(out, "fn block(plane: i32, down: i32, across: i32) {{\n  let top = down * {rows};\n  let left = across * {cols};");
        for r in 0..rows {
            if max {
                let _ = writeln!(out, "  let f{r} = (top + {r}) * params.row + left;");
            }
            (0..cols).for_each(|c| out.push_str(&format!("  var d{r}_{c} = 0.0;\n")));
        }
        let pooled = b.pooled as i64;
        let beside = Self::covering(w, cols);
        for (a, group) in Self::covering(h, rows).flat_map(|a| (beside.start().div_euclid(pooled)..=beside.end().div_euclid(pooled)).map(move |g| (a, g))) {
            let _ = writeln!(out, "  {{\n    let row = down * {} + {a};\n    let col = across * {} + {group};", b.rows, b.cols / b.pooled);
            out.push_str("    let inside = within(row, col);\n    let o = place_of(plane, row, col, inside);\n");
            let needed: Vec<usize> = (0..b.pooled).filter(|&l| (0..cols).any(|c| Self::covers(w, group * pooled + l as i64, c))).collect();
            let single = alone(&needed, b.pooled, caps);
            // Of a whole vector, or of single lanes: the name's ending and how it is read.
            let reads: Vec<(String, String)> =
                if single { needed.iter().map(|&l| (format!("_{l}"), lane("", b.pooled, l))).collect() } else { vec![(String::new(), String::new())] };
            let (real, whole) = if single { ("f32", "i32") } else { ("Y", "KY") };
            for (name, part) in &reads {
                let mean = if max { String::new() } else { format!(" / places(row, col){part}") };
                let _ = writeln!(out, "    let g{name} = select({real}(0.0), {real}(gradient[o]{part}), inside){mean};");
                if max {
                    let _ = writeln!(out, "    let k{name} = select({whole}(-1), indices[o]{part}, inside);");
                }
            }
            for (l, r, c) in (0..b.pooled).flat_map(|l| (0..rows).flat_map(move |r| (0..cols).map(move |c| (l, r, c)))) {
                if !Self::covers(h, a, r) || !Self::covers(w, group * pooled + l as i64, c) {
                    continue;
                }
                let named = |name: &str| if single { format!("{name}_{l}") } else { lane(name, b.pooled, l) };
                let g = named("g");
                let _ =
                    if max { writeln!(out, "    d{r}_{c} += select(0.0, {g}, {} == f{r} + {c});", named("k")) } else { writeln!(out, "    d{r}_{c} += {g};") };
            }
            out.push_str("  }\n");
        }
        let vectors = cols / b.image;
        for (r, v) in (0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v))) {
            let values: Vec<String> = (0..b.image).map(|l| format!("d{r}_{}", v * b.image + l)).collect();
            let _ = writeln!(out, "  store(plane, top + {r}, across * {vectors} + {v}, X({}));", values.join(", "));
        }
        out.push_str("}\n");
    }
}
