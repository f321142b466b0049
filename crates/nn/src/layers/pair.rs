//! A setting along height and width: one number for both, or `[height, width]`.

use crate::recipe::{Fault, Setting, expected};
use toml::Spanned;
use toml::de::DeValue;

/// One number for height and width each: `3` or `[3, 5]` in a recipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair {
    /// Along the height.
    pub h: usize,
    /// Along the width.
    pub w: usize,
}

impl Pair {
    /// Two numbers.
    pub const fn new(h: usize, w: usize) -> Self {
        Self { h, w }
    }

    /// The same number twice.
    pub const fn both(n: usize) -> Self {
        Self { h: n, w: n }
    }

    /// Height first: the order of attributes.
    pub fn array(self) -> [usize; 2] {
        [self.h, self.w]
    }
}

impl From<usize> for Pair {
    fn from(n: usize) -> Self {
        Self::both(n)
    }
}

impl From<[usize; 2]> for Pair {
    fn from([h, w]: [usize; 2]) -> Self {
        Self { h, w }
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.h, self.w)
    }
}

impl Setting for Pair {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        match value.get_ref() {
            DeValue::Integer(_) => Ok(Self::both(Setting::read(value)?)),
            DeValue::Array(items) if items.len() == 2 => Ok(Self { h: Setting::read(&items[0])?, w: Setting::read(&items[1])? }),
            DeValue::Array(items) => Err(Fault::at(value, format!("one number or two, [height, width], are expected here, and these are {}", items.len()))),
            _ => Err(expected("a whole number or two, [height, width],", value)),
        }
    }

    fn write(&self, out: &mut String) {
        if self.h == self.w {
            self.h.write(out);
        } else {
            vec![self.h, self.w].write(out);
        }
    }
}

/// One factor for height and width each: `2`, `1.5` or `[1.5, 2]` in a recipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// For the height.
    pub h: f64,
    /// For the width.
    pub w: f64,
}

impl From<f64> for Factors {
    fn from(n: f64) -> Self {
        Self { h: n, w: n }
    }
}

impl From<[f64; 2]> for Factors {
    fn from([h, w]: [f64; 2]) -> Self {
        Self { h, w }
    }
}

impl Setting for Factors {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => Ok(Self::from(f64::read(value)?)),
            DeValue::Array(items) if items.len() == 2 => Ok(Self { h: Setting::read(&items[0])?, w: Setting::read(&items[1])? }),
            DeValue::Array(items) => Err(Fault::at(value, format!("one number or two, [height, width], are expected here, and these are {}", items.len()))),
            _ => Err(expected("a number or two, [height, width],", value)),
        }
    }

    fn write(&self, out: &mut String) {
        if self.h == self.w {
            self.h.write(out);
        } else {
            vec![self.h, self.w].write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    fn read(text: &str) -> Result<Pair, String> {
        let table = DeTable::parse(text).unwrap();
        let (_, value) = table.get_ref().iter().next().unwrap();
        Pair::read(value).map_err(|fault| fault.in_text(text))
    }

    #[test]
    fn one_number_or_two_are_read_and_written_back() {
        for (text, pair) in [("k = 3", Pair::both(3)), ("k = [3, 5]", Pair::new(3, 5)), ("k = 0", Pair::both(0)), ("k = [2, 0]", Pair::new(2, 0))] {
            assert_eq!(read(text), Ok(pair));
            let mut out = "k = ".to_owned();
            pair.write(&mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        for (text, part) in [
            ("k = [1, 2, 3]", "these are 3"),
            ("k = []", "these are 0"),
            ("k = 1.5", "whole number or two"),
            ("k = [1, -2]", "-2 is out of range"),
            ("k = \"3\"", "string"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(part) && message.contains("line 1"), "{message}");
        }
    }
}
