//! Licences of packages, as SPDX expressions.

/// Licences under which a package may be used here: permissive, with no duty beyond naming the authors.
const ALLOWED: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "Unicode-3.0",
    // Mozilla's list of certificate authorities, in the downloader.
    "CDLA-Permissive-2.0",
];

/// Whether an expression can be satisfied by allowed licences alone. An expression that cannot be read is not.
pub(crate) fn allowed(expression: &str) -> bool {
    // The old way of writing a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (result, rest) = any(&words);
    rest.is_empty() && result
}

/// `a OR b OR …`
fn any<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut result, mut rest) = all(words);
    while let ["OR", after @ ..] = rest
        && !after.is_empty()
    {
        let (next, left) = all(after);
        result |= next;
        rest = left;
    }
    (result, rest)
}

/// `a AND b AND …`
fn all<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut result, mut rest) = one(words);
    while let ["AND", after @ ..] = rest
        && !after.is_empty()
    {
        let (next, left) = one(after);
        result &= next;
        rest = left;
    }
    (result, rest)
}

fn one<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", after @ ..] => match any(after) {
            (result, [")", rest @ ..]) => (result, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => (ALLOWED.contains(&format!("{name} WITH {exception}").as_str()), rest),
        [name, rest @ ..] => (ALLOWED.contains(name), rest),
        [] => (false, words),
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn a_choice_needs_one_allowed_licence_and_a_sum_all() {
        for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception OR GPL-2.0"] {
            assert!(allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND LGPL-2.1", "MIT OR", "(MIT", "MIT Apache-2.0", "GPL-2.0 WITH LLVM-exception"] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
