//! When and how `conv_taps.wgsl` runs: the weight gradient of a convolution with few input channels, for software adapters with
//! subgroups of one fixed size. The outputs' gradients are the larger operand of such a layer, and are loaded once.

use super::conv_window::Window;
use super::matmul_tiles::{Family, Tile, subgroup};
use crate::{Caps, Program, Shape};

/// Taps that an invocation can keep, and pixels of a strip's windows that its subgroup can.
const MOST_TAPS: usize = 80;
const MOST_PIXELS: usize = 384;

/// Turns up to which Mesa unrolls a loop.
const MOST_TURNS: usize = 32;

/// The walk by strips of four pixels of a row, down the columns of strips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taps {
    /// The pixels of all images, each row rounded up to whole strips.
    pub k: usize,
    /// Input channels of a group.
    channels: usize,
    /// Height and width of the window.
    kernel: [usize; 2],
    /// Pixels from one place of the window to the next in a row, and from one tap to the next.
    stride: usize,
    dilation: usize,
    /// Rows of the window that are new from one row of outputs to the next.
    fresh: usize,
    /// Whether rows are whole strips.
    whole: bool,
}

impl Taps {
    /// The walk over gradients `dy` for weights `w`.
    pub(super) fn new(dy: &Shape, w: &Shape, window: &Window) -> Self {
        Self {
            k: dy[0] * dy[2] * dy[3].next_multiple_of(4),
            channels: w[1],
            kernel: [w[2], w[3]],
            stride: window.strides[1],
            dilation: window.dilations[1],
            fresh: if window.dilations[0] == 1 { window.strides[0].min(w[2]) } else { w[2] },
            whole: dy[3].is_multiple_of(4),
        }
    }

    /// Neighbours in a row that the windows of a strip see.
    fn run(&self) -> usize {
        3 * self.stride + (self.kernel[1] - 1) * self.dilation + 1
    }

    /// Pixels that a lane loads for a row of the window.
    fn loads(&self, lanes: u32) -> usize {
        (self.channels * self.run()).div_ceil(lanes as usize)
    }

    /// The tile, where the window is small enough. Its step is the sum of what its loads and its multiply-adds cost, by the steps of
    /// `subgroup_32x8` and `subgroup_64x8`.
    pub(super) fn tile(&self, caps: &Caps) -> Option<Tile> {
        let lanes = subgroup(caps)?;
        let [height, width] = self.kernel;
        let columns = self.channels * height * width;
        let pixels = self.channels * height * self.run();
        let fits = columns <= MOST_TAPS && pixels <= MOST_PIXELS && self.channels.max(height).max(self.run()) <= MOST_TURNS;
        let step_ns = 5.9 * (16 + self.fresh * self.loads(lanes)) as f64 + 6.3 * columns as f64;
        fits.then(|| Tile::software("taps", Family::Taps, 4 * lanes, columns as u32, step_ns, 300.0))
    }

    /// Turns of an invocation's loops for a step of k, where the driver unrolls none of them.
    pub(super) fn turns(&self, lanes: u32) -> f64 {
        let [height, width] = self.kernel;
        // A column begins with the loads of all rows, and may end after one strip.
        let loads = 2 * height * (1 + self.loads(lanes));
        (3 + loads + self.channels * (1 + height * (1 + self.run() + width))) as f64 / 4.0
    }

    /// The constants of the kernel. `vec4`: whether dy is read by vectors.
    pub(super) fn consts(&self, program: Program, vec4: bool) -> Program {
        let program = program.u32("CHANNELS", self.channels as u32).u32("FRESH", self.fresh as u32).bool("WHOLE_STRIPS", self.whole && vec4);
        program.u32("STRIDE_W", self.stride as u32).u32("DILATION_W", self.dilation as u32)
    }
}

#[cfg(test)]
mod tests {
    use crate::launch::{Lowering, Operand};
    use crate::ops::{Conv2dWeightGrad, Window};
    use crate::program::Const;
    use crate::{Caps, DType, Op, Program, TensorType};

    fn lavapipe() -> Caps {
        Caps { software: true, subgroup: Some((8, 8)), f16: true, max_invocations: 1024, max_workgroup_bytes: 32 << 10, ..Caps::default() }
    }

    /// The product's program, and the pieces of k that it is cut into.
    fn program(x: [usize; 4], dy: [usize; 4], kernel: usize, window: Window, caps: &Caps) -> (Program, u32) {
        let op: Op = Conv2dWeightGrad { window, kernel_shape: [kernel; 2] }.into();
        let types = [x, dy].map(|s| TensorType::new(s, DType::F32));
        let outputs = op.kernel().infer(&types).unwrap();
        let inputs = types.each_ref().map(Operand::contiguous);
        let mut launches = op.kernel().lower(&Lowering::new(&inputs, &outputs, caps)).unwrap().launches;
        let pieces = launches[0].blocks[0][7];
        (launches.swap_remove(0).program, pieces)
    }

    fn constant(program: &Program, name: &str) -> Const {
        program.consts.iter().find(|(n, _)| *n == name).unwrap().1
    }

    #[test]
    fn first_layers_keep_all_taps() {
        let same = Window::padded(1, 1);
        let strided = Window { strides: [2, 2], ..Window::padded(2, 2) };
        let spread = Window { dilations: [2, 2], ..Window::padded(2, 2) };
        for (x, dy, kernel, window, fresh, whole) in [
            ([64, 1, 28, 28], [64, 32, 28, 28], 3, same.clone(), 1, true),
            ([32, 3, 32, 32], [32, 32, 32, 32], 3, same.clone(), 1, true),
            ([32, 3, 32, 32], [32, 32, 30, 30], 3, Window::default(), 1, false),
            ([32, 3, 128, 128], [32, 32, 64, 64], 5, strided, 2, true),
            ([32, 3, 32, 32], [32, 32, 32, 32], 3, spread, 3, true),
        ] {
            let (program, pieces) = program(x, dy, kernel, window, &lavapipe());
            assert_eq!(program.stem, "conv_taps", "{x:?}");
            assert_eq!((constant(&program, "FRESH"), constant(&program, "WHOLE_STRIPS")), (Const::U32(fresh), Const::Bool(whole)), "{x:?}");
            assert!(pieces >= 8, "{x:?}: {pieces}");
        }
    }

    #[test]
    fn more_channels_few_outputs_and_other_adapters_keep_their_tiles() {
        let stem = |x, dy, kernel, caps: &Caps| program(x, dy, kernel, Window::padded(kernel / 2, kernel / 2), caps).0.stem;
        assert_eq!(stem([32, 32, 16, 16], [32, 64, 16, 16], 3, &lavapipe()), "matmul_subgroup");
        assert_eq!(stem([8, 3, 64, 64], [8, 64, 64, 64], 7, &lavapipe()), "matmul_subgroup");
        assert_eq!(stem([32, 3, 32, 32], [32, 4, 32, 32], 3, &lavapipe()), "conv_few");
        for caps in [Caps::default(), Caps { software: true, max_invocations: 256, subgroup: Some((4, 4)), ..Caps::default() }] {
            assert_ne!(stem([32, 3, 32, 32], [32, 32, 32, 32], 3, &caps), "conv_taps");
        }
    }
}
