//! What can be wrong with data that come from outside.

use std::path::PathBuf;

/// An error of data from outside: what is wrong, in which file, where in it, and how to mend it.
///
/// `file` is a path, or the name that the caller gave to bytes in memory; offsets and lengths are bytes
/// of the file after decompression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system could not do what was asked.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// What was being done: "read", "write", "create the folder"…
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A file of no bytes, or one whose header announces no samples.
    #[error("{file}: holds no data ({what}); the file is empty: fetch or copy it again")]
    Empty {
        /// The file.
        file: String,
        /// What was empty.
        what: String,
    },
    /// The first four bytes are not those of an IDX file.
    #[error(
        "{file}: not an IDX file: the bytes at offset 0 are {found:02x?}, an IDX file starts with 00 00 08 and the \
         number of dimensions; check that this is the right file"
    )]
    NotIdx {
        /// The file.
        file: String,
        /// Its first bytes, four at most.
        found: Vec<u8>,
    },
    /// An IDX file of numbers other than unsigned bytes.
    #[error("{file}: the byte at offset 2 says elements of type {code:#04x} ({name}); only unsigned bytes (0x08) are read")]
    ElementType {
        /// The file.
        file: String,
        /// The type's code in the header.
        code: u8,
        /// Its name in the IDX format.
        name: &'static str,
    },
    /// Labels where images are expected, or the other way round.
    #[error(
        "{file}: holds {found} (magic {found_magic:#010x}, {shape:?}) where {expected} (magic {expected_magic:#010x}) are \
         expected; were the image file and the label file exchanged?"
    )]
    Mislabelled {
        /// The file.
        file: String,
        /// What it holds.
        found: &'static str,
        /// The first four bytes as a big-endian number.
        found_magic: u32,
        /// The dimensions in its header.
        shape: Vec<u64>,
        /// What it should hold.
        expected: &'static str,
        /// The first four bytes of such a file.
        expected_magic: u32,
    },
    /// Fewer bytes than the header announces.
    #[error("{file}: breaks off at offset {len}: {needed} bytes are needed for {what}; fetch or copy the file again")]
    Truncated {
        /// The file.
        file: String,
        /// Bytes that are there.
        len: u64,
        /// Bytes that the header asks for.
        needed: u64,
        /// What they are needed for.
        what: String,
    },
    /// More bytes than the header announces.
    #[error(
        "{file}: {extra} past the end of its data at offset {needed} ({what}); the header and the data do not belong \
         together: fetch or copy the file again"
    )]
    Trailing {
        /// The file.
        file: String,
        /// Where the data should end.
        needed: u64,
        /// How much more there is, in words.
        extra: String,
        /// What the header announces.
        what: String,
    },
    /// More bytes than a data file may have.
    #[error("{file}: {what} are {claimed} bytes, more than {limit}; the header is damaged or the file is no data set")]
    TooLarge {
        /// The file.
        file: String,
        /// What would be so large.
        what: String,
        /// Bytes announced, in words ("at least 2^64" where a product does not fit).
        claimed: String,
        /// Why it cannot be, in words.
        limit: String,
    },
    /// A compressed file that breaks off or is damaged.
    #[error("{file}: the gzip data break off or are damaged after {len} bytes of output: {source}; fetch or copy the file again")]
    Gzip {
        /// The file.
        file: String,
        /// Bytes that could be decompressed.
        len: u64,
        /// The decoder's error.
        source: std::io::Error,
    },
    /// A folder or an archive of files that is not as it should be.
    #[error("{place}: {what}")]
    Files {
        /// The folder or the archive.
        place: String,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// No place holds a file that a recipe names.
    #[error("no {file} found; looked in\n{places}\n`--data DIR` or WGRAD_DATA says where it is",
        places = places.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
    NoFile {
        /// The file or folder.
        file: String,
        /// Every place that was looked at.
        places: Vec<String>,
    },
    /// A field of a table that cannot be used.
    #[error("{file}: line {line}, column {column:?}: {what}")]
    Table {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: u64,
        /// The column's name, or its number where columns have no names.
        column: String,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// A picture that cannot be used.
    #[error("{file}: {what}")]
    Picture {
        /// The file, or the entry of an archive.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// A label that is no class.
    #[error("{file}: label {label} at offset {offset} (sample {sample}), but there are {classes} classes, 0 to {last}", last = classes.saturating_sub(1))]
    Label {
        /// The file or set.
        file: String,
        /// The label.
        label: u32,
        /// Where it stands in the file, bytes.
        offset: u64,
        /// Whose label it is.
        sample: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Inputs and targets of different number.
    #[error("{inputs_from} holds {inputs} samples, {targets_from} holds {targets}; they must come from the same set")]
    CountMismatch {
        /// Where the inputs come from.
        inputs_from: String,
        /// Samples there.
        inputs: usize,
        /// Where the targets come from.
        targets_from: String,
        /// Targets there.
        targets: usize,
    },
    /// Values whose number is no multiple of one sample's.
    #[error("{set}: {len} {what} cannot be cut into samples of shape {shape:?}, {each} values each")]
    Shape {
        /// The set.
        set: String,
        /// "inputs" or "targets".
        what: &'static str,
        /// How many values there are.
        len: usize,
        /// Shape of one sample.
        shape: Vec<usize>,
        /// Values of one sample.
        each: usize,
    },
    /// A setting that makes no sense for this set.
    #[error("{set}: {what}")]
    Setting {
        /// The set.
        set: String,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// No place holds the data.
    #[error("no {what} found; looked for {files} in\n{places}\n`wgrad data fetch {set}` downloads it, `--data DIR` or WGRAD_DATA says where it is",
        files = files.join(", "), places = places.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
    NotFound {
        /// What was looked for.
        what: String,
        /// Its name for `wgrad data fetch`.
        set: String,
        /// The files that make it up.
        files: Vec<String>,
        /// Every place that was looked at.
        places: Vec<String>,
    },
    /// A download failed.
    #[error("{url}: {what}")]
    Fetch {
        /// What was being downloaded.
        url: String,
        /// What happened and what to do.
        what: String,
    },
    /// A download is not the file that it should be.
    #[error(
        "{url}: the SHA-256 of the decompressed data is {found}, not {expected}; the file was not kept: try again, or \
         choose another mirror"
    )]
    Hash {
        /// What was downloaded.
        url: String,
        /// Its digest, hexadecimal.
        found: String,
        /// The digest that it should have.
        expected: String,
    },
}

/// Length of at least one in words, for messages.
pub(crate) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}
