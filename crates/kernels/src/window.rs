//! Windows that slide along the height and the width of images [N, C, H, W]: the geometry of pooling.

use crate::reduction::MAX_TURNS;
use crate::{OpError, TensorType};

/// The largest kernel, stride and dilation: sums of them fit 32 bits.
const LARGEST: usize = 1 << 20;

/// Windows along one axis: window `o` covers the places `o·stride − begin + t·dilation` for t below `kernel`; those outside of the
/// input are padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Extent of the input.
    pub(crate) input: usize,
    /// Number of windows.
    pub(crate) output: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Padding before the input.
    pub(crate) begin: usize,
    /// Padding behind it.
    pub(crate) end: usize,
}

impl Span {
    /// Where window `o` starts.
    pub(crate) fn start(&self, o: usize) -> i64 {
        (o * self.stride) as i64 - self.begin as i64
    }

    /// The places of window `o` that lie in the input.
    pub(crate) fn taps(&self, o: usize) -> impl Iterator<Item = usize> + use<> {
        let Self { input, kernel, dilation, .. } = *self;
        let start = self.start(o);
        (0..kernel).map(move |t| start + t as i64 * dilation as i64).filter(move |&i| i >= 0 && i < input as i64).map(|i| i as usize)
    }

    /// How many places window `o` has: those in the input, or with padding up to the padding's end.
    pub(crate) fn count(&self, o: usize, padding: bool) -> usize {
        let (low, high) = self.limits(padding);
        ((self.start(o) + self.kernel as i64).min(high) - self.start(o).max(low)) as usize
    }

    /// The places that count.
    pub(crate) fn limits(&self, padding: bool) -> (i64, i64) {
        let (begin, end) = if padding { (self.begin, self.end) } else { (0, 0) };
        (-(begin as i64), (self.input + end) as i64)
    }
}

/// The attributes that say how windows lie, height first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    /// Before the height and the width, then behind them.
    pub(crate) pads: [usize; 4],
    pub(crate) dilations: [usize; 2],
    pub(crate) ceil_mode: bool,
}

impl Windows {
    /// The windows over images of `size`, by PyTorch's rules: padding is at most half of a window, and with `ceil_mode` a last
    /// window may reach beyond the padding if it starts before its end.
    ///
    /// # Errors
    /// Names the axis, the extents and the rule that is broken.
    pub(crate) fn over(&self, op: &str, size: [usize; 2]) -> Result<[Span; 2], OpError> {
        if self.kernel[0].saturating_mul(self.kernel[1].saturating_add(1)) > MAX_TURNS {
            let [h, w] = self.kernel;
            return Err(OpError::new(op, format!("a window of {h}x{w} is larger than the {MAX_TURNS} places that one may have; pool in two steps")));
        }
        Ok([self.axis(op, "height", 0, size[0])?, self.axis(op, "width", 1, size[1])?])
    }

    fn axis(&self, op: &str, name: &str, axis: usize, input: usize) -> Result<Span, OpError> {
        let (kernel, stride, dilation) = (self.kernel[axis], self.strides[axis], self.dilations[axis]);
        let (begin, end) = (self.pads[axis], self.pads[axis + 2]);
        let refuse = |message: String| Err(OpError::new(op, format!("{name} {input}: {message}")));
        if [kernel, stride, dilation].iter().any(|n| !(1..=LARGEST).contains(n)) {
            return refuse(format!("kernel {kernel}, stride {stride} and dilation {dilation} must be from 1 to {LARGEST}"));
        }
        if input > u32::MAX as usize {
            return refuse(format!("is longer than the {} places that a kernel can address", u32::MAX));
        }
        if begin.max(end) > kernel / 2 {
            return refuse(format!("padding {begin} and {end} must be at most half of the kernel {kernel}, else windows may see nothing but padding"));
        }
        let (whole, step) = (input as i64 + (begin + end) as i64, stride as i64);
        let reach = (kernel as i64 - 1) * dilation as i64 + 1;
        // `ceil_mode` rounds up what is left behind the first window.
        let rounding = if self.ceil_mode { step - 1 } else { 0 };
        let mut output = (whole - reach + rounding).div_euclid(step) + 1;
        if output > 1 && self.ceil_mode && (output - 1) * step >= (input + begin) as i64 {
            output -= 1;
        }
        if output < 1 || input == 0 {
            return refuse(format!(
                "no window fits: with padding {begin} and {end} it is {whole}, and a window of {kernel} with dilation {dilation} takes {reach}"
            ));
        }
        let span = Span { input, output: output as usize, kernel, stride, dilation, begin, end };
        // Only a window that starts in the padding can miss the input: with large steps it may jump over all of it.
        let starts_outside = begin.div_ceil(stride).min(span.output);
        match (0..starts_outside).find(|&o| span.taps(o).next().is_none()) {
            Some(o) => refuse(format!("window {o} of {kernel} with dilation {dilation} starts in the padding {begin} and steps over the whole input")),
            None => Ok(span),
        }
    }
}

/// Checks images [N, C, H, W] of floats; returns N·C and [H, W].
///
/// # Errors
/// Names what was given.
pub(crate) fn images(op: &str, x: &TensorType) -> Result<(usize, [usize; 2]), OpError> {
    match x.shape[..] {
        [n, c, h, w] if x.dtype.is_float() => Ok((n.saturating_mul(c), [h, w])),
        _ => Err(OpError::new(op, format!("takes images [N, C, H, W] in f32 or f16, got {x}; reshape or cast them"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(input: usize, kernel: usize, stride: usize, pad: usize, dilation: usize, ceil_mode: bool) -> Result<Span, String> {
        let windows = Windows { kernel: [1, kernel], strides: [1, stride], pads: [0, pad, 0, pad], dilations: [1, dilation], ceil_mode };
        windows.over("pool", [1, input]).map(|s| s[1]).map_err(|e| e.message)
    }

    #[test]
    fn the_number_of_windows_is_pytorchs() {
        // (input, kernel, stride, padding, dilation, ceil) and what torch.nn.MaxPool1d gives.
        for (input, kernel, stride, pad, dilation, ceil, output) in [
            (7, 2, 2, 0, 1, false, 3),
            (7, 2, 2, 0, 1, true, 4),
            (7, 3, 2, 1, 1, false, 4),
            (8, 3, 2, 1, 1, true, 5),
            (2, 3, 2, 0, 1, true, 1),
            (10, 3, 2, 1, 2, false, 4),
            // The fourth window would start behind the input: it is dropped.
            (5, 2, 3, 1, 1, true, 2),
            (1, 1, 5, 0, 1, false, 1),
        ] {
            assert_eq!(span(input, kernel, stride, pad, dilation, ceil).map(|s| s.output), Ok(output), "{input} {kernel} {stride} {pad} {dilation} {ceil}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |n, k, s, p, d, part: &str| {
            let message = span(n, k, s, p, d, false).unwrap_err();
            assert!(message.contains(part), "{message}");
        };
        refused(7, 0, 1, 0, 1, "from 1 to");
        refused(7, 2, 0, 0, 1, "from 1 to");
        refused(7, 2, 1, 0, 0, "from 1 to");
        refused(7, 3, 1, 2, 1, "half of the kernel 3");
        refused(2, 3, 1, 0, 1, "no window fits");
        refused(0, 1, 1, 0, 1, "no window fits");
        refused(3, 2, 1, 1, 4, "steps over the whole input");
        refused(7, 1 << 40, 1, 0, 1, "pool in two steps");
        refused(7, 3, usize::MAX, 0, 1, "from 1 to");
        refused(7, 3, 1 << 20, 0, 1 << 20, "no window fits");
    }

    #[test]
    fn counts_leave_out_what_is_beyond_the_padding() {
        let s = span(5, 3, 3, 1, 1, true).unwrap();
        assert_eq!((0..s.output).map(|o| (s.count(o, true), s.count(o, false))).collect::<Vec<_>>(), [(3, 2), (3, 3)]);
        let s = span(6, 3, 3, 1, 1, true).unwrap();
        assert_eq!((0..s.output).map(|o| (s.count(o, true), s.count(o, false))).collect::<Vec<_>>(), [(3, 2), (3, 3), (2, 1)]);
    }
}
