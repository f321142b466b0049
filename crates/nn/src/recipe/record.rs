//! Two macros by which a type says once what it is called in a recipe.

/// A struct as a table of a recipe. A field is `required`, has a default, `or(…)`, or is an `Option`: `optional`.
macro_rules! record {
    ($type:ident, $what:literal { $($field:ident: $how:ident $(($default:expr))?),* $(,)? }) => {
        impl $crate::recipe::Record for $type {
            const WHAT: &'static str = $what;

            fn read(fields: &$crate::recipe::Fields<'_>) -> Result<Self, $crate::recipe::Fault> {
                fields.only(&[$(stringify!($field)),*])?;
                Ok(Self { $($field: fields.$how(stringify!($field) $(, $default)?)?),* })
            }

            #[allow(unused_variables, reason = "a record may have no fields")]
            fn write(&self, out: &mut $crate::recipe::Lines) {
                $(out.$how(stringify!($field), &self.$field);)*
            }
        }
    };
}

/// An enum as a name in quotes.
macro_rules! names {
    ($type:ident { $($name:literal => $variant:ident),* $(,)? }) => {
        impl $crate::recipe::Setting for $type {
            fn read(value: &toml::Spanned<toml::de::DeValue<'_>>) -> Result<Self, $crate::recipe::Fault> {
                let name: String = $crate::recipe::Setting::read(value)?;
                match name.as_str() {
                    $($name => Ok($type::$variant),)*
                    _ => Err($crate::recipe::unknown(&name, value, &[$($name),*])),
                }
            }

            fn write(&self, out: &mut String) {
                $crate::recipe::Setting::write(&self.name().to_owned(), out);
            }
        }

        impl $type {
            /// Its name in a recipe.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),* }
            }
        }
    };
}

/// An enum of records as a table whose `kind` says which one it is. With `or … as …`: in a list, a table of one of these names
/// stands for what the function makes of it.
macro_rules! kinds {
    ($type:ident, $what:literal $(, or $more:path as [$($also:literal),*])? { $($name:literal => $variant:ident($record:ident)),* $(,)? }) => {
        impl $crate::recipe::Setting for $type {
            fn read(value: &toml::Spanned<toml::de::DeValue<'_>>) -> Result<Self, $crate::recipe::Fault> {
                let (name, at, fields) = $crate::recipe::Fields::chosen(value, $what, "kind")?;
                match name {
                    $($name => Ok($type::$variant($crate::recipe::Record::read(&fields.known_as(<$record as $crate::recipe::Record>::WHAT))?)),)*
                    _ => Err($crate::recipe::unknown(name, at, &[$($name,)* $($($also),*)?])),
                }
            }

            fn write(&self, out: &mut String) {
                let mut lines = $crate::recipe::Lines::default();
                self.lines(&mut lines);
                lines.inline(out);
            }

            $(fn read_all(value: &toml::Spanned<toml::de::DeValue<'_>>) -> Result<Vec<Self>, $crate::recipe::Fault> {
                $more(value).unwrap_or_else(|| $crate::recipe::Setting::read(value).map(|one| vec![one]))
            })?

            const A_LINE_EACH: bool = true;
        }

        impl $type {
            /// Its keys, `kind` first.
            pub(crate) fn lines(&self, out: &mut $crate::recipe::Lines) {
                match self {
                    $($type::$variant(record) => {
                        out.required("kind", &$name.to_owned());
                        $crate::recipe::Record::write(record, out);
                    })*
                }
            }
        }
    };
}

pub(crate) use {kinds, names, record};
