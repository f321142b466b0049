//! What a network is made of, as rows: shapes, parameters, floating-point operations.

use crate::layers::Part;
use serde::Serialize;
use std::fmt::Write as _;
use wgrad_tensor::runtime::human;

/// A layer of a built network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// How many containers it is in.
    pub depth: usize,
    /// Its name within its container: `0`, `body.1`, `stem`.
    pub name: String,
    /// Prefix of its variables' names.
    pub path: String,
    /// Kind and most important settings.
    pub layer: String,
    /// Shape of one sample before it.
    pub input: Vec<usize>,
    /// Shape of one sample behind it.
    pub output: Vec<usize>,
    /// Values that are trained; `None` for a container, whose layers follow.
    pub parameters: Option<usize>,
    /// Floating-point operations a sample: two for each multiplication with its addition, in linear layers and convolutions.
    /// What the others do (biases, norms, activations, pooling) is not counted, as is usual. `None` for a container.
    pub flops: Option<u64>,
}

impl Row {
    pub(crate) fn of(depth: usize, name: String, part: &Part) -> Self {
        let built = &part.built;
        let leaf = built.inside.is_empty();
        Self {
            depth,
            name,
            path: part.path.clone(),
            layer: part.layer.to_string(),
            input: part.input.clone(),
            output: built.output.clone(),
            parameters: leaf.then(|| built.parameters.iter().map(|p| p.ty().shape.numel()).sum()),
            flops: leaf.then(|| flops(part)),
        }
    }
}

/// Two operations for each weight and each place that it is applied at.
fn flops(part: &Part) -> u64 {
    let weight = part.built.parameters.iter().find(|p| p.name().ends_with(".weight"));
    let places = part.layer.places(&part.input, &part.built.output);
    2 * places as u64 * weight.map_or(0, |w| w.ty().shape.numel() as u64)
}

/// The sum over all layers.
pub fn totals(rows: &[Row]) -> (usize, u64) {
    (rows.iter().filter_map(|r| r.parameters).sum(), rows.iter().filter_map(|r| r.flops).sum())
}

/// A table for people; layers inside containers are indented.
pub(crate) fn table(input: &[usize], rows: &[Row]) -> String {
    let shape = |s: &[usize]| format!("[batch{}]", s.iter().map(|n| format!(", {n}")).collect::<String>());
    let cell = |n: Option<u64>| n.map(grouped).unwrap_or_default();
    let mut lines = vec![["layer", "output", "parameters", "FLOPs"].map(str::to_owned), ["input".to_owned(), shape(input), grouped(0), grouped(0)]];
    for row in rows {
        let indent = "  ".repeat(row.depth);
        lines.push([format!("{indent}{} {}", row.name, row.layer), shape(&row.output), cell(row.parameters.map(|n| n as u64)), cell(row.flops)]);
    }
    let width = |k: usize| lines.iter().map(|line| line[k].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = [0, 1, 2, 3].map(width);
    let rule = "─".repeat(a + b + c + d + 6);
    let mut out = String::new();
    for (index, [layer, output, parameters, flops]) in lines.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{layer:<a$}  {output:<b$}  {parameters:>c$}  {flops:>d$}");
        if index == 0 {
            let _ = writeln!(out, "{rule}");
        }
    }
    let (parameters, flops) = totals(rows);
    let _ = write!(out, "{rule}\n{} parameters, {} in f32; {} FLOPs a sample", grouped(parameters as u64), human(4 * parameters as u64), grouped(flops));
    out
}

/// A number with its thousands set apart: 101,770.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
