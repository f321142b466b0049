//! `wgrad predict`

use super::{say, say_json};
use crate::args::Global;
use crate::images::{self, Picture};
use crate::run_folder::{Trained, Which};
use crate::{Ending, Failure};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use wgrad_nn::explain::Explanation;
use wgrad_nn::files::{Input, atomic_write};
use wgrad_nn::report::{draw_heat, draw_saliency};
use wgrad_nn::{Loss, Predictor, Trainer};

/// Classes that are printed for each image.
const PRINTED: usize = 5;

/// Images that are asked about at once.
const BATCH: usize = 64;

/// Arguments of `wgrad predict`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Images become grey where the network was trained on grey ones, and are resized to what it takes. \
Networks trained on MNIST or on the digits of `quickstart` expect white strokes on black: --invert turns ink on paper into that. An image that \
cannot be read is named, the others go on, and the exit code is 2.

--explain writes two pictures for each image. NAME-gradcam.png shows where the network looked for the class that it says (Grad-CAM, over \
the feature maps of its last convolution), NAME-saliency.png which pixels change its score (the gradient of the score).

Examples:
  wgrad predict runs/mnist-mlp-1 scan.png --invert
  wgrad predict runs/mnist-mlp-1 t10k-images-idx3-ubyte.gz --index 0..10
  wgrad predict runs/cats-dogs-1 *.jpg --explain --out looks
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
    /// Writes pictures that show where the network looked and which pixels matter.
    #[arg(long, conflicts_with = "values")]
    explain: bool,
    /// The folder for those pictures, instead of that of each image.
    #[arg(long, value_name = "DIR", requires = "explain")]
    out: Option<PathBuf>,
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
    let given = if args.values.is_empty() { None } else { Some(numbers(args, &trained.input)?) };
    let device = global.open()?;
    let trainer = trained.trainer(&device)?;
    let mut asked = Asked::new(args, &trained.input, &trainer);
    if let Some(x) = given {
        let answers = asked.answers(&x)?;
        for (name, row) in args.values.iter().zip(answers) {
            let place = asked.keep_place();
            asked.tell(place, name, &row);
        }
    } else {
        let mut waiting = Vec::new();
        for path in &args.images {
            match images::read(path, &trained.input, args.index.clone(), args.invert) {
                Ok(pictures) => waiting.extend(pictures.into_iter().map(|picture| (asked.keep_place(), picture))),
                Err(error) => asked.refuse(path, error),
            }
            while waiting.len() >= BATCH {
                asked.pictures(waiting.drain(..BATCH).collect())?;
            }
        }
        asked.pictures(waiting)?;
    }
    if args.json {
        say_json(&json!({ "run": args.run, "epoch": trained.checkpoint.state.epoch, "predictions": asked.rows }))?;
    }
    Ok(if asked.refused > 0 { Ending::Refused } else { Ending::Good })
}

/// What was asked and answered so far.
struct Asked<'a> {
    args: &'a Args,
    input: &'a Input,
    predictor: Predictor,
    /// Whether one value is the probability of the second of two classes.
    binary: bool,
    /// Values a sample.
    each: usize,
    rows: Vec<Value>,
    refused: usize,
    /// Files that were written.
    taken: HashSet<PathBuf>,
}

impl<'a> Asked<'a> {
    fn new(args: &'a Args, input: &'a Input, trainer: &Trainer) -> Self {
        let each = trainer.model().output_shape().iter().product::<usize>().max(1);
        let binary = each == 1 && trainer.loss() == Loss::BceWithLogits && input.classes.len() == 2;
        Self { args, input, predictor: trainer.predictor(), binary, each, rows: Vec::new(), refused: 0, taken: HashSet::new() }
    }

    /// Names an image that cannot be read; the others go on.
    fn refuse(&mut self, path: &Path, error: Failure) {
        self.refused += 1;
        let text = crate::explain(error.as_ref());
        eprintln!("error: {text}");
        self.rows.push(json!({ "sample": path, "error": text }));
    }

    /// Asks about pictures and tells the answers.
    fn pictures(&mut self, pictures: Vec<(usize, Picture)>) -> Result<(), Failure> {
        let (places, pictures): (Vec<usize>, Vec<Picture>) = pictures.into_iter().unzip();
        if pictures.is_empty() {
            return Ok(());
        }
        let x = images::values(&pictures, self.input);
        let answers = self.answers(&x)?;
        let explained = if self.args.explain { pollster::block_on(self.predictor.explain(&x))? } else { Vec::new() };
        for (n, (picture, row)) in pictures.iter().zip(answers).enumerate() {
            self.tell(places[n], &picture.name, &row);
            if let Some(explanation) = explained.get(n) {
                self.draw(places[n], picture, explanation)?;
            }
        }
        Ok(())
    }

    /// What the network says about samples.
    fn answers(&self, x: &[f32]) -> Result<Vec<Vec<f32>>, Failure> {
        let out = pollster::block_on(self.predictor.predict(x))?;
        let row = |row: &[f32]| if self.binary { vec![1.0 - row[0], row[0]] } else { row.to_vec() };
        Ok(out.chunks_exact(self.each).map(row).collect())
    }

    /// Keeps the place of an answer, so that all come in the order of the questions.
    fn keep_place(&mut self) -> usize {
        self.rows.push(Value::Null);
        self.rows.len() - 1
    }

    fn tell(&mut self, place: usize, name: &str, row: &[f32]) {
        if !self.args.json {
            say(format!("{name}: {}", as_text(row, &self.input.classes)));
        }
        self.rows[place] = as_json(name, row, &self.input.classes);
    }

    /// Draws why the network says what was told.
    fn draw(&mut self, place: usize, picture: &Picture, explanation: &Explanation) -> Result<(), Failure> {
        let view = picture.view(self.input, self.args.invert)?;
        let cam = explanation.cam.as_ref().map(|cam| draw_heat(&view, cam)).transpose()?;
        let saliency = draw_saliency(&explanation.saliency, [view.shape[1], view.shape[2]])?;
        for (what, png) in cam.map(|png| ("gradcam", png)).into_iter().chain([("saliency", saliency)]) {
            let path = picture.beside(what, self.args.out.as_deref(), &mut self.taken);
            atomic_write(&path, &png)?;
            if !self.args.json {
                say(format!("  {what:<8}  {}", path.display()));
            }
            self.rows[place][what] = json!(path);
        }
        Ok(())
    }
}

/// The numbers of the samples given on the command line, as the network takes them.
fn numbers(args: &Args, input: &Input) -> Result<Vec<f32>, Failure> {
    let each: usize = input.shape.iter().product();
    let mut values: Vec<f32> = Vec::new();
    for text in &args.values {
        let row = text.split(',').map(|v| v.trim().parse::<f32>().map_err(|e| format!("--values {text}: {v:?}: {e}"))).collect::<Result<Vec<f32>, _>>()?;
        if row.len() != each {
            return Err(format!("--values {text}: {} numbers, the network takes {each} of shape {:?}", row.len(), input.shape).into());
        }
        values.extend(row);
    }
    Ok(input.normalized(values))
}

/// Indices of the values, largest first.
fn order(row: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
    order
}

fn as_json(name: &str, row: &[f32], classes: &[String]) -> Value {
    if classes.len() != row.len() {
        return json!({ "sample": name, "values": row });
    }
    let order = order(row);
    let best = order.first().map_or("", |&k| classes[k].as_str());
    let top: Vec<Value> = order.iter().take(PRINTED).map(|&k| json!({ "class": classes[k], "probability": row[k] })).collect();
    let all: serde_json::Map<_, _> = classes.iter().zip(row).map(|(class, p)| (class.clone(), json!(p))).collect();
    json!({ "sample": name, "class": best, "top": top, "probabilities": all })
}

fn as_text(row: &[f32], classes: &[String]) -> String {
    if classes.len() != row.len() {
        return row.iter().map(f32::to_string).collect::<Vec<_>>().join(", ");
    }
    let one = |&k: &usize| format!("{} ({:.1} %)", classes[k], 100.0 * row[k]);
    order(row).iter().take(PRINTED).map(one).collect::<Vec<_>>().join(", ")
}
