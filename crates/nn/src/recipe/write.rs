//! From the types of a recipe to TOML, laid out as people write it: sections for tables, one key a line.

use super::read::Setting;

/// Lines `key = value`.
#[derive(Default)]
pub(crate) struct Lines {
    keys: Vec<(&'static str, String)>,
}

impl Lines {
    /// A line.
    pub(crate) fn required<T: Setting>(&mut self, key: &'static str, value: &T) {
        let mut text = String::new();
        value.write(&mut text);
        self.keys.push((key, text));
    }

    /// A line; defaults are written too, so that they cannot change under an old recipe.
    pub(crate) fn or<T: Setting>(&mut self, key: &'static str, value: &T) {
        self.required(key, value);
    }

    /// A line where there is a value.
    pub(crate) fn optional<T: Setting>(&mut self, key: &'static str, value: &Option<T>) {
        if let Some(value) = value {
            self.required(key, value);
        }
    }

    /// Only the lines whose key passes.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        self.keys.retain(|(key, _)| wanted(key));
    }

    /// The lines as a table on one line: `{ key = value, … }`.
    pub(crate) fn inline(&self, out: &mut String) {
        out.push_str("{ ");
        for (i, (key, value)) in self.keys.iter().enumerate() {
            [if i == 0 { "" } else { ", " }, key, " = ", value].iter().for_each(|part| out.push_str(part));
        }
        out.push_str(" }");
    }

    /// The lines under each other.
    pub(crate) fn push_onto(&self, out: &mut String) {
        for (key, value) in &self.keys {
            [key, " = ", value, "\n"].iter().for_each(|part| out.push_str(part));
        }
    }
}

/// Text in quotes, with what TOML's basic strings forbid escaped.
pub(super) fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_ascii_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
