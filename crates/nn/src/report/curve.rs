//! The curves of a run as a picture: loss and accuracy over the epochs, training and validation.

use super::axis::{Axis, label_format, multiples, step};
use super::canvas::{Canvas, Refused, png, refused};
use super::history::{EpochRow, History};
use crate::files::{FileError, atomic_write};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;
use std::path::Path;

/// Width of a panel and height of the picture, pixels.
const PANEL: (u32, u32) = (640, 480);

/// Up to this many epochs each is marked with a dot.
const DOTS: usize = 40;

/// Blue and orange of equal strength, told apart by colour-blind readers too.
const TRAINING: RGBColor = RGBColor(31, 119, 180);
const VALIDATION: RGBColor = RGBColor(230, 110, 0);

/// One line of a panel: its name, its colour, its points.
type Series = (&'static str, RGBColor, Vec<(f64, f64)>);

/// Draws the curves as a PNG under `title`: loss, and beside it accuracy where there is any.
///
/// Values that are not finite, or beyond ±1e30, are left out.
///
/// # Errors
/// [`FileError::Draw`] where a library refuses.
pub fn draw_curves(history: &History, title: &str) -> Result<Vec<u8>, FileError> {
    let loss = series(history, |row| Some(row.loss), |row| row.val_loss);
    let accuracy = series(history, |row| row.accuracy, |row| row.val_accuracy);
    let panels: Vec<(&str, Range<f64>, Vec<Series>)> = [("loss", loss), ("accuracy", accuracy)]
        .into_iter()
        .filter(|(name, lines)| *name == "loss" || !lines.is_empty())
        .map(|(name, lines)| (name, value_range(name, &lines), lines))
        .collect();
    let size = (PANEL.0 * panels.len() as u32, PANEL.1);
    let mut pixels = vec![255; size.0 as usize * size.1 as usize * 3];
    {
        let area = Canvas::new(&mut pixels, size).into_drawing_area();
        let below = area.titled(title, ("sans", 24)).map_err(refused)?;
        let epochs = epoch_range(history);
        for (place, (name, values, lines)) in below.split_evenly((1, panels.len())).iter().zip(panels) {
            panel(place, name, epochs.clone(), values, lines).map_err(refused)?;
        }
        area.present().map_err(refused)?;
    }
    png(&pixels, size)
}

/// Draws the curves into the file `path`, in place of the one that was there.
///
/// # Errors
/// As [`draw_curves`] and [`atomic_write`].
pub fn save_curves(history: &History, title: &str, path: &Path) -> Result<(), FileError> {
    atomic_write(path, &draw_curves(history, title)?)
}

fn series(history: &History, training: impl Fn(&EpochRow) -> Option<f64>, validation: impl Fn(&EpochRow) -> Option<f64>) -> Vec<Series> {
    let points = |value: &dyn Fn(&EpochRow) -> Option<f64>| -> Vec<(f64, f64)> {
        // NaN fails the comparison. Beyond the bound the spans of the axes would overflow.
        let point = |row| value(row).filter(|v| v.abs() <= 1e30).map(|v| (row.epoch as f64, v));
        history.rows.iter().filter_map(point).collect()
    };
    let lines = [("training", TRAINING, points(&training)), ("validation", VALIDATION, points(&validation))];
    lines.into_iter().filter(|(_, _, points)| !points.is_empty()).collect()
}

/// From the first epoch to the last, with half an epoch to either side where that is a single one.
fn epoch_range(history: &History) -> Range<f64> {
    let epochs = history.rows.iter().map(|row| row.epoch as f64);
    let (first, last) = epochs.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), e| (a.min(e), b.max(e)));
    if first < last {
        first..last
    } else if first == last {
        first - 0.5..last + 0.5
    } else {
        0.0..1.0
    }
}

/// A loss is shown from zero, an accuracy up to one; a margin keeps the curves off the frame.
fn value_range(name: &str, lines: &[Series]) -> Range<f64> {
    let values = lines.iter().flat_map(|(_, _, points)| points.iter().map(|p| p.1));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let (low, high) = if name == "accuracy" { (low, high.max(1.0)) } else { (low.min(0.0), high) };
    // Equal values, or all but equal ones, still want an axis.
    let margin = if high - low > 1e-12 * high.abs().max(1e-300) { (high - low) * 0.1 } else { high.abs().max(1e-9) * 0.5 };
    let bottom = if name == "accuracy" {
        (low - margin).max(0.0)
    } else if low < 0.0 {
        low - margin
    } else {
        0.0
    };
    bottom..high + margin
}

fn panel<'b>(place: &DrawingArea<Canvas<'b>, Shift>, name: &str, epochs: Range<f64>, values: Range<f64>, lines: Vec<Series>) -> Result<(), Refused<'b>> {
    let (epoch_step, value_step) = (step(&epochs, 10.0).max(1.0), step(&values, 8.0));
    let label = label_format(&values, value_step);
    let epochs = Axis { labels: multiples(&epochs, epoch_step), range: epochs };
    let values = Axis { labels: multiples(&values, value_step), range: values };
    let mut chart = ChartBuilder::on(place).margin(16).x_label_area_size(52).y_label_area_size(84).build_cartesian_2d(epochs, values)?;
    chart
        .configure_mesh()
        .bold_line_style(RGBColor(225, 225, 225))
        .axis_style(RGBColor(90, 90, 90))
        .label_style(("sans", 16))
        .axis_desc_style(("sans", 16))
        .x_desc("epoch")
        .y_desc(name)
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .y_label_formatter(&label)
        .draw()?;
    for (label, color, points) in lines {
        let dots = if points.len() <= DOTS { points.clone() } else { Vec::new() };
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| Rectangle::new([(x, y - 1), (x + 22, y + 1)], color.filled()));
        chart.draw_series(dots.into_iter().map(|point| Circle::new(point, 3, color.filled())))?;
    }
    let corner = if name == "loss" { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight };
    chart.configure_series_labels().position(corner).background_style(WHITE.mix(0.85)).border_style(RGBColor(190, 190, 190)).label_font(("sans", 16)).draw()
}
