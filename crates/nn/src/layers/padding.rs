//! Zeros around an image: a number, numbers for the sides, or a rule.

use crate::recipe::{Fault, Setting, expected, unknown};
use toml::Spanned;
use toml::de::DeValue;

/// Zeros around an image: `1`, `[vertical, horizontal]`, `[top, left, bottom, right]`, `"same"` or `"valid"` in a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Top, left, bottom, right.
    Sides([usize; 4]),
    /// As many as make the output ⌈input / stride⌉; an odd one goes to the bottom and the right (TensorFlow, ONNX SAME_UPPER).
    Same,
}

impl Default for Padding {
    fn default() -> Self {
        Self::Sides([0; 4])
    }
}

impl From<usize> for Padding {
    fn from(n: usize) -> Self {
        Self::Sides([n; 4])
    }
}

impl Padding {
    /// The sides for images of height and width `extents` and a window that reaches over `reach` pixels.
    pub fn sides(self, extents: [usize; 2], reach: [usize; 2], strides: [usize; 2]) -> [usize; 4] {
        match self {
            Self::Sides(sides) => sides,
            Self::Same => {
                let total = |a: usize| {
                    let stride = strides[a].max(1);
                    ((extents[a].div_ceil(stride).max(1) - 1) * stride).saturating_add(reach[a]).saturating_sub(extents[a])
                };
                let (h, w) = (total(0), total(1));
                [h / 2, w / 2, h - h / 2, w - w / 2]
            }
        }
    }
}

/// Zeros around a row: `1`, `[before, behind]`, `"same"` or `"valid"` in a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinePadding {
    /// Before and behind.
    Sides([usize; 2]),
    /// As many as make the output ⌈input / stride⌉; an odd one goes behind.
    Same,
}

impl Default for LinePadding {
    fn default() -> Self {
        Self::Sides([0; 2])
    }
}

impl From<usize> for LinePadding {
    fn from(n: usize) -> Self {
        Self::Sides([n; 2])
    }
}

impl From<LinePadding> for Padding {
    /// Around images of height 1, whose window and stride are 1 high, too.
    fn from(padding: LinePadding) -> Self {
        match padding {
            LinePadding::Sides([before, behind]) => Self::Sides([0, before, 0, behind]),
            LinePadding::Same => Self::Same,
        }
    }
}

impl Setting for LinePadding {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let what = "a whole number, [before, behind], \"same\" or \"valid\"";
        match value.get_ref() {
            DeValue::Integer(_) => Ok(Self::from(usize::read(value)?)),
            DeValue::Array(_) => match Vec::<usize>::read(value)?.as_slice() {
                &[before, behind] => Ok(Self::Sides([before, behind])),
                other => Err(Fault::at(value, format!("{what} is expected here, and these are {} numbers", other.len()))),
            },
            DeValue::String(name) => match name.as_ref() {
                "same" => Ok(Self::Same),
                "valid" => Ok(Self::default()),
                _ => Err(unknown(name, value, &["same", "valid"])),
            },
            _ => Err(expected(what, value)),
        }
    }

    fn write(&self, out: &mut String) {
        match *self {
            Self::Same => "same".to_owned().write(out),
            Self::Sides([before, behind]) if before == behind => before.write(out),
            Self::Sides(sides) => sides.to_vec().write(out),
        }
    }
}

impl Setting for Padding {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let what = "a whole number, [vertical, horizontal], [top, left, bottom, right], \"same\" or \"valid\"";
        match value.get_ref() {
            DeValue::Integer(_) => Ok(Self::from(usize::read(value)?)),
            DeValue::Array(_) => match Vec::<usize>::read(value)?.as_slice() {
                &[h, w] => Ok(Self::Sides([h, w, h, w])),
                &[top, left, bottom, right] => Ok(Self::Sides([top, left, bottom, right])),
                other => Err(Fault::at(value, format!("{what} is expected here, and these are {} numbers", other.len()))),
            },
            DeValue::String(name) => match name.as_ref() {
                "same" => Ok(Self::Same),
                "valid" => Ok(Self::default()),
                _ => Err(unknown(name, value, &["same", "valid"])),
            },
            _ => Err(expected(what, value)),
        }
    }

    fn write(&self, out: &mut String) {
        match *self {
            Self::Same => "same".to_owned().write(out),
            Self::Sides([top, left, bottom, right]) if top == left && left == bottom && bottom == right => top.write(out),
            Self::Sides([top, left, bottom, right]) if top == bottom && left == right => vec![top, left].write(out),
            Self::Sides(sides) => sides.to_vec().write(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    fn read<T: Setting>(text: &str) -> Result<T, String> {
        let table = DeTable::parse(text).unwrap();
        let (_, value) = table.get_ref().iter().next().unwrap();
        T::read(value).map_err(|fault| fault.in_text(text))
    }

    #[test]
    fn every_form_survives_a_round_trip() {
        let forms = [("1", [1; 4]), ("[1, 2]", [1, 2, 1, 2]), ("[1, 2, 3, 4]", [1, 2, 3, 4]), ("\"valid\"", [0; 4])];
        for (text, sides) in forms {
            let padding: Padding = read(&format!("p = {text}")).unwrap();
            assert_eq!(padding, Padding::Sides(sides));
            let mut out = String::new();
            padding.write(&mut out);
            assert_eq!(read::<Padding>(&format!("p = {out}")).unwrap(), padding);
        }
        assert_eq!(read("p = \"same\""), Ok(Padding::Same));
        assert!(read::<Padding>("p = [1, 2, 3]").unwrap_err().contains("3 numbers"));
        assert!(read::<Padding>("p = \"all\"").unwrap_err().contains("`same`"));
    }

    #[test]
    fn the_padding_of_a_row_has_two_sides() {
        for (text, sides) in [("1", [1; 2]), ("[1, 2]", [1, 2]), ("\"valid\"", [0; 2])] {
            let padding: LinePadding = read(&format!("p = {text}")).unwrap();
            assert_eq!(padding, LinePadding::Sides(sides));
            let mut out = String::new();
            padding.write(&mut out);
            assert_eq!(read(&format!("p = {out}")), Ok(padding));
            assert_eq!(Padding::from(padding), Padding::Sides([0, sides[0], 0, sides[1]]));
        }
        assert_eq!(read("p = \"same\""), Ok(LinePadding::Same));
        assert!(read::<LinePadding>("p = [1, 2, 3, 4]").unwrap_err().contains("4 numbers"));
        assert!(read::<LinePadding>("p = \"all\"").unwrap_err().contains("`same`"));
    }

    #[test]
    fn same_keeps_the_size_or_divides_it_by_the_stride() {
        assert_eq!(Padding::Same.sides([8, 9], [3, 3], [1, 1]), [1, 1, 1, 1]);
        assert_eq!(Padding::Same.sides([8, 9], [3, 3], [2, 2]), [0, 1, 1, 1]);
        assert_eq!(Padding::Same.sides([8, 9], [2, 4], [1, 1]), [0, 1, 1, 2]);
        assert_eq!(Padding::Same.sides([8, 9], [1, 1], [3, 3]), [0, 0, 0, 0]);
    }
}
