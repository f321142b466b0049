//! The launches of convolutions: each is a matrix product of which one operand is gathered from images (implicit GEMM), so that
//! all of them share the tile loops of `matmul`. Forward and input gradient: rows are output channels, columns the output pixels of
//! all images, k the input channels and taps. Weight gradient: rows are output channels, columns input channels and taps, k the
//! pixels of all images.

use super::conv_taps::Taps;
use super::conv_window::Window;
use super::matmul_choose::{Choice, Tall};
use super::matmul_launch::{Gemm, Images, Matrix};
use crate::launch::{Access, Arg, Launch, Lowered, Lowering, Operand, Work};
use crate::ops::map::Map;
use crate::program::Const;
use crate::{Caps, DType, OpError, Program, Shape, TensorType, UNIFORM_BYTES};

/// Pixels of an image from which a 1×1 convolution is a product for each image; below, the images' pixels are joined.
const MANY_PIXELS: usize = 32;

/// Invocations of a workgroup that packs weights.
const PACK_WORKGROUP: u32 = 64;

/// A convolution, or a transposed one seen as the convolution that it is with its weights turned round.
#[derive(Debug)]
struct Gather {
    /// The images that are gathered from, and those that are made.
    from: Shape,
    to: Shape,
    /// Output and input channels of a group.
    rows: usize,
    channels: usize,
    kernel: [usize; 2],
    window: Window,
    /// Rows and columns of zeros before the image; negative where the window starts inside it.
    pads: [isize; 2],
    /// For a transposed convolution: zeros between the pixels, its strides.
    up: [usize; 2],
    /// Whether the weights are [in, out, …] and turned round.
    transposed: bool,
}

/// The product that a convolution is: x is input 0, the weights input 1.
pub(super) fn forward<'a>(facts: &Lowering<'a>, window: &Window, chain: &'a Map) -> Product<'a> {
    let [x, w] = [0, 1].map(|n| &facts.inputs[n].layout.shape);
    let to = facts.outputs[0].shape.clone();
    let pads = [window.pads[0] as isize, window.pads[1] as isize];
    let kernel = [w[2], w[3]];
    let (rows, channels) = (w[0] / window.group, w[1]);
    Gather { from: x.clone(), to, rows, channels, kernel, window: window.clone(), pads, up: [1, 1], transposed: false }.product(facts, chain)
}

/// The product that a transposed convolution is: x is input 0, the weights [in, out, …] input 1.
pub(super) fn transposed<'a>(facts: &Lowering<'a>, window: &Window, chain: &'a Map) -> Product<'a> {
    let [x, w] = [0, 1].map(|n| &facts.inputs[n].layout.shape);
    let to = facts.outputs[0].shape.clone();
    let kernel = [w[2], w[3]];
    let pads = [0, 1].map(|a| (window.reach(a, kernel[a]) - 1) as isize - window.pads[a] as isize);
    let (rows, channels) = (w[1], w[0] / window.group);
    let plain = Window { strides: [1, 1], ..window.clone() };
    Gather { from: x.clone(), to, rows, channels, kernel, window: plain, pads, up: window.strides, transposed: true }.product(facts, chain)
}

/// The variants that can run, the chosen one first.
pub(super) fn variants(facts: &Lowering<'_>, product: &Product<'_>) -> Vec<&'static str> {
    if facts.outputs[0].shape.numel() == 0 {
        return Vec::new();
    }
    product.gemm.problem().variants(facts.caps).iter().map(Choice::variant).collect()
}

/// The launches of the variant that is forced, or of the best.
pub(super) fn lower(op: &str, facts: &Lowering<'_>, product: &Product<'_>) -> Result<Lowered, OpError> {
    if facts.outputs[0].shape.numel() == 0 {
        return Ok(Lowered::default());
    }
    Ok(product.launches(product.gemm.problem().wanted(op, facts)?, facts.caps))
}

/// A product, and what must run before it.
#[derive(Debug)]
pub(super) struct Product<'a> {
    /// The product.
    pub(super) gemm: Gemm<'a>,
    /// Packs the weights: the launch and the bytes of its result, temporary 0; the product's own follow.
    pack: Option<(Launch, u64)>,
}

impl<'a> From<Gemm<'a>> for Product<'a> {
    fn from(gemm: Gemm<'a>) -> Self {
        Self { gemm, pack: None }
    }
}

impl Product<'_> {
    /// The launches of a choice.
    pub(super) fn launches(&self, choice: Choice, caps: &Caps) -> Lowered {
        let mut lowered = self.gemm.launches(choice, caps);
        if let Some((pack, bytes)) = &self.pack {
            lowered.temps.insert(0, *bytes);
            lowered.launches.insert(0, pack.clone());
        }
        lowered
    }
}

fn bytes(operand: &Operand) -> f64 {
    (operand.layout.shape.numel() * operand.dtype.bytes()) as f64
}

/// The uniform block `conv`.
fn block(from: &Shape, pixels: usize, width: usize, out_image: usize, strides: [usize; 2], pads: [isize; 2], dilations: [usize; 2]) -> Vec<u32> {
    let plane = from[2] * from[3];
    let words = [from[2], from[3], plane, from[1] * plane, pixels, width, out_image, from[0]];
    let mut words: Vec<u32> = words.iter().map(|&n| n as u32).collect();
    words.extend(strides.map(|s| s as u32));
    words.extend(pads.map(|p| p as i32 as u32));
    words.extend(dilations.map(|d| d as u32));
    words.extend([from.numel().saturating_sub(1) as u32, 0]);
    words
}

impl Gather {
    fn product<'a>(&self, facts: &Lowering<'a>, chain: &'a Map) -> Product<'a> {
        let output = &facts.outputs[0];
        let group = self.window.group;
        let [kh, kw] = self.kernel;
        let (height, width) = (self.to[2], self.to[3]);
        let pixels = height * width;
        let plane = self.from[2] * self.from[3];
        let dtype = facts.inputs[0].dtype;
        let extra = facts.inputs[2..].iter().map(|o| Operand { layout: o.layout.broadcast(&output.shape), dtype: o.dtype }).collect();
        let read = bytes(&facts.inputs[0]) + bytes(&facts.inputs[1]);
        let flops = 2.0 * output.shape.numel() as f64 * (self.channels * kh * kw) as f64 / (self.up[0] * self.up[1]) as f64;
        let gemm = Gemm {
            m: self.rows,
            n: self.to[0] * pixels,
            k: self.channels * kh * kw,
            batch: vec![group],
            a: Matrix { arg: Arg::Input(1), across: 0, along: 1, batch: vec![0], offset: 0, uniform: false },
            b: Matrix { arg: Arg::Input(0), across: 1, along: 1, batch: vec![(self.channels * plane) as isize], offset: 0, uniform: false },
            images: None,
            partials: Arg::Temp(0),
            output,
            chain,
            extra,
            dtype,
            read,
            flops,
        };
        let same = self.pads == [0, 0] && self.window.pads[2..] == [0, 0] && self.window.strides == [1, 1] && self.up == [1, 1];
        if [kh, kw] == [1, 1] && same && pixels >= MANY_PIXELS && self.from[2..] == self.to[2..] {
            return Product { gemm: self.matrices(gemm), pack: None };
        }
        // Windows up to four wide go by rows of taps: weights are padded to four, and a row of pixels serves all its taps.
        let by_taps = (2..=4).contains(&kw) && self.up == [1, 1];
        let one_run = self.window.strides[1] == 1 && self.window.dilations[1] == 1 && pixels.is_multiple_of(4);
        let flat = by_taps && one_run && (width.is_multiple_of(4) || (width == self.from[3] && self.window.strides[0] == 1));
        let vec4 = flat && kw <= 3 && self.pads[1] == 1 && width.is_multiple_of(4) && self.from[3].is_multiple_of(4);
        let taps = if by_taps { 4 } else { kw };
        let k = self.channels * kh * taps;
        let consts = vec![
            ("KERNEL_H", Const::U32(kh as u32)),
            ("KERNEL_W", Const::U32(kw as u32)),
            ("BY_TAPS", Const::Bool(by_taps)),
            ("FLAT", Const::Bool(flat)),
            ("UP_H", Const::U32(self.up[0] as u32)),
            ("UP_W", Const::U32(self.up[1] as u32)),
        ];
        let out_image = self.to[1] * pixels;
        let images = Images {
            columns: "lib/conv_columns",
            consts,
            block: block(&self.from, pixels, width, out_image, self.window.strides, self.pads, self.window.dilations),
            vec4,
            taps: if by_taps { kw as u32 } else { 4 },
            lane: 4,
            along_k: false,
            pixels,
            kept: None,
            tall: (flat && kh <= 4 && self.window.strides[0] == 1 && self.window.dilations[0] == 1 && width.is_multiple_of(4) && height >= 4)
                .then_some(Tall { kernel_h: kh, outputs: [height, width] }),
        };
        // A software adapter gathers from a uniform buffer in a tenth of the time of a load.
        let uniform = facts.caps.software && dtype == DType::F32 && (4 * group * self.rows * k) as u64 <= UNIFORM_BYTES;
        let pack = (by_taps || self.transposed || uniform).then(|| self.pack(taps, dtype, uniform, facts.caps));
        // The packed weights come before the partial sums.
        let (arg, partials) = if pack.is_some() { (Arg::Temp(0), Arg::Temp(1)) } else { (Arg::Input(1), Arg::Temp(0)) };
        let a = Matrix { arg, across: k as isize, along: 1, batch: vec![(self.rows * k) as isize], offset: 0, uniform };
        Product { gemm: Gemm { k, a, images: Some(images), partials, ..gemm }, pack }
    }

    /// A 1×1 convolution that moves pixel by pixel: a product of plain matrices for each image and group.
    fn matrices<'a>(&self, gemm: Gemm<'a>) -> Gemm<'a> {
        let (images, group) = (self.to[0], self.window.group);
        let pixels = self.to[2] * self.to[3];
        let (rows, channels) = (self.rows as isize, self.channels as isize);
        let (across, along) = if self.transposed { (1, rows) } else { (channels, 1) };
        let a = Matrix { arg: Arg::Input(1), across, along, batch: vec![0, rows * channels], offset: 0, uniform: false };
        let plane = pixels as isize;
        let b = Matrix { arg: Arg::Input(0), across: 1, along: plane, batch: vec![self.from[1] as isize * plane, channels * plane], offset: 0, uniform: false };
        Gemm { n: pixels, batch: vec![images, group], a, b, ..gemm }
    }

    /// The launch that lays out the weights as rows, each row of the window padded to `taps`; for a uniform buffer in as many bytes as
    /// its array has.
    fn pack(&self, taps: usize, dtype: DType, uniform: bool, caps: &Caps) -> (Launch, u64) {
        let [kh, kw] = self.kernel;
        let count = self.window.group * self.rows * self.channels * kh * taps;
        let mut program = Program::new("conv_pack").u32("WORKGROUP", PACK_WORKGROUP).u32("KERNEL_H", kh as u32).u32("KERNEL_W", kw as u32);
        program = program.u32("TAPS", taps as u32).bool("TRANSPOSED", self.transposed).alias("T", dtype.wgsl());
        program.f16 = dtype == DType::F16;
        let args = vec![(Arg::Block(0), Access::Read), (Arg::Input(1), Access::Read), (Arg::Temp(0), Access::ReadWrite)];
        let blocks = vec![vec![self.rows as u32, self.channels as u32, count as u32, 0]];
        let grid = caps.fold((count as u64).div_ceil(u64::from(PACK_WORKGROUP)));
        let work = Work { flops: 0.0, bytes: ((count + count / taps * kw) * dtype.bytes()) as f64 };
        (Launch { program, args, blocks, grid, work }, if uniform { UNIFORM_BYTES } else { (count * dtype.bytes()) as u64 })
    }
}

/// The product that a weight gradient is: x is input 0, the gradient of the output input 1.
pub(super) fn weight_grad<'a>(facts: &Lowering<'a>, window: &Window, chain: &'a Map) -> Gemm<'a> {
    let [x, dy] = [0, 1].map(|n| &facts.inputs[n].layout.shape);
    let output: &TensorType = &facts.outputs[0];
    let w = &output.shape;
    let rows = w[0] / window.group;
    let pixels = dy[2] * dy[3];
    let (plane, k) = (x[2] * x[3], dy[0] * pixels);
    let consts = vec![("KERNEL_H", Const::U32(w[2] as u32)), ("KERNEL_W", Const::U32(w[3] as u32))];
    let pads = [window.pads[0] as isize, window.pads[1] as isize];
    // A window that moves pixel by pixel: the taps of its rows see runs of neighbours.
    let one_run = window.strides == [1, 1] && window.dilations[1] == 1 && pixels.is_multiple_of(4);
    let by_taps = (2..=3).contains(&w[3]) && one_run && (dy[3].is_multiple_of(4) || dy[3] == x[3]);
    let vec4 = by_taps && window.pads[1] == 1 && dy[3].is_multiple_of(4) && x[3].is_multiple_of(4);
    let images = Images {
        columns: "lib/conv_weight_columns",
        consts,
        block: block(x, pixels, dy[3], dy[1] * pixels, window.strides, pads, window.dilations),
        vec4,
        taps: 4,
        lane: if by_taps { w[3] } else { 4 },
        along_k: true,
        pixels,
        kept: Some(Taps::new(dy, w, window)),
        tall: None,
    };
    Gemm {
        m: rows,
        n: w[1] * w[2] * w[3],
        k,
        batch: vec![window.group],
        a: Matrix { arg: Arg::Input(1), across: pixels as isize, along: 1, batch: vec![(rows * pixels) as isize], offset: 0, uniform: false },
        b: Matrix { arg: Arg::Input(0), across: 1, along: 1, batch: vec![(w[1] * plane) as isize], offset: 0, uniform: false },
        images: Some(images),
        partials: Arg::Temp(0),
        output,
        chain,
        extra: Vec::new(),
        dtype: facts.inputs[0].dtype,
        read: bytes(&facts.inputs[0]) + bytes(&facts.inputs[1]),
        flops: 2.0 * w.numel() as f64 * k as f64,
    }
}

#[cfg(test)]
mod tests {
    use crate::launch::{Access, Arg, Lowered, Lowering, Operand};
    use crate::ops::{Conv2d, Conv2dWeightGrad, ConvTranspose2d, Window};
    use crate::program::Const;
    use crate::{Caps, DType, Op, TensorType};

    fn lavapipe() -> Caps {
        Caps { software: true, subgroup: Some((8, 8)), f16: true, max_invocations: 1024, max_workgroup_bytes: 32 << 10, ..Caps::default() }
    }

    fn lowered(op: &Op, shapes: [[usize; 4]; 2], caps: &Caps, variant: Option<&str>) -> Lowered {
        let types = shapes.map(|s| TensorType::new(s, DType::F32));
        let outputs = op.kernel().infer(&types).unwrap();
        let inputs = types.each_ref().map(Operand::contiguous);
        op.kernel().lower(&Lowering { variant, ..Lowering::new(&inputs, &outputs, caps) }).unwrap()
    }

    fn stems(lowered: &Lowered) -> Vec<&str> {
        lowered.launches.iter().map(|l| l.program.stem).collect()
    }

    /// A constant and the parts of the product's program.
    fn product<'l>(lowered: &'l Lowered, constant: &str) -> (Option<Const>, &'l [&'static str]) {
        let program = &lowered.launches.iter().find(|l| l.program.stem.starts_with("matmul") || l.program.stem.starts_with("conv_few")).unwrap().program;
        (program.consts.iter().find(|(name, _)| *name == constant).map(|(_, c)| *c), &program.parts)
    }

    #[test]
    fn windows_of_up_to_four_go_by_rows_of_taps_and_wider_ones_do_not() {
        let caps = Caps::default();
        for (kernel, pad, packs) in [(2, 0, true), (3, 1, true), (4, 0, true), (5, 2, false), (7, 3, false)] {
            let op: Op = Conv2d::new(Window::padded(pad, pad)).into();
            let all = lowered(&op, [[2, 8, 16, 16], [16, 8, kernel, kernel]], &caps, None);
            assert_eq!(stems(&all).first() == Some(&"conv_pack"), packs, "{kernel}");
            assert_eq!(product(&all, "BY_TAPS").0, Some(Const::Bool(packs)), "{kernel}");
        }
        // Neighbouring pixels are read as one run where the window moves by one pixel and whole vectors make up an image.
        for (window, x, flat) in [
            (Window::padded(1, 1), [2, 8, 16, 16], true),
            (Window { strides: [1, 2], ..Window::padded(1, 1) }, [2, 8, 16, 16], false),
            (Window { dilations: [1, 2], ..Window::padded(1, 1) }, [2, 8, 16, 16], false),
            (Window::padded(1, 1), [2, 8, 7, 7], false),
        ] {
            let all = lowered(&Conv2d::new(window).into(), [x, [16, 8, 3, 3]], &caps, None);
            let (found, parts) = product(&all, "FLAT");
            assert_eq!(found, Some(Const::Bool(flat)), "{x:?}");
            assert_eq!(parts.contains(&"lib/conv_input_vec4"), flat, "{x:?}");
        }
    }

    #[test]
    fn weights_that_fit_are_a_uniform_buffer_on_a_software_adapter() {
        let lower = |from: usize, to: usize, kernel: usize, dtype: DType, caps: &Caps, variant: Option<&str>| {
            let op: Op = Conv2d::new(Window::padded(kernel / 2, kernel / 2)).into();
            let types = [[2, from, 16, 16], [to, from, kernel, kernel]].map(|s| TensorType::new(s, dtype));
            let outputs = op.kernel().infer(&types).unwrap();
            let inputs = types.each_ref().map(Operand::contiguous);
            op.kernel().lower(&Lowering { variant, ..Lowering::new(&inputs, &outputs, caps) }).unwrap()
        };
        let access = |lowered: &Lowered| lowered.launches.iter().find(|l| l.program.stem != "conv_pack").unwrap().args[1].1;
        // Rows of three taps are four long: 31 channels in, 44 out are the last that fit into 64 KiB; rows of five stay five.
        for (from, to, kernel) in [(3, 32, 3), (31, 44, 3), (32, 20, 5), (40, 3, 3)] {
            let all = lower(from, to, kernel, DType::F32, &lavapipe(), None);
            assert_eq!((stems(&all)[0], all.temps[0], access(&all)), ("conv_pack", 64 << 10, Access::Uniform), "{from} {to} {kernel}");
        }
        for (dtype, caps, variant) in [(DType::F16, lavapipe(), None), (DType::F32, Caps::default(), None), (DType::F32, lavapipe(), Some("rows"))] {
            assert_eq!(access(&lower(3, 32, 3, dtype, &caps, variant)), Access::Read, "{dtype:?} {variant:?}");
        }
        for (from, to, kernel) in [(31, 45, 3), (32, 21, 5)] {
            assert_eq!(access(&lower(from, to, kernel, DType::F32, &lavapipe(), None)), Access::Read, "{from} {to} {kernel}");
        }
    }

    #[test]
    fn a_1x1_convolution_is_a_plain_product() {
        for caps in [lavapipe(), Caps::default()] {
            let op: Op = Conv2d::default().into();
            let all = lowered(&op, [[4, 32, 8, 8], [64, 32, 1, 1]], &caps, None);
            assert_eq!(all.launches.len(), 1);
            assert!(!product(&all, "").1.contains(&"lib/conv_access"));
            let op: Op = ConvTranspose2d::default().into();
            let all = lowered(&op, [[4, 64, 8, 8], [64, 32, 1, 1]], &caps, None);
            assert!(all.launches.len() == 1 && !product(&all, "").1.contains(&"lib/conv_access"));
            // Where it skips pixels, or images have few of them, it gathers.
            let strided: Op = Conv2d::new(Window { strides: [2, 2], ..Window::default() }).into();
            assert!(product(&lowered(&strided, [[4, 32, 8, 8], [64, 32, 1, 1]], &caps, None), "").1.contains(&"lib/conv_access"));
            let op: Op = Conv2d::default().into();
            assert!(product(&lowered(&op, [[4, 32, 2, 2], [64, 32, 1, 1]], &caps, None), "").1.contains(&"lib/conv_access"));
        }
    }

    #[test]
    fn a_kernel_for_few_rows_takes_depthwise_convolutions() {
        let window = Window { group: 16, ..Window::padded(1, 1) };
        let swiftshader = Caps { software: true, subgroup: Some((4, 4)), ..Caps::default() };
        for (caps, large) in [(lavapipe(), "conv_few_tall"), (swiftshader, "conv_few"), (Caps::default(), "conv_few")] {
            // Little work is not worth the compilation of strips.
            for (images, few) in [(2, "conv_few"), (128, large)] {
                let forward = lowered(&Conv2d::new(window.clone()).into(), [[images, 16, 16, 16], [16, 1, 3, 3]], &caps, None);
                assert_eq!(stems(&forward), ["conv_pack", few]);
                let input = ConvTranspose2d { window: window.clone(), ..Default::default() };
                assert_eq!(stems(&lowered(&input.into(), [[images, 16, 16, 16], [16, 1, 3, 3]], &caps, None)), ["conv_pack", few]);
            }
            let weight = Conv2dWeightGrad { window: window.clone(), kernel_shape: [3, 3] };
            let stem = stems(&lowered(&weight.into(), [[2, 16, 16, 16], [2, 16, 16, 16]], &caps, None))[0].to_owned();
            assert_eq!(stem, "conv_few");
        }
    }

    #[test]
    fn strips_below_each_other_are_for_small_windows_over_rows_of_whole_strips() {
        let stem = |[h, w]: [usize; 2], kernel: [usize; 2], window: Window| {
            let op: Op = Conv2d::new(Window { group: 16, ..window }).into();
            stems(&lowered(&op, [[4096, 16, h, w], [16, 1, kernel[0], kernel[1]]], &lavapipe(), None))[1..].join(" ")
        };
        let same = Window::padded(1, 1);
        assert_eq!(stem([16, 16], [3, 3], same.clone()), "conv_few_tall");
        assert_eq!(stem([5, 11], [2, 4], Window::default()), "conv_few_tall");
        for (x, kernel, window) in [
            ([14, 14], [3, 3], same.clone()),
            ([3, 16], [3, 3], same.clone()),
            ([16, 16], [5, 3], same.clone()),
            ([16, 32], [3, 3], Window { strides: [1, 2], ..same.clone() }),
            ([32, 16], [3, 3], Window { strides: [2, 1], ..same.clone() }),
            ([16, 16], [3, 3], Window { dilations: [2, 1], ..Window::padded(2, 1) }),
        ] {
            assert_eq!(stem(x, kernel, window.clone()), "conv_few", "{x:?} {window:?}");
        }
        // Pieces of k are whole channels, of three rows by four.
        let op: Op = Conv2d::new(same).into();
        let all = lowered(&op, [[1, 50, 8, 8], [3, 50, 3, 3]], &lavapipe(), Some("few_tall_splitk"));
        assert_eq!((stems(&all).join(" "), all.launches[1].blocks[0][11] % 12), ("conv_pack conv_few_tall matmul_splitk_reduce".to_owned(), 0));
    }

    #[test]
    fn packed_weights_and_partial_sums_do_not_share_memory() {
        let op: Op = Conv2d::default().into();
        let shapes = [[2, 5001, 3, 4], [5, 5001, 3, 3]];
        let all = lowered(&op, shapes, &lavapipe(), Some("naive_splitk"));
        assert_eq!(stems(&all), ["conv_pack", "matmul_naive", "matmul_splitk_reduce"]);
        assert_eq!(product(&all, "PIECES").0, Some(Const::Bool(true)));
        assert_eq!(all.temps, [4 * 5 * 5001 * 3 * 4, 2 * 4 * 2 * 5 * 2]);
        let buffers = |n: usize| all.launches[n].args.iter().filter(|(a, _)| matches!(a, Arg::Temp(_))).map(|(a, _)| *a).collect::<Vec<_>>();
        assert_eq!(buffers(0), [Arg::Temp(0)]);
        assert_eq!(buffers(1), [Arg::Temp(0), Arg::Temp(1)]);
        assert_eq!(buffers(2), [Arg::Temp(1)]);
        // Without packing the sums are alone.
        let strided: Op = Conv2d::new(Window { strides: [2, 2], ..Window::default() }).into();
        let all = lowered(&strided, [[2, 60_100, 1, 3], [6, 60_100, 1, 1]], &lavapipe(), Some("naive_splitk"));
        assert_eq!((stems(&all), all.temps.len()), (vec!["matmul_naive", "matmul_splitk_reduce"], 1));
    }
}
