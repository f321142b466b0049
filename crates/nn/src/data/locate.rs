//! Where data are looked for: the `--data` argument, the variable `WGRAD_DATA`, the user's cache folder.

use super::error::DataError;
use super::idx::{Split, has_mnist, mnist_folders};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A folder in which data are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Who names it: "--data", "WGRAD_DATA" or "cache".
    pub source: &'static str,
    /// The folder.
    pub dir: PathBuf,
}

/// The folders in which data are looked for, in order, `argument` being that of `--data`.
pub fn places(argument: Option<&Path>) -> Vec<Place> {
    places_in(argument, |name| std::env::var_os(name))
}

/// The folders in which the files of a recipe are looked for, in order: the places, and then the working folder.
pub fn folders(argument: Option<&Path>) -> Vec<PathBuf> {
    places(argument).into_iter().map(|place| place.dir).chain([PathBuf::from(".")]).collect()
}

/// The user's cache folder for data: `$XDG_CACHE_HOME/wgrad` or `~/.cache/wgrad`, on macOS
/// `~/Library/Caches/wgrad`, on Windows `%LOCALAPPDATA%\wgrad`; `None` where the system names no home.
pub fn cache_dir() -> Option<PathBuf> {
    cache_dir_in(|name| std::env::var_os(name))
}

/// The first place that holds MNIST.
///
/// A `--data` folder without it is passed over with a warning in the log, so that nobody trains on other
/// data than he named without being told.
///
/// # Errors
/// [`DataError::NotFound`], which lists every folder looked at and the ways to get the data.
pub fn find_mnist(argument: Option<&Path>) -> Result<Place, DataError> {
    first_with_mnist(&places(argument))
}

/// The first of `places` that holds MNIST; see [`find_mnist`].
///
/// # Errors
/// [`DataError::NotFound`].
pub fn first_with_mnist(places: &[Place]) -> Result<Place, DataError> {
    let Some(found) = places.iter().position(|place| has_mnist(&place.dir)) else {
        let looked = |place: &Place| mnist_folders(&place.dir).map(|folder| format!("{} ({})", folder.display(), place.source));
        let files = [Split::Train, Split::Test].iter().flat_map(|split| split.mnist_files());
        return Err(DataError::NotFound {
            what: "MNIST".to_owned(),
            set: "mnist".to_owned(),
            files: files.map(|file| format!("{file}[.gz]")).collect(),
            places: places.iter().flat_map(looked).collect(),
        });
    };
    for passed in places[..found].iter().filter(|place| place.source != "cache") {
        let (source, dir, other) = (passed.source, passed.dir.display(), places[found].dir.display());
        log::warn!("{source} names {dir}, which holds no MNIST; reading it from {other}");
    }
    Ok(places[found].clone())
}

fn places_in(argument: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Vec<Place> {
    let named = argument.map(|dir| Place { source: "--data", dir: dir.to_owned() });
    let set = variable("WGRAD_DATA").filter(|dir| !dir.is_empty());
    let set = set.map(|dir| Place { source: "WGRAD_DATA", dir: dir.into() });
    let cache = cache_dir_in(variable).map(|dir| Place { source: "cache", dir });
    [named, set, cache].into_iter().flatten().collect()
}

fn cache_dir_in(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // An empty or relative value does not count (XDG Base Directory Specification).
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("wgrad"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn argument_then_variable_then_cache() {
        let found = places_in(Some(Path::new("a")), env(&[("WGRAD_DATA", "/b"), ("HOME", "/home/x")]));
        let found: Vec<_> = found.iter().map(|p| (p.source, p.dir.to_str().unwrap())).collect();
        assert_eq!(found, [("--data", "a"), ("WGRAD_DATA", "/b"), ("cache", "/home/x/.cache/wgrad")]);
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn cache_follows_xdg() {
        let dir = |pairs| cache_dir_in(env(pairs));
        assert_eq!(dir(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]), Some("/c/wgrad".into()));
        assert_eq!(dir(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Some("/h/.cache/wgrad".into()));
        assert_eq!(dir(&[("XDG_CACHE_HOME", ""), ("HOME", "/h")]), Some("/h/.cache/wgrad".into()));
        assert_eq!(dir(&[]), None);
    }

    #[test]
    fn error_lists_every_place_and_the_way_out() {
        let places = places_in(Some(Path::new("/nowhere/a")), env(&[("WGRAD_DATA", "/nowhere/b")]));
        let message = first_with_mnist(&places).unwrap_err().to_string();
        for part in ["/nowhere/a (--data)", "/nowhere/a/mnist", "/nowhere/b/MNIST/raw (WGRAD_DATA)", "wgrad data fetch mnist"] {
            assert!(message.contains(part), "{part} is missing from: {message}");
        }
    }
}
