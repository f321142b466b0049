//! From TOML to the types of a recipe. The parser is a library's; what fits where is said here, once for all types, because
//! the general way through serde costs a browser more bytes than all kernels together.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, and at which byte of the text.
pub(crate) struct Fault {
    pub(crate) at: Option<usize>,
    pub(crate) message: String,
}

impl Fault {
    /// About this value.
    pub(crate) fn at(value: &Spanned<DeValue<'_>>, message: String) -> Self {
        Self { at: Some(value.span().start), message }
    }

    /// The message with the line that it is about.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let Some(before) = self.at.and_then(|at| text.get(..at)) else { return self.message.clone() };
        let number = before.matches('\n').count();
        let line = text.lines().nth(number).unwrap_or_default().trim();
        format!("line {}: `{line}`: {}", number + 1, self.message)
    }
}

/// A value of a recipe.
pub(crate) trait Setting: Sized {
    /// The value, or what it should have been.
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault>;
    /// The value as TOML, on one line where it is no list of layers.
    fn write(&self, out: &mut String);
    /// The values that an item of a list stands for: mostly one.
    fn read_all(value: &Spanned<DeValue<'_>>) -> Result<Vec<Self>, Fault> {
        Self::read(value).map(|one| vec![one])
    }
    /// Whether a list of such values has one a line.
    const A_LINE_EACH: bool = false;
}

/// A table of a recipe: `record!` makes one of a struct.
pub(crate) trait Record: Sized {
    /// What it is, for messages: `a linear layer`.
    const WHAT: &'static str;
    /// Reads all keys.
    fn read(fields: &Fields<'_>) -> Result<Self, Fault>;
    /// Writes all keys.
    fn write(&self, out: &mut super::write::Lines);
}

/// The keys of a table.
pub(crate) struct Fields<'t> {
    what: &'static str,
    table: &'t DeTable<'t>,
    at: Option<usize>,
    /// The key that chose what the table is, already read.
    tag: Option<&'static str>,
}

impl<'t> Fields<'t> {
    /// The fields of a whole document.
    pub(crate) fn of(what: &'static str, table: &'t DeTable<'t>) -> Self {
        Self { what, table, at: None, tag: None }
    }

    /// Refuses keys that are not among these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        let unknown = self.table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref()) && self.tag != Some(key.get_ref().as_ref()));
        let Some((key, _)) = unknown else { return Ok(()) };
        let (what, list) = (self.what, known.join("`, `"));
        let message = match known {
            [] => format!("{what} has no key `{}`; it takes none", key.get_ref()),
            _ => format!("{what} has no key `{}`; it knows `{list}`", key.get_ref()),
        };
        Err(Fault { at: Some(key.span().start), message })
    }

    fn missing(&self, key: &str) -> Fault {
        Fault { at: self.at, message: format!("{}: the key `{key}` is missing", self.what) }
    }

    /// A key that must be there.
    pub(crate) fn required<T: Setting>(&self, key: &str) -> Result<T, Fault> {
        T::read(self.table.get(key).ok_or_else(|| self.missing(key))?)
    }

    /// A key that may be absent.
    pub(crate) fn optional<T: Setting>(&self, key: &str) -> Result<Option<T>, Fault> {
        self.table.get(key).map(T::read).transpose()
    }

    /// A key with a default.
    pub(crate) fn or<T: Setting>(&self, key: &str, default: T) -> Result<T, Fault> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// One of several kinds of table: its name stands under `tag`.
    pub(crate) fn chosen(value: &'t Spanned<DeValue<'t>>, what: &'static str, tag: &'static str) -> Result<(&'t str, &'t Spanned<DeValue<'t>>, Self), Fault> {
        let fields = Self { tag: Some(tag), ..table(value, what)? };
        let name = fields.table.get(tag).ok_or_else(|| fields.missing(tag))?;
        match name.get_ref() {
            DeValue::String(text) => Ok((text, name, fields)),
            _ => Err(expected("a name in quotes", name)),
        }
    }

    /// The same table, now that it is known what it is.
    pub(crate) fn known_as(self, what: &'static str) -> Self {
        Self { what, ..self }
    }
}

fn table<'t>(value: &'t Spanned<DeValue<'t>>, what: &'static str) -> Result<Fields<'t>, Fault> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(Fields { what, table, at: Some(value.span().start), tag: None }),
        _ => Err(expected("a table", value)),
    }
}

/// Not what was expected here.
pub(crate) fn expected(what: &str, value: &Spanned<DeValue<'_>>) -> Fault {
    Fault::at(value, format!("{what} is expected here, and this is a {}", value.get_ref().type_str()))
}

/// A name that is none of those known.
pub(crate) fn unknown(name: &str, value: &Spanned<DeValue<'_>>, known: &[&str]) -> Fault {
    Fault::at(value, format!("there is no `{name}` here; there are `{}`", known.join("`, `")))
}

impl<R: Record> Setting for R {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        R::read(&table(value, R::WHAT)?)
    }

    fn write(&self, out: &mut String) {
        let mut lines = super::write::Lines::default();
        R::write(self, &mut lines);
        lines.inline(out);
    }
}

impl Setting for bool {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        value.get_ref().as_bool().ok_or_else(|| expected("true or false", value))
    }

    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Setting for u64 {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let DeValue::Integer(n) = value.get_ref() else { return Err(expected("a whole number", value)) };
        u64::from_str_radix(n.as_str(), n.radix()).map_err(|_| Fault::at(value, format!("{n} is out of range; a whole number from 0 on is expected here")))
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Setting for usize {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let wide: u64 = Setting::read(value)?;
        usize::try_from(wide).map_err(|_| Fault::at(value, format!("{wide} is more than this machine can address")))
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Setting for i32 {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let DeValue::Integer(n) = value.get_ref() else { return Err(expected("a whole number", value)) };
        i32::from_str_radix(n.as_str(), n.radix()).map_err(|_| Fault::at(value, format!("{n} is out of range; a whole number of 32 bits is expected here")))
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Setting for f64 {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let number = match value.get_ref() {
            DeValue::Float(x) => x.as_str().parse().ok(),
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
            _ => return Err(expected("a number", value)),
        };
        number.ok_or_else(|| Fault::at(value, "this number is out of range".to_owned()))
    }

    fn write(&self, out: &mut String) {
        match self.is_nan() {
            true => out.push_str("nan"),
            false => out.push_str(&format!("{self:?}")),
        }
    }
}

impl Setting for f32 {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        f64::read(value).map(|x| x as f32)
    }

    fn write(&self, out: &mut String) {
        // As f64: its shortest decimals are read back to the same f32.
        f64::from(*self).write(out);
    }
}

impl Setting for String {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| expected("text in quotes", value))
    }

    fn write(&self, out: &mut String) {
        super::write::quoted(self, out);
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let items = value.get_ref().as_array().ok_or_else(|| expected("a list", value))?;
        let mut all = Vec::with_capacity(items.len());
        for item in items.iter() {
            all.extend(T::read_all(item)?);
        }
        Ok(all)
    }

    fn write(&self, out: &mut String) {
        let mut list = String::new();
        for (i, item) in self.iter().enumerate() {
            list.push_str(if T::A_LINE_EACH {
                "\n"
            } else if i == 0 {
                ""
            } else {
                ", "
            });
            item.write(&mut list);
            list.push_str(if T::A_LINE_EACH { "," } else { "" });
        }
        let lines = T::A_LINE_EACH && !self.is_empty();
        // Text in quotes has no line breaks of its own, so that every one there is begins a line of the list.
        out.push('[');
        out.push_str(&if lines { list.replace('\n', "\n  ") } else { list });
        out.push_str(if lines { "\n]" } else { "]" });
    }

    const A_LINE_EACH: bool = T::A_LINE_EACH;
}
