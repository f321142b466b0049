//! The WGSL files, compiled in, and the library of shared functions.
//!
//! WGSL's module scope is independent of order, so linking is concatenation: a library function is appended
//! where a program calls a function that it does not define itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

#[cfg(not(target_arch = "wasm32"))]
macro_rules! files {
    ($($stem:literal),* $(,)?) => { &[$(($stem, include_str!(concat!("../../../shaders/", $stem, ".wgsl")))),*] };
}

/// For browsers without the comments, which are a third of the text.
#[cfg(target_arch = "wasm32")]
macro_rules! files {
    ($($stem:literal),* $(,)?) => { &[$(($stem, {
        const TEXT: &str = include_str!(concat!("../../../shaders/", $stem, ".wgsl"));
        const BYTES: [u8; bare(TEXT, &mut [])] = {
            let mut bytes = [0; bare(TEXT, &mut [])];
            bare(TEXT, &mut bytes);
            bytes
        };
        match std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => TEXT,
        }
    })),*] };
}

/// Writes WGSL without comments and empty lines, indented by one blank at most, as far as there is room. Returns the length of all.
#[cfg(any(target_arch = "wasm32", test))]
const fn bare(text: &str, out: &mut [u8]) -> usize {
    let text = text.as_bytes();
    let (mut at, mut length) = (0, 0);
    while at < text.len() {
        let start = at;
        while at < text.len() && text[at] == b' ' {
            at += 1;
        }
        let mut from = if at > start { at - 1 } else { at };
        let mut end = at;
        // To the end of the line; `end` is behind the last character that is neither blank nor comment.
        let mut comment = false;
        while at < text.len() && text[at] != b'\n' {
            comment = comment || text[at] == b'/' && at + 1 < text.len() && text[at + 1] == b'/';
            if !comment && text[at] != b' ' {
                end = at + 1;
            }
            at += 1;
        }
        at += 1;
        if end <= from {
            continue;
        }
        while from < end {
            if length < out.len() {
                out[length] = text[from];
            }
            from += 1;
            length += 1;
        }
        if length < out.len() {
            out[length] = b'\n';
        }
        length += 1;
    }
    length
}

/// Kernels: files with an entry point `main`.
pub static KERNELS: &[(&str, &str)] = files![
    "map",
    "matmul_naive",
    "matmul_rows",
    "matmul_subgroup",
    "matmul_tiled",
    "matmul_splitk_reduce",
    "conv_pack",
    "conv_few",
    "conv_few_tall",
    "conv_taps",
    "reduce",
    "reduce_workgroup",
    "arg_reduce",
    "arg_reduce_workgroup",
    "top_k",
    "softmax",
    "softmax_subgroup",
    "softmax_workgroup",
    "softmax_backward",
    "softmax_backward_subgroup",
    "softmax_backward_workgroup",
    "cross_entropy",
    "cross_entropy_single",
    "cross_entropy_workgroup",
    "cross_entropy_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "pool_block",
    "pool_block_backward",
    "norm",
    "norm_subgroup",
    "norm_workgroup",
    "norm_backward",
    "norm_backward_subgroup",
    "norm_backward_workgroup",
    "norm_channels",
    "norm_channels_workgroup",
    "norm_join",
    "norm_apply",
    "resample",
    "pad",
    "pad_backward",
    "concat",
    "gather",
    "scatter_add_naive",
    "scatter_add_prepare",
    "scatter_add_link",
    "scatter_add_linked",
    "random_uniform",
    "random_normal",
    "dropout",
    "sgd",
    "adam",
    "rmsprop",
    "lion"
];

/// Libraries: files of functions only.
pub static LIBRARIES: &[(&str, &str)] = files![
    "unary",
    "parametric",
    "binary",
    "cast",
    "cross_entropy_row",
    "lib/a_step",
    "lib/store_lane",
    "lib/hand_round",
    "lib/index",
    "lib/threefry",
    "lib/under_taps"
];

/// Parts: files with bindings and types of their own, which a program names and which are linked whole. `load_a_scalar`
/// and `load_a_vec4` define the same functions: a program takes one of them.
pub static PARTS: &[(&str, &str)] = files![
    "lib/norm_moments",
    "lib/norm_sums",
    "lib/matmul_access",
    "lib/matmul_block_a",
    "lib/matmul_block_b",
    "lib/matmul_columns",
    "lib/conv_access",
    "lib/conv_blocks",
    "lib/conv_columns",
    "lib/conv_weight_taps",
    "lib/lane_of_two",
    "lib/lane_of_three",
    "lib/conv_weight_columns",
    "lib/conv_input_scalar",
    "lib/conv_input_vec4",
    "lib/a_step_images",
    "lib/image_rows",
    "lib/store_images_scalar",
    "lib/store_images_vec4",
    "lib/load_a_scalar",
    "lib/load_a_uniform",
    "lib/load_a_vec4",
    "lib/load_b_scalar",
    "lib/load_b_vec4",
    "lib/store_scalar",
    "lib/store_vec4"
];

/// The text of a part; empty for an unknown name, which a test over every case would notice.
pub fn part(name: &str) -> &'static str {
    PARTS.iter().find(|(s, _)| *s == name).map_or("", |(_, text)| text)
}

/// Every library function by name, cut out of its file.
static FUNCTIONS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| LIBRARIES.iter().flat_map(|(_, text)| functions(text)).collect());

/// The text of a kernel file; empty for an unknown stem, which a test over every case would notice.
pub fn kernel(stem: &str) -> &'static str {
    KERNELS.iter().find(|(s, _)| *s == stem).map_or("", |(_, text)| text)
}

/// The functions of a file: each starts with `fn ` and ends with `}` in the first column, or is one line.
fn functions(text: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut base = 0;
    while let Some(found) = rest.find("fn ") {
        let start = base + found;
        let at_line_start = start == 0 || text.as_bytes()[start - 1] == b'\n';
        let body = &text[start..];
        let end = if at_line_start { body.find("\n}").map_or(body.len(), |e| e + 2) } else { 3 };
        // A one-line function closes before the next line.
        let line = body.find('\n').unwrap_or(body.len());
        let end = if at_line_start && body[..line].ends_with('}') { line } else { end };
        if at_line_start && let Some(open) = body.find('(') {
            out.push((body[3..open].trim(), &body[..end]));
        }
        base = start + end;
        rest = &text[base..];
    }
    out
}

/// Identifiers that are followed by `(`, comments left out.
fn calls(text: &str) -> BTreeSet<&str> {
    let mut out = BTreeSet::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or("");
        for (at, _) in line.match_indices('(') {
            let head = line[..at].trim_end();
            let start = head.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |i| i + 1);
            if start < head.len() {
                out.insert(&head[start..]);
            }
        }
    }
    out
}

/// Appends to `program` every library function that it calls and does not define, and theirs in turn.
pub fn link(program: &mut String) {
    let mut linked: BTreeSet<&'static str> = BTreeSet::new();
    let mut fresh = program.clone();
    loop {
        let mut added = String::new();
        for name in calls(&fresh) {
            let Some((&key, text)) = FUNCTIONS.get_key_value(name) else {
                continue;
            };
            if !linked.contains(key) && !program.contains(&format!("fn {key}(")) {
                linked.insert(key);
                added.push('\n');
                added.push_str(text);
                added.push('\n');
            }
        }
        if added.is_empty() {
            return;
        }
        program.push_str(&added);
        fresh = added;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_is_in_two_libraries() {
        let all: Vec<_> = LIBRARIES.iter().flat_map(|(_, text)| functions(text)).map(|(n, _)| n).collect();
        let unique: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), unique.len());
        assert!(all.contains(&"relu_F"));
    }

    #[test]
    fn bare_files_have_the_same_code() {
        let words = |text: &str| -> Vec<String> {
            let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
        };
        for (stem, text) in KERNELS.iter().chain(LIBRARIES).chain(PARTS) {
            let mut bytes = vec![0; bare(text, &mut [])];
            bare(text, &mut bytes);
            let bare = String::from_utf8(bytes).unwrap();
            assert_eq!(words(text), words(&bare), "{stem}");
            let names = |text: &str| calls(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(names(text), names(&bare), "{stem}");
            assert!(!bare.contains("//") && !bare.contains("\n\n") && !text.contains("/*"), "{stem}");
            let cut = |text: &str| functions(text.to_owned().leak()).into_iter().map(|(name, body)| (name, words(body))).collect::<Vec<_>>();
            assert_eq!(cut(text), cut(&bare), "{stem}");
        }
    }

    #[test]
    fn every_shader_file_is_compiled_in_once() {
        let mut found = Vec::new();
        for dir in ["../../shaders", "../../shaders/lib"] {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|e| e == "wgsl") {
                    let lib = if dir.ends_with("lib") { "lib/" } else { "" };
                    found.push(format!("{lib}{}", path.file_stem().unwrap().to_string_lossy()));
                }
            }
        }
        found.sort();
        let mut listed: Vec<_> = KERNELS.iter().chain(LIBRARIES).chain(PARTS).map(|(s, _)| (*s).to_owned()).collect();
        listed.sort();
        assert_eq!(found, listed);
    }
}
