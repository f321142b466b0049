//! The launches of a matrix product: operands as strides, then params, parts and grid for the kernel that was chosen.

use super::conv_taps::Taps;
use super::matmul_choose::{Choice, Family, Problem, Side, Tall};
use crate::body::{self, Body};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::layout::collapse;
use crate::ops::map::{self, Map};
use crate::program::Const;
use crate::{Caps, DType, Layout, Program, Shape, TensorType};

/// An operand: the stride across (rows of A, columns of B), that along k, those of the batch axes, and the first element.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    /// Its buffer.
    pub(super) arg: Arg,
    /// Elements from one row of A (column of B) to the next.
    pub(super) across: isize,
    /// Elements from one step of k to the next.
    pub(super) along: isize,
    /// Elements from one matrix to the next, for each batch axis.
    pub(super) batch: Vec<isize>,
    /// The first element.
    pub(super) offset: usize,
    /// Whether a kernel may read it as a uniform buffer: f32 that lies along k from element 0, in a buffer of [`UNIFORM_BYTES`](crate::UNIFORM_BYTES).
    pub(super) uniform: bool,
}

impl Matrix {
    fn side(&self, extent: usize, k: usize) -> Side {
        let aligned = |unit: isize, run: usize, other: isize, rows: usize| {
            let batch = self.batch.iter().all(|s| s % 4 == 0);
            unit == 1 && run.is_multiple_of(4) && run > 0 && (rows == 1 || other % 4 == 0) && batch && self.offset.is_multiple_of(4)
        };
        let (k_wise, across) = (aligned(self.along, k, self.across, extent), aligned(self.across, extent, self.along, k));
        // Where neither is a vector, what runs tighter is the better order to read in.
        Side { along_k: k_wise || (!across && self.along.unsigned_abs() <= self.across.unsigned_abs()), vec4: k_wise || across }
    }
}

/// C = A·B over a batch, as the kernels see it.
#[derive(Debug)]
pub(super) struct Gemm<'a> {
    /// Rows of C.
    pub(super) m: usize,
    /// Columns of C.
    pub(super) n: usize,
    /// Length of each sum.
    pub(super) k: usize,
    /// Batch extents, outermost first.
    pub(super) batch: Vec<usize>,
    /// A.
    pub(super) a: Matrix,
    /// B; where it is gathered from images, only its buffer and its batch strides count.
    pub(super) b: Matrix,
    /// How B is gathered, for a convolution.
    pub(super) images: Option<Images>,
    /// Where the partial sums of a cut k go.
    pub(super) partials: Arg,
    /// C.
    pub(super) output: &'a TensorType,
    /// What each sum passes through before it is stored.
    pub(super) chain: &'a Map,
    /// The chain's inputs, as they lie over the output.
    pub(super) extra: Vec<Operand>,
    /// The type of A and B.
    pub(super) dtype: DType,
    /// The bytes of A and B, each element once.
    pub(super) read: f64,
    /// Multiply-adds that count, twice.
    pub(super) flops: f64,
}

/// A B that is gathered from images, and a C that may be images.
#[derive(Debug, Clone)]
pub(super) struct Images {
    /// The part that says what a column is.
    pub(super) columns: &'static str,
    /// Constants of that part.
    pub(super) consts: Vec<(&'static str, Const)>,
    /// The uniform block `conv`.
    pub(super) block: Vec<u32>,
    /// Whether images are read by vectors.
    pub(super) vec4: bool,
    /// Steps of k in each four that count.
    pub(super) taps: u32,
    /// Columns that a lane of the subgroup kernel takes: four, or the taps of a row of the window.
    pub(super) lane: usize,
    /// Whether k runs over the pixels of all images; else the columns do.
    pub(super) along_k: bool,
    /// Pixels of an image on the side of columns or k.
    pub(super) pixels: usize,
    /// For a weight gradient: the walk of the kernel that keeps all taps.
    pub(super) kept: Option<Taps>,
    /// For windows up to four by four that move pixel by pixel over rows that are whole strips.
    pub(super) tall: Option<Tall>,
}

impl<'a> Gemm<'a> {
    /// The operands of a `matmul`, of which no extent of C is 0.
    pub(super) fn new(facts: &Lowering<'a>, chain: &'a Map) -> Self {
        let output = &facts.outputs[0];
        let rank = output.shape.rank();
        let (m, n) = (output.shape[rank - 2], output.shape[rank - 1]);
        let lead = Shape(output.shape[..rank - 2].to_vec());
        let [a, b] = [0, 1].map(|i| &facts.inputs[i].layout);
        let outer = |l: &Layout| {
            let r = l.shape.rank() - 2;
            Layout { shape: Shape(l.shape[..r].to_vec()), strides: l.strides[..r].to_vec(), offset: 0 }.broadcast(&lead)
        };
        let (mut batch, mut strides) = collapse(&[&outer(a), &outer(b)]);
        let inner = |l: &Layout| [l.strides[l.shape.rank() - 2], l.strides[l.shape.rank() - 1]];
        let ([mut a_row, a_k], [b_k, b_col]) = (inner(a), inner(b));
        // A batch that shares one B is one product with more rows, where A's matrices follow each other.
        let mut rows = m;
        while let (Some(&extent), Some(&sa), Some(&0)) = (batch.last(), strides[0].last(), strides[1].last()) {
            if rows != 1 && sa != a_row * rows as isize {
                break;
            }
            if rows == 1 {
                a_row = sa;
            }
            rows *= extent;
            batch.pop();
            strides.iter_mut().for_each(|s| {
                s.pop();
            });
        }
        let b_batch = strides.pop().unwrap_or_default();
        let a_batch = strides.pop().unwrap_or_default();
        let once = |o: &Operand| {
            o.layout.shape.iter().zip(&o.layout.strides).filter(|(_, s)| **s != 0).map(|(n, _)| *n as f64).product::<f64>() * o.dtype.bytes() as f64
        };
        Self {
            m: rows,
            n,
            k: a.shape[a.shape.rank() - 1],
            batch,
            a: Matrix { arg: Arg::Input(0), across: a_row, along: a_k, batch: a_batch, offset: a.offset, uniform: false },
            b: Matrix { arg: Arg::Input(1), across: b_col, along: b_k, batch: b_batch, offset: b.offset, uniform: false },
            output,
            chain,
            extra: facts.inputs[2..].iter().map(|o| Operand { layout: o.layout.broadcast(&output.shape), dtype: o.dtype }).collect(),
            dtype: facts.inputs[0].dtype,
            images: None,
            partials: Arg::Temp(0),
            read: once(&facts.inputs[0]) + once(&facts.inputs[1]),
            flops: 2.0 * output.shape.numel() as f64 * a.shape[a.shape.rank() - 1] as f64,
        }
    }

    /// What the choice depends on.
    pub(super) fn problem(&self) -> Problem {
        let batch = self.batch.iter().product();
        let gathered = self.images.is_some();
        let b = if gathered { Side { along_k: false, vec4: false } } else { self.b.side(self.n, self.k) };
        Problem {
            m: self.m,
            n: self.n,
            k: self.k,
            batch,
            a: self.a.side(self.m, self.k),
            b,
            gathered,
            taps: self.images.as_ref().and_then(|i| i.kept),
            tall: self.images.as_ref().and_then(|i| i.tall),
        }
    }

    /// The launches of a choice.
    pub(super) fn launches(&self, choice: Choice, caps: &Caps) -> Lowered {
        // Pieces are multiples of 4 long, so there may be fewer than were asked for.
        let k = self.problem().steps(choice.tile.family);
        let unit = self.problem().unit(choice.tile.family);
        let split_k = k.div_ceil(choice.splits as usize).div_ceil(unit).max(1) * unit;
        let splits = k.div_ceil(split_k).max(1);
        if splits == 1 {
            return Lowered::one(self.product(choice, 1, split_k, caps));
        }
        let count = self.output.shape.numel();
        let launches = vec![self.product(choice, splits, split_k, caps), self.sum(splits, caps)];
        Lowered { temps: vec![(splits * count * 4) as u64], launches }
    }

    /// The product itself, or the partial sums of all pieces.
    fn product(&self, choice: Choice, splits: usize, split_k: usize, caps: &Caps) -> Launch {
        let tile = choice.tile;
        let naive = tile.family == Family::Naive;
        let partial = splits > 1;
        // Cᵀ = Bᵀ·Aᵀ: the operands change places and C is walked by columns.
        let swapped = choice.swap && !naive;
        let (m, n, a, b) = if swapped { (self.n, self.m, &self.b, &self.a) } else { (self.m, self.n, &self.a, &self.b) };
        let (out_row, out_col) = if swapped { (1, self.n) } else { (self.n, 1) };
        let (side_a, side_b) = (a.side(m, self.k), if self.images.is_some() { Side { along_k: false, vec4: false } } else { b.side(n, self.k) });
        let (steps, extra): (&[_], &[Operand]) = if partial { (&[], &[]) } else { (&self.chain.steps, &self.extra) };
        let whole = out_col == 1 && n % 4 == 0 && (m == 1 || out_row % 4 == 0);
        let lane = self.images.as_ref().map_or(4, |i| i.lane_columns(tile.family));
        let drawn = self.images.as_ref().filter(|i| !i.along_k);
        let whole = drawn.map_or(whole, |i| i.pixels.is_multiple_of(4));
        let taps = tile.family == Family::Taps;
        let vector = !naive && !taps && lane == 4 && whole && body::vectorizes(&self.output.shape, steps, extra);
        let batch: usize = self.batch.iter().product();
        let (tile_m, tile_n) = (tile.tile_m as usize, if taps { n } else { tile.tile_n(caps) as usize / 4 * lane });
        let (tiles_m, tiles_n) = (m.div_ceil(tile_m), n.div_ceil(tile_n));

        let stem = match tile.family {
            Family::Naive => "matmul_naive",
            Family::Rows => "matmul_rows",
            Family::Subgroup => "matmul_subgroup",
            Family::Tiled => "matmul_tiled",
            Family::Few => "conv_few",
            Family::FewTall => "conv_few_tall",
            Family::Taps => "conv_taps",
        };
        let mut program = Program::new(stem).u32("WORKGROUP", tile.workgroup(caps)).u32("BATCH_AXES", self.batch.len() as u32).part("lib/matmul_access");
        if !naive {
            program = program.bool("TRANS_A", !side_a.along_k).bool("TRANS_B", side_b.along_k).bool("A_VEC4", side_a.vec4).bool("B_VEC4", side_b.vec4);
            program = program.u32("TILE_M", tile.tile_m);
        }
        let staged = matches!(tile.family, Family::Subgroup | Family::Tiled | Family::Few | Family::FewTall);
        program = match tile.family {
            Family::Naive => program,
            Family::Few | Family::FewTall => program.u32("ROWS", m as u32),
            Family::Taps => {
                let program = program.u32("SUBGROUP", tile.workgroup(caps));
                self.images.as_ref().and_then(|i| i.kept).map_or(program.clone(), |kept| kept.consts(program, side_a.vec4))
            }
            Family::Rows => program.u32("COL_VECS", tile.columns).bool("K_WHOLE", self.k.is_multiple_of(4)),
            Family::Subgroup => program.u32("COL_VECS", tile.columns).u32("SUBGROUP", tile.workgroup(caps)).u32("LANE_COLS", lane as u32),
            Family::Tiled => program.u32("TILE_N", tile.columns).u32("TILE_K", tile.tile_k).u32("REG_M", tile.reg).u32("REG_N", tile.reg),
        };
        if tile.family == Family::Subgroup && lane == 4 {
            program = program.alias("V", "vec4<f32>");
        }
        program = if staged { program.part("lib/matmul_block_a").u32("TAPS", self.images.as_ref().map_or(4, |i| i.taps)) } else { program };
        let uniform = a.uniform && matches!(tile.family, Family::Subgroup | Family::Few | Family::FewTall);
        program = program.part(match (uniform, side_a.vec4 && !naive) {
            (true, _) => "lib/load_a_uniform",
            (false, true) => "lib/load_a_vec4",
            (false, false) => "lib/load_a_scalar",
        });
        program = match &self.images {
            Some(images) => images.parts(program, tile.family),
            None => {
                let program = match tile.family {
                    Family::Naive | Family::Few | Family::FewTall | Family::Taps => program,
                    Family::Rows => program.part("lib/matmul_columns"),
                    Family::Subgroup | Family::Tiled => program.part("lib/matmul_block_b"),
                };
                program.part(if side_b.vec4 && !naive { "lib/load_b_vec4" } else { "lib/load_b_scalar" })
            }
        };
        program = program
            .part(match (drawn.is_some(), vector) {
                (false, false) => "lib/store_scalar",
                (false, true) => "lib/store_vec4",
                (true, false) => "lib/store_images_scalar",
                (true, true) => "lib/store_images_vec4",
            })
            .alias("T", self.dtype.wgsl());
        program.subgroups = matches!(tile.family, Family::Subgroup | Family::Taps);
        if drawn.is_some() {
            program = program.part("lib/image_rows").bool("PIECES", partial);
        }

        let mut words = vec![m as u32, n as u32, self.problem().steps(tile.family) as u32, batch as u32];
        words.extend([a.offset as u32, a.across as i32 as u32, a.along as i32 as u32, splits as u32]);
        words.extend([b.offset as u32, b.along as i32 as u32, b.across as i32 as u32, split_k as u32]);
        words.extend([out_row as u32, out_col as u32, tiles_m as u32, tiles_n as u32]);
        for axis in (0..self.batch.len()).rev() {
            words.extend([self.batch[axis] as u32, a.batch[axis] as i32 as u32, b.batch[axis] as i32 as u32, 0]);
        }
        words.extend([0; 4]);
        let out = if partial { self.partials } else { Arg::Output(0) };
        let mut args =
            vec![(Arg::Block(0), Access::Read), (a.arg, if uniform { Access::Uniform } else { Access::Read }), (b.arg, Access::Read), (out, Access::ReadWrite)];
        let mut blocks = vec![words];
        if let Some(images) = &self.images {
            args.push((Arg::Block(1), Access::Read));
            blocks.push(images.block.clone());
        }
        let count = self.output.shape.numel();
        let written = if partial { splits * count * 4 } else { count * self.output.dtype.bytes() };
        let work = Work { flops: self.flops, bytes: self.read + written as f64 };
        let groups = match tile.family {
            Family::Naive => (m * n * batch * splits).div_ceil(64),
            Family::Few => (n.div_ceil(4) * batch * splits).div_ceil(64),
            Family::FewTall => {
                let [height, width] = self.images.as_ref().and_then(|i| i.tall).map_or([1, 4], |tall| tall.outputs);
                (width / 4 * height.div_ceil(4) * (n / (height * width)) * batch * splits).div_ceil(64)
            }
            _ => tiles_m * tiles_n * batch * splits,
        };
        self.finish(program, args, blocks, vector, partial, work, caps.fold(groups as u64))
    }

    /// The second pass of a split k.
    fn sum(&self, splits: usize, caps: &Caps) -> Launch {
        let vector = body::vectorizes(&self.output.shape, &self.chain.steps, &self.extra);
        let count = self.output.shape.numel();
        let values = count / if vector { 4 } else { 1 };
        let program = Program::new("matmul_splitk_reduce").u32("WORKGROUP", 64);
        let args = vec![(Arg::Block(0), Access::Read), (self.partials, Access::Read), (Arg::Output(0), Access::ReadWrite)];
        let work = Work { flops: (count * splits) as f64, bytes: (4 * splits * count + count * self.output.dtype.bytes()) as f64 };
        let grid = caps.fold((values as u64).div_ceil(64));
        self.finish(program, args, vec![vec![values as u32, splits as u32, 0, 0]], vector, false, work, grid)
    }

    /// Adds what is stored: the epilogue, or the bare sum for partial results.
    #[expect(clippy::too_many_arguments, reason = "the fields of a launch")]
    fn finish(
        &self,
        mut program: Program,
        mut args: Vec<(Arg, Access)>,
        mut blocks: Vec<Vec<u32>>,
        vector: bool,
        partial: bool,
        work: Work,
        grid: [u32; 3],
    ) -> Launch {
        let dtype = if partial { DType::F32 } else { self.output.dtype };
        program.aliases.extend(body::aliases(vector));
        program.f16 = dtype == DType::F16 || (self.dtype == DType::F16 && program.stem != "matmul_splitk_reduce");
        program.code = map::stored(dtype, vector);
        let (steps, inputs): (&[_], &[_]) = if partial { (&[], &[]) } else { (&self.chain.steps, &self.extra) };
        let body = Body { shape: &self.output.shape, steps, inputs, head: Some(DType::F32), in_place: None };
        body.emit(args.len() as u32, vector).attach(&mut program, &mut args, &mut blocks, 2);
        Launch { program, args, blocks, grid, work }
    }
}

impl Images {
    /// Columns that a lane of the subgroup kernel takes.
    fn lane_columns(&self, family: Family) -> usize {
        if family == Family::Subgroup { self.lane } else { 4 }
    }

    /// The parts that gather B, with their constants.
    fn parts(&self, mut program: Program, family: Family) -> Program {
        program.consts.extend(self.consts.iter().copied());
        program = program.part("lib/conv_access").part(if self.vec4 && family != Family::Taps { "lib/conv_input_vec4" } else { "lib/conv_input_scalar" });
        if matches!(family, Family::Taps | Family::FewTall) {
            return program;
        }
        if self.along_k {
            program = program.part("lib/a_step_images");
        }
        match self.lane_columns(family) {
            2 => program.part("lib/conv_weight_taps").part("lib/lane_of_two"),
            3 => program.part("lib/conv_weight_taps").part("lib/lane_of_three"),
            _ if matches!(family, Family::Subgroup | Family::Tiled) => program.part(self.columns).part("lib/conv_blocks"),
            _ => program.part(self.columns),
        }
    }
}
