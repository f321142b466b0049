//! `wgrad op`: one op from the outside, on tensors from files.

use super::{say, say_json};
use crate::args::Global;
use crate::single_op::{Job, Place, run as run_job};
use crate::{Ending, Failure, explain};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use wgrad_tensor::kernels::op::catalogue;

/// Arguments of `wgrad op`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The input file holds the operands as tensors named 0, 1, …; the output file gets the results by the same names.
Where the input file also holds grad.0 (the gradient of a loss with respect to output 0; grad.1 … for further outputs), the
output file also gets grad.N, the gradient with respect to input N, for every float input.
Types: F32, F16, I32, U32, BOOL; I64 is taken where it fits 32 bits. Attributes are ONNX's where ONNX has the op.

Examples:
  wgrad op softmax --attrs '{\"axis\": -1}' --in x.safetensors --out y.safetensors
  wgrad op --list
  wgrad op --batch cases.jsonl --device cpu    # lines of {\"op\": …, \"attrs\": {…}, \"in\": …, \"out\": …}")]
pub(crate) struct Args {
    /// The op's name.
    #[arg(required_unless_present_any = ["list", "batch"])]
    name: Option<String>,
    /// Its attributes as a JSON object; those left out have their defaults.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    attrs: String,
    /// A safetensors file with the operands; not needed for an op without any.
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where the results are written.
    #[arg(long = "out", value_name = "FILE", required_unless_present_any = ["list", "batch"])]
    output: Option<PathBuf>,
    /// Forces a variant of the kernel; one that cannot run is an error.
    #[arg(long)]
    variant: Option<String>,
    /// Lists every op with its attributes and their defaults.
    #[arg(long, conflicts_with_all = ["name", "batch"])]
    list: bool,
    /// Runs the jobs of a file, one JSON object a line (`-`: standard input), and writes a line of JSON for each.
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    batch: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// A line of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    op: String,
    #[serde(default)]
    attrs: Value,
    #[serde(rename = "in")]
    input: Option<PathBuf>,
    #[serde(rename = "out")]
    output: PathBuf,
    variant: Option<String>,
    /// Given back with the result.
    id: Option<Value>,
}

/// Runs an op, lists them all, or runs a batch.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    if args.list {
        return list(args.json);
    }
    let place = || match global.device.as_deref() {
        Some("cpu") => Ok(Place::Reference),
        _ => global.open().map(Place::Device),
    };
    if let Some(file) = &args.batch {
        return batch(file, &place()?);
    }
    let attrs = serde_json::from_str(&args.attrs).map_err(|e| format!("--attrs {}: {e}", args.attrs))?;
    // invariant: clap asks for name and output where there is neither --list nor --batch.
    let (name, output) = (args.name.clone().unwrap_or_default(), args.output.clone().unwrap_or_default());
    let job = Job { op: name, attrs, input: args.input.clone(), output, variant: args.variant.clone() };
    // Mistakes in the job are told before a device is opened.
    job.parse()?;
    let written = run_job(&job, &place()?)?;
    if args.json {
        say_json(&json!({ "op": job.op, "out": job.output, "tensors": as_json(&written) }))?;
    } else {
        written.iter().for_each(|(name, ty)| say(format!("{name}: {ty}")));
    }
    Ok(Ending::Good)
}

fn as_json(written: &[(String, wgrad_tensor::TensorType)]) -> Value {
    written.iter().map(|(name, ty)| (name.clone(), json!({ "dtype": ty.dtype, "shape": ty.shape }))).collect::<serde_json::Map<_, _>>().into()
}

fn list(as_json: bool) -> Result<Ending, Failure> {
    let all = catalogue();
    if as_json {
        let rows: Vec<Value> = all.iter().map(|e| json!({ "name": e.name, "about": e.about, "attributes": e.attributes.defaults })).collect();
        say_json(&rows)?;
        return Ok(Ending::Good);
    }
    let width = all.iter().map(|e| e.name.len()).max().unwrap_or(0);
    for entry in &all {
        let attributes = if entry.attributes.defaults.as_object().is_some_and(|o| !o.is_empty()) {
            format!("\n{:width$}  {}", "", entry.attributes.defaults)
        } else {
            String::new()
        };
        say(format!("{:<width$}  {}{attributes}", entry.name, entry.about));
    }
    Ok(Ending::Good)
}

fn batch(file: &std::path::Path, place: &Place) -> Result<Ending, Failure> {
    let reader: Box<dyn BufRead> = if file == std::path::Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(std::fs::File::open(file).map_err(|e| format!("{}: {e}", file.display()))?))
    };
    let mut refused = 0;
    for (n, text) in reader.lines().enumerate() {
        let text = text.map_err(|e| format!("{}: line {}: {e}", file.display(), n + 1))?;
        if text.trim().is_empty() {
            continue;
        }
        let (id, result) = line(&text, place);
        let mut row = json!({ "line": n + 1, "ok": result.is_ok() });
        if let Some(id) = id {
            row["id"] = id;
        }
        match result {
            Ok(value) => row["tensors"] = value,
            Err(error) => {
                refused += 1;
                row["error"] = error.into();
            }
        }
        say(row.to_string());
    }
    if refused > 0 {
        eprintln!("error: {refused} jobs of {} were refused", file.display());
        return Ok(Ending::Refused);
    }
    Ok(Ending::Good)
}

/// Runs one line: its id, and what was written or what is wrong.
fn line(text: &str, place: &Place) -> (Option<Value>, Result<Value, String>) {
    let Line { op, attrs, input, output, variant, id } = match serde_json::from_str(text) {
        Ok(line) => line,
        Err(error) => return (None, Err(format!("not a job: {error}"))),
    };
    let job = Job { op, attrs, input, output, variant };
    // One job's defect must not take the others with it.
    let result = match catch_unwind(AssertUnwindSafe(|| run_job(&job, place))) {
        Ok(Ok(written)) => Ok(as_json(&written)),
        Ok(Err(error)) => Err(explain(error.as_ref())),
        Err(_) => Err("the program has a defect here: it panicked (see standard error)".to_owned()),
    };
    (id, result)
}
