//! Digits that the program draws itself: a set for a first run, with nothing to download.
//!
//! A digit is a few strokes through hand-placed points (`digit_strokes.rs`, several ways of writing
//! each). Every image moves those points a little, then rotates, shears, scales and shifts the whole, draws
//! it with a pen of random width, anti-aliased by the distance of each pixel to the stroke, and adds noise.
//!
//! Image number i is a pure function of (seed, i), the same bytes on every platform: the arithmetic is
//! additions, products, quotients and square roots, which IEEE 754 rounds in one way only.

use super::dataset::{Dataset, Inputs, Normalize, Targets};
use super::digit_strokes::{GLYPHS, Path};
use super::error::DataError;
use super::idx::Split;
use super::rng::Rng;

/// Height and width of an image, pixels.
pub const SIDE: usize = 28;

/// Mean and deviation of the pixels as fractions of 255, measured over 20,000 images.
const MEAN_AND_STD: (f32, f32) = (0.1201, 0.2571);

/// Steps of a curve between two of its points.
const CURVE_STEPS: usize = 6;

/// The `quickstart` set: `samples` images of shape [1, 28, 28] in ten classes, every class in turn.
///
/// The two splits of a seed share no image.
///
/// # Errors
/// [`DataError::Setting`] where `samples` is 0.
pub fn digits(split: Split, samples: usize, seed: u64) -> Result<Dataset, DataError> {
    let (name, half) = match split {
        Split::Train => ("quickstart", 0),
        Split::Test => ("quickstart (test)", 1 << 63),
    };
    let mut pixels = Vec::with_capacity(samples * SIDE * SIDE);
    for sample in 0..samples {
        pixels.extend_from_slice(&image(sample % 10, &mut Rng::new(seed, half + sample as u64)));
    }
    let labels = (0..samples).map(|sample| (sample % 10) as u32).collect();
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    let set = Dataset::new(name, Inputs::U8(pixels.into()), &[1, SIDE, SIDE], Targets::Classes(labels), classes)?;
    set.normalized(Normalize::all(MEAN_AND_STD.0, MEAN_AND_STD.1))
}

type Point = [f32; 2];

/// One image of `digit`, row-major, 0 the paper and 255 the ink.
fn image(digit: usize, rng: &mut Rng) -> [u8; SIDE * SIDE] {
    let styles = GLYPHS[digit];
    let glyph = styles[rng.below(styles.len() as u64) as usize];
    let place = Placement::random(rng);
    let wobble = rng.range(0.008, 0.032);
    // Squared distance to the nearest stroke, up to the pen's reach.
    let mut distance = [f32::INFINITY; SIDE * SIDE];
    let radius = rng.range(0.7, 1.6);
    for path in glyph {
        let line = flatten(path, wobble, rng);
        for ends in line.windows(2) {
            stroke(&mut distance, place.apply(ends[0]), place.apply(ends[1]), radius + 1.0);
        }
    }
    ink(&distance, radius, rng)
}

/// Turns distances into grey: full inside the pen's radius, fading over one pixel, with noise on top.
fn ink(distance: &[f32; SIDE * SIDE], radius: f32, rng: &mut Rng) -> [u8; SIDE * SIDE] {
    let (pressure, noise) = (rng.range(0.75, 1.0), rng.range(0.0, 0.09));
    let mut pixels = [0; SIDE * SIDE];
    for (pixel, &squared) in pixels.iter_mut().zip(distance) {
        let cover = (radius + 0.5 - squared.sqrt()).clamp(0.0, 1.0);
        let grey = (cover * pressure + noise * rng.normal()).clamp(0.0, 1.0);
        *pixel = (grey * 255.0 + 0.5) as u8;
    }
    pixels
}

/// From the unit square of the strokes to pixels: rotated, sheared, scaled, shifted.
struct Placement {
    matrix: [[f32; 2]; 2],
    centre: Point,
}

impl Placement {
    fn random(rng: &mut Rng) -> Self {
        // A rotation by its half-angle's tangent t needs no sine: ((1 - t²), 2t) / (1 + t²). At most 17°.
        let t = rng.range(-0.15, 0.15);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let shear = rng.range(-0.28, 0.28);
        let (width, height) = (rng.range(13.0, 21.0), rng.range(15.5, 21.5));
        let middle = SIDE as f32 / 2.0;
        Self {
            matrix: [[cos * width, (cos * shear - sin) * height], [sin * width, (sin * shear + cos) * height]],
            centre: [middle + rng.range(-2.2, 2.2), middle + rng.range(-2.2, 2.2)],
        }
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        let [[a, b], [c, d]] = self.matrix;
        [a * x + b * y + self.centre[0], c * x + d * y + self.centre[1]]
    }
}

/// The path as a polyline, its points moved by about `wobble`.
fn flatten(path: &Path, wobble: f32, rng: &mut Rng) -> Vec<Point> {
    let (points, curved) = match path {
        Path::Lines(points) => (points, false),
        Path::Curve(points) => (points, true),
    };
    let closed = points.len() > 2 && points.first() == points.last();
    let mut moved: Vec<Point> = points.iter().map(|p| [p[0] + wobble * rng.normal(), p[1] + wobble * rng.normal()]).collect();
    if closed {
        let last = moved.len() - 1;
        moved[last] = moved[0];
    }
    if curved { spline(&moved, closed) } else { moved }
}

/// The Catmull-Rom spline through `points` (Catmull and Rom, 1974) as a polyline.
fn spline(points: &[Point], closed: bool) -> Vec<Point> {
    let last = points.len() - 1;
    let mut line = vec![points[0]];
    for i in 0..last {
        // Beyond an open end the curve goes on straight; round a closed one it goes on from the start.
        let before = match i {
            0 if closed => points[last - 1],
            0 => mirror(points[0], points[1]),
            _ => points[i - 1],
        };
        let after = match i + 2 {
            j if j <= last => points[j],
            _ if closed => points[1],
            _ => mirror(points[last], points[last - 1]),
        };
        for step in 1..=CURVE_STEPS {
            let t = step as f32 / CURVE_STEPS as f32;
            let at = |k: usize| {
                let (p0, p1, p2, p3) = (before[k], points[i][k], points[i + 1][k], after[k]);
                let (a, b) = (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3, 3.0 * p1 - p0 - 3.0 * p2 + p3);
                0.5 * (2.0 * p1 + t * (p2 - p0 + t * (a + t * b)))
            };
            line.push([at(0), at(1)]);
        }
    }
    line
}

/// The point as far from `end` as `inner` is, on the other side.
fn mirror(end: Point, inner: Point) -> Point {
    [2.0 * end[0] - inner[0], 2.0 * end[1] - inner[1]]
}

/// Lowers the squared distances of the pixels within `reach` of the segment from `a` to `b`.
fn stroke(distance: &mut [f32; SIDE * SIDE], a: Point, b: Point, reach: f32) {
    let d = [b[0] - a[0], b[1] - a[1]];
    let length = d[0] * d[0] + d[1] * d[1];
    let span = |k: usize| {
        let (low, high) = (a[k].min(b[k]) - reach, a[k].max(b[k]) + reach);
        (low.clamp(0.0, SIDE as f32) as usize, high.clamp(0.0, SIDE as f32) as usize)
    };
    let ((left, right), (top, bottom)) = (span(0), span(1));
    for row in top..bottom {
        for column in left..right {
            // From the pixel's centre.
            let p = [column as f32 + 0.5 - a[0], row as f32 + 0.5 - a[1]];
            let along = if length > 0.0 { ((p[0] * d[0] + p[1] * d[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
            let away = [p[0] - along * d[0], p[1] - along * d[1]];
            let squared = away[0] * away[0] + away[1] * away[1];
            let nearest = &mut distance[row * SIDE + column];
            *nearest = nearest.min(squared);
        }
    }
}
