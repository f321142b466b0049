//! Tables as CSV (RFC 4180): a sample a line, numbers in all columns but the target's, fields in quotes or not.

use super::dataset::{Dataset, Inputs, Normalize, Targets};
use super::error::DataError;
use crate::recipe::{Column, Goal, Table};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// The most columns of a table.
const MAX_COLUMNS: usize = 100_000;

/// A table as read: its inputs, and the text of its target column.
struct Rows {
    file: String,
    /// Names of the input columns.
    columns: Vec<String>,
    inputs: Vec<f32>,
    /// The target of each sample with its line.
    targets: Vec<(String, u64)>,
    target: String,
}

/// Reads the table that trains, and the one that tests, if there is one. Where columns are brought to mean 0 and deviation 1, the numbers
/// are those of the first table; classes are the names in the first table, sorted.
///
/// # Errors
/// [`DataError::Table`] with file, line and column; what is wrong with the settings otherwise.
pub fn read(train: &Path, test: Option<&Path>, table: &Table) -> Result<(Dataset, Option<Dataset>), DataError> {
    let train = rows(train, table)?;
    let test = test.map(|path| rows(path, table)).transpose()?;
    if let Some(test) = test.as_ref().filter(|test| test.columns != train.columns) {
        let named = |rows: &Rows| rows.columns.join(", ");
        let what = format!("its columns are {}, and those of {} are {}", named(test), train.file, named(&train));
        return Err(DataError::Files { place: test.file.clone(), what });
    }
    let classes: Vec<String> = match table.targets {
        Goal::Classes => train.targets.iter().map(|(text, _)| text.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        Goal::Values => Vec::new(),
    };
    if table.targets == Goal::Classes && classes.len() < 2 {
        let what = format!("the column {:?} holds one class only; a classifier needs two or more", train.target);
        return Err(DataError::Files { place: train.file, what });
    }
    let normalize = table.standardize.then(|| standard(&train.inputs, train.columns.len()));
    let set = |rows: Rows| -> Result<Dataset, DataError> {
        let targets = targets(&rows, table.targets, &classes)?;
        let set = Dataset::new(rows.file, Inputs::F32(rows.inputs.into()), &[rows.columns.len()], targets, classes.clone())?;
        match &normalize {
            Some(normalize) => set.normalized(normalize.clone()),
            None => Ok(set),
        }
    };
    Ok((set(train)?, test.map(set).transpose()?))
}

/// Mean and deviation of each column; a column of one value is only shifted.
fn standard(inputs: &[f32], columns: usize) -> Normalize {
    let n = (inputs.len() / columns).max(1) as f64;
    let mean = |c: usize| inputs.iter().skip(c).step_by(columns).map(|&v| f64::from(v)).sum::<f64>() / n;
    let std = |c: usize, mean: f64| (inputs.iter().skip(c).step_by(columns).map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
    let both = (0..columns).map(|c| {
        let mean = mean(c);
        let std = std(c, mean) as f32;
        (mean as f32, if std > 0.0 && std.is_finite() { std } else { 1.0 })
    });
    let (mean, std) = both.unzip();
    Normalize { mean, std }
}

fn targets(rows: &Rows, goal: Goal, classes: &[String]) -> Result<Targets, DataError> {
    let wrong = |line: u64, what: String| DataError::Table { file: rows.file.clone(), line, column: rows.target.clone(), what };
    match goal {
        Goal::Classes => {
            let label = |(text, line): &(String, u64)| {
                let found = classes.iter().position(|class| class == text);
                found.map(|n| n as u32).ok_or_else(|| wrong(*line, format!("the class {text:?} is none of the training set's ({})", classes.join(", "))))
            };
            Ok(Targets::Classes(rows.targets.iter().map(label).collect::<Result<_, _>>()?))
        }
        Goal::Values => {
            let value = |(text, line): &(String, u64)| number(text).map_err(|what| wrong(*line, what));
            Ok(Targets::Values { data: rows.targets.iter().map(value).collect::<Result<_, _>>()?, shape: vec![1] })
        }
    }
}

/// A finite number, or what is wrong.
fn number(text: &str) -> Result<f32, String> {
    match text.trim() {
        "" => Err("the field is empty; fill it in, or leave the line or the column (ignore) out".to_owned()),
        text => match text.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(format!("{text:?} is no number; mend it, or leave the column out (ignore)")),
        },
    }
}

fn rows(path: &Path, table: &Table) -> Result<Rows, DataError> {
    let file = path.display().to_string();
    let failed = |source| DataError::Io { action: "read", path: path.to_owned(), source };
    let reader = std::fs::File::open(path).map_err(failed)?.take(super::idx::MAX_BYTES + 1);
    if std::fs::metadata(path).map_err(failed)?.len() > super::idx::MAX_BYTES {
        return Err(DataError::Files { place: file, what: format!("more than the {} bytes that a table may have", super::idx::MAX_BYTES) });
    }
    parse(file, reader, table)
}

/// The rows of a table from its bytes.
fn parse(file: String, reader: impl Read, table: &Table) -> Result<Rows, DataError> {
    let &[separator] = table.separator.as_bytes() else {
        return Err(DataError::Setting { set: file, what: format!("separator = {:?}; it must be one character, such as \",\" or \";\"", table.separator) });
    };
    // Ragged rows are told below, with their line.
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(reader);
    let mut rows = Rows { file, columns: Vec::new(), inputs: Vec::new(), targets: Vec::new(), target: String::new() };
    let (mut names, mut target, mut inputs): (Vec<String>, usize, Vec<usize>) = (Vec::new(), 0, Vec::new());
    let mut record = csv::ByteRecord::new();
    loop {
        let more = reader.read_byte_record(&mut record).map_err(|e| DataError::Files { place: rows.file.clone(), what: e.to_string() })?;
        let line = record.position().map_or(0, csv::Position::line);
        if !more {
            break;
        }
        let first = names.is_empty();
        if first {
            if record.len() > MAX_COLUMNS {
                return Err(DataError::Files { place: rows.file, what: format!("{} columns; a table may have {MAX_COLUMNS}", record.len()) });
            }
            let heading = |(n, field): (usize, &[u8])| if table.header { String::from_utf8_lossy(field).trim().to_owned() } else { n.to_string() };
            names = record.iter().enumerate().map(heading).collect();
            (target, inputs) = choose(&rows.file, &names, table)?;
            rows.target.clone_from(&names[target]);
            rows.columns = inputs.iter().map(|&n| names[n].clone()).collect();
        }
        if first && table.header {
            continue;
        }
        let wrong =
            |n: usize, what: String| DataError::Table { file: rows.file.clone(), line, column: names.get(n).cloned().unwrap_or_else(|| n.to_string()), what };
        if record.len() != names.len() {
            let what = format!("the line has {} fields, and there are {} columns; is a separator missing, or text without quotes?", record.len(), names.len());
            return Err(wrong(record.len().min(names.len()), what));
        }
        for &n in &inputs {
            let value = std::str::from_utf8(&record[n]).map_err(|_| "no UTF-8 text".to_owned()).and_then(number);
            let value = value.map_err(|what| wrong(n, what))?;
            rows.inputs.push(value);
        }
        let text = std::str::from_utf8(&record[target]).map_err(|_| wrong(target, "no UTF-8 text".to_owned()))?.trim();
        if text.is_empty() {
            return Err(wrong(target, "the target is empty; fill it in, or leave the line out".to_owned()));
        }
        rows.targets.push((text.to_owned(), line));
    }
    if rows.targets.is_empty() {
        return Err(DataError::Empty { file: rows.file, what: "no line of numbers".to_owned() });
    }
    Ok(rows)
}

/// The number of the target column and those of the inputs.
fn choose(file: &str, names: &[String], table: &Table) -> Result<(usize, Vec<usize>), DataError> {
    let wrong = |what: String| DataError::Files { place: file.to_owned(), what };
    let absent = |name: &str| wrong(format!("there is no column {name:?}; there are {}", names.join(", ")));
    let target = match &table.target {
        None => names.len() - 1,
        Some(Column::Name(name)) => names.iter().position(|n| n == name).ok_or_else(|| absent(name))?,
        Some(Column::Number(n)) if *n < names.len() => *n,
        Some(Column::Number(n)) => return Err(wrong(format!("there is no column {n}; there are {}, the first one is 0", names.len()))),
    };
    if let Some(name) = table.ignore.iter().find(|name| !names.contains(name)) {
        return Err(absent(name));
    }
    let inputs: Vec<usize> = (0..names.len()).filter(|&n| n != target && !table.ignore.contains(&names[n])).collect();
    if inputs.is_empty() {
        return Err(wrong(format!("no column is left for the inputs beside the target {:?}; is the separator {:?} right?", names[target], table.separator)));
    }
    Ok((target, inputs))
}
