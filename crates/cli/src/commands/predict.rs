//! `wgrad predict`

use super::{say, say_json};
use crate::args::Global;
use crate::images::{self, Picture};
use crate::run_folder::{Trained, Which};
use crate::{Ending, Failure};
use serde_json::json;
use std::ops::Range;
use std::path::PathBuf;
use wgrad_nn::files::Input;

/// Classes that are printed for each image.
const PRINTED: usize = 3;

/// Arguments of `wgrad predict`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Images become grey where the network was trained on grey ones, and are resized to what it takes. \
Networks trained on MNIST or on the digits of `quickstart` expect white strokes on black: --invert turns ink on paper into that.

Examples:
  wgrad predict runs/mnist-mlp-1 scan.png --invert
  wgrad predict runs/mnist-mlp-1 t10k-images-idx3-ubyte.gz --index 0..10
  wgrad predict runs/linear-1 --values 6")]
pub(crate) struct Args {
    /// The run's folder, or a checkpoint by itself.
    run: PathBuf,
    /// JPEG, PNG, WebP, BMP or GIF files, or IDX files of images (plain or gzip).
    #[arg(required_unless_present = "values")]
    images: Vec<PathBuf>,
    /// Which images of an IDX file: a number from 0, or a range `0..10` that leaves its end out.
    #[arg(long, value_name = "N|A..B", value_parser = range)]
    index: Option<Range<usize>>,
    /// Turns black into white before anything else.
    #[arg(long)]
    invert: bool,
    /// A sample as numbers with commas between them; may be given again.
    #[arg(long, value_name = "X,X,…", conflicts_with = "images", allow_hyphen_values = true)]
    values: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<Range<usize>, String> {
    let number = |text: &str| text.trim().parse::<usize>().map_err(|e| format!("{text:?}: {e}"));
    match text.split_once("..") {
        Some((from, to)) => match (number(from)?, number(to)?) {
            (from, to) if from < to => Ok(from..to),
            _ => Err("the range is empty; its end is not part of it".to_owned()),
        },
        None => {
            let n = number(text)?;
            Ok(n..n.checked_add(1).ok_or("too large a number")?)
        }
    }
}

/// Says what a trained network sees.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let trained = Trained::open(&args.run, args.which.kind())?;
    let (input, checkpoint) = (&trained.input, &trained.checkpoint);
    let (names, x) = samples(args, input)?;
    let device = global.open()?;
    let trainer = trained.trainer(&device)?;
    let out = trainer.predict_blocking(&x)?;
    let each = trainer.model().output_shape().iter().product::<usize>().max(1);
    let rows = names.iter().zip(out.chunks_exact(each));
    if args.json {
        let rows: Vec<_> = rows.map(|(name, row)| as_json(name, row, &input.classes)).collect();
        return say_json(&json!({ "run": args.run, "epoch": checkpoint.state.epoch, "predictions": rows })).map(|()| Ending::Good);
    }
    for (name, row) in rows {
        say(format!("{name}: {}", as_text(row, &input.classes)));
    }
    Ok(Ending::Good)
}

/// Names and values of the samples asked for.
fn samples(args: &Args, input: &Input) -> Result<(Vec<String>, Vec<f32>), Failure> {
    if args.values.is_empty() {
        let mut pictures: Vec<Picture> = Vec::new();
        for path in &args.images {
            pictures.extend(images::read(path, input, args.index.clone(), args.invert)?);
        }
        let x = images::values(&pictures, input);
        return Ok((pictures.into_iter().map(|p| p.name).collect(), x));
    }
    let each: usize = input.shape.iter().product();
    let mut values: Vec<f32> = Vec::new();
    for text in &args.values {
        let row = text.split(',').map(|v| v.trim().parse::<f32>().map_err(|e| format!("--values {text}: {v:?}: {e}"))).collect::<Result<Vec<f32>, _>>()?;
        if row.len() != each {
            return Err(format!("--values {text}: {} numbers, the network takes {each} of shape {:?}", row.len(), input.shape).into());
        }
        values.extend(row);
    }
    Ok((args.values.clone(), input.normalized(values)))
}

/// Indices of the values, largest first.
fn order(row: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
    order
}

fn as_json(name: &str, row: &[f32], classes: &[String]) -> serde_json::Value {
    if classes.len() != row.len() {
        return json!({ "sample": name, "values": row });
    }
    let best = order(row).first().map_or("", |&k| classes[k].as_str());
    let all: serde_json::Map<_, _> = classes.iter().zip(row).map(|(class, p)| (class.clone(), json!(p))).collect();
    json!({ "sample": name, "class": best, "probabilities": all })
}

fn as_text(row: &[f32], classes: &[String]) -> String {
    if classes.len() != row.len() {
        return row.iter().map(f32::to_string).collect::<Vec<_>>().join(", ");
    }
    let one = |&k: &usize| format!("{} ({:.1} %)", classes[k], 100.0 * row[k]);
    order(row).iter().take(PRINTED).map(one).collect::<Vec<_>>().join(", ")
}
