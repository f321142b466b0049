//! Resizing by a triangle filter, antialiased: bilinear where an image grows, and where it shrinks the filter grows with the ratio, so
//! that every source pixel counts ("bilinear" with antialiasing in PyTorch and Pillow).
//!
//! Separable: each source row is resized along its width and added to the target rows that it touches, so that a large picture needs
//! no second copy. Only sums and products in a fixed order: the same bits on every platform.

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) top: f32,
    pub(crate) left: f32,
    pub(crate) height: f32,
    pub(crate) width: f32,
}

impl Window {
    /// All of an image of this height and width.
    pub(crate) fn whole([height, width]: [usize; 2]) -> Self {
        Self { top: 0.0, left: 0.0, height: height as f32, width: width as f32 }
    }
}

/// The source pixels, from `first` on, that make a target pixel; the weights add up to 1.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// The taps of the `to` target pixels that `extent` source pixels from `start` on become; there are `from` source pixels.
fn taps(from: usize, start: f32, extent: f32, to: usize) -> Vec<Taps> {
    let scale = extent / to as f32;
    let support = scale.max(1.0);
    // Nothing outside of the window counts, as if it had been cut out first.
    let (lowest, highest) = (start.floor().max(0.0) as usize, ((start + extent).ceil() as usize).clamp(1, from));
    let of = |n: usize| {
        let centre = start + (n as f32 + 0.5) * scale;
        let first = ((centre - support - 0.5).ceil().max(0.0) as usize).clamp(lowest.min(highest - 1), highest - 1);
        let last = ((centre + support + 0.5).floor().max(0.0) as usize).clamp(first + 1, highest);
        let weight = |i: usize| (1.0 - (i as f32 + 0.5 - centre).abs() / support).max(0.0);
        let mut weights: Vec<f32> = (first..last).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        if sum > 0.0 {
            weights.iter_mut().for_each(|w| *w /= sum);
        } else {
            // A window of less than a pixel at the edge.
            weights[0] = 1.0;
        }
        Taps { first, weights }
    };
    (0..to).map(of).collect()
}

/// A window of an image of `channels` planes and height and width `from`, as [channels, to height, to width]. `row` gives row number y
/// as [channels, from width].
pub(crate) fn resize(channels: usize, from: [usize; 2], row: &mut dyn FnMut(usize, &mut [f32]), window: Window, to: [usize; 2]) -> Vec<f32> {
    let rows = taps(from[0], window.top, window.height, to[0]);
    let columns = taps(from[1], window.left, window.width, to[1]);
    let mut out = vec![0.0f32; channels * to[0] * to[1]];
    let mut source = vec![0.0f32; channels * from[1]];
    let mut narrow = vec![0.0f32; channels * to[1]];
    // Taps move downwards, so that the target rows under way are a range that moves too.
    let mut open = 0;
    let end = rows.iter().map(|t| t.first + t.weights.len()).max().unwrap_or(0);
    for y in rows.first().map_or(0, |t| t.first)..end {
        while open < rows.len() && rows[open].first + rows[open].weights.len() <= y {
            open += 1;
        }
        row(y, &mut source);
        for (source, narrow) in source.chunks_exact(from[1]).zip(narrow.chunks_exact_mut(to[1])) {
            for (taps, out) in columns.iter().zip(narrow) {
                *out = taps.weights.iter().zip(&source[taps.first..]).map(|(w, v)| w * v).sum();
            }
        }
        for (n, taps) in rows.iter().enumerate().skip(open).take_while(|(_, t)| t.first <= y) {
            let Some(&weight) = taps.weights.get(y - taps.first) else { continue };
            for (c, narrow) in narrow.chunks_exact(to[1]).enumerate() {
                let out = &mut out[(c * to[0] + n) * to[1]..][..to[1]];
                out.iter_mut().zip(narrow).for_each(|(out, v)| *out += weight * v);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey image of these rows, a window of it resized.
    fn resized(rows: &[&[f32]], window: Option<Window>, to: [usize; 2]) -> Vec<f32> {
        let from = [rows.len(), rows[0].len()];
        resize(1, from, &mut |y, out| out.copy_from_slice(rows[y]), window.unwrap_or(Window::whole(from)), to)
    }

    #[test]
    fn same_size_is_the_same_image() {
        assert_eq!(resized(&[&[0.0, 50.0, 100.0], &[150.0, 200.0, 255.0]], None, [2, 3]), [0.0, 50.0, 100.0, 150.0, 200.0, 255.0]);
    }

    #[test]
    fn growing_is_bilinear_and_shrinking_weighs_all() {
        // Centres at 0.25, 0.75, 1.25, 1.75 of pixels centred at 0.5 and 1.5.
        assert_eq!(resized(&[&[0.0, 4.0]], None, [1, 4]), [0.0, 1.0, 3.0, 4.0]);
        // A triangle of width 2 round 1: weights 3, 3 of the first two, 1 of the third, of 7.
        let out = resized(&[&[7.0, 14.0, 28.0, 56.0]], None, [1, 2]);
        let expected = [(3.0 * 7.0 + 3.0 * 14.0 + 28.0) / 7.0, (14.0 + 3.0 * 28.0 + 3.0 * 56.0) / 7.0];
        assert!(out.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-4), "{out:?} {expected:?}");
        // The same along the height.
        assert_eq!(resized(&[&[7.0], &[14.0], &[28.0], &[56.0]], None, [2, 1]), out);
    }

    #[test]
    fn flat_image_stays_flat_at_any_size_and_window() {
        let rows = [[0.75f32; 13]; 7];
        let rows: Vec<&[f32]> = rows.iter().map(|r| &r[..]).collect();
        for to in [[1, 1], [2, 3], [7, 13], [20, 5], [64, 64]] {
            for window in [None, Some(Window { top: 1.3, left: 2.7, height: 4.4, width: 0.2 }), Some(Window { top: 6.9, left: 12.9, height: 0.1, width: 0.1 })]
            {
                let out = resized(&rows, window, to);
                assert!(out.iter().all(|v| (v - 0.75).abs() < 1e-6), "{to:?} {window:?}");
            }
        }
    }

    #[test]
    fn nothing_outside_of_the_window_counts() {
        let out = resized(&[&[9.0, 1.0, 1.0, 9.0]], Some(Window { top: 0.0, left: 1.0, height: 1.0, width: 2.0 }), [1, 5]);
        assert_eq!(out, [1.0; 5]);
    }
}
