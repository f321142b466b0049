//! ROC curves as a picture: the share of positives found over the share of negatives taken for positive.

use super::axis::{Axis, multiples};
use super::canvas::{Canvas, Refused, png, refused};
use crate::files::FileError;
use crate::metrics::{Predictions, roc_auc, roc_curve};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width and height, pixels.
const SIZE: (u32, u32) = (640, 640);

/// The most curves that have a colour and a name of their own.
const NAMED: usize = 10;

/// Ten colours that are told apart.
const COLORS: [RGBColor; NAMED] = [
    RGBColor(31, 119, 180),
    RGBColor(230, 110, 0),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(110, 110, 110),
    RGBColor(170, 170, 20),
    RGBColor(23, 190, 207),
];

/// A curve: what it is called, and its points.
type Curve = (String, Vec<(f64, f64)>);

/// Draws the ROC curves as a PNG under `title`: of the second class where there are two, else of each class against all others.
/// `None` where no class has one.
///
/// # Errors
/// [`FileError::Draw`] where a library refuses.
pub fn draw_roc(predictions: &Predictions, title: &str) -> Result<Option<Vec<u8>>, FileError> {
    let names = predictions.classes();
    let wanted = if names.len() == 2 { 1..2 } else { 0..names.len() };
    let curves: Vec<Curve> = wanted.filter_map(|k| curve(predictions, k)).collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let mut pixels = vec![255; SIZE.0 as usize * SIZE.1 as usize * 3];
    {
        let area = Canvas::new(&mut pixels, SIZE).into_drawing_area();
        let below = area.titled(title, ("sans", 24)).map_err(refused)?;
        draw(&below, curves).map_err(refused)?;
        area.present().map_err(refused)?;
    }
    Ok(Some(png(&pixels, SIZE)?))
}

fn curve(predictions: &Predictions, class: usize) -> Option<Curve> {
    let scores: Vec<f64> = predictions.rows().map(|row| row[class]).collect();
    let positive: Vec<bool> = predictions.truth().iter().map(|&t| t == class).collect();
    let area = roc_auc(&scores, &positive)?;
    let points = roc_curve(&scores, &positive)?.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
    Some((format!("{} (AUC {area:.4})", super::confusion::shortened(&predictions.classes()[class])), points))
}

fn draw<'b>(place: &DrawingArea<Canvas<'b>, Shift>, curves: Vec<Curve>) -> Result<(), Refused<'b>> {
    let axis = || Axis { range: -0.02..1.02, labels: multiples(&(0.0..1.0), 0.2) };
    let mut chart = ChartBuilder::on(place).margin(16).x_label_area_size(52).y_label_area_size(70).build_cartesian_2d(axis(), axis())?;
    chart
        .configure_mesh()
        .bold_line_style(RGBColor(225, 225, 225))
        .axis_style(RGBColor(90, 90, 90))
        .label_style(("sans", 16))
        .axis_desc_style(("sans", 16))
        .x_desc("false positive rate")
        .y_desc("true positive rate")
        .x_label_formatter(&|v| format!("{v:.1}"))
        .y_label_formatter(&|v| format!("{v:.1}"))
        .draw()?;
    // Chance.
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], RGBColor(170, 170, 170).stroke_width(1)))?;
    let many = curves.len() > NAMED;
    for (n, (label, points)) in curves.into_iter().enumerate() {
        let color = if many { COLORS[0].mix(0.35) } else { COLORS[n].to_rgba() };
        let drawn = chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        if !many {
            drawn.label(label).legend(move |(x, y)| Rectangle::new([(x, y - 1), (x + 22, y + 1)], color.filled()));
        }
    }
    if many {
        return Ok(());
    }
    let labels = &mut chart.configure_series_labels();
    labels.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.85)).border_style(RGBColor(190, 190, 190)).label_font(("sans", 16)).draw()
}
