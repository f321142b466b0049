//! What the paths of a set say: which part a file belongs to, and which class.
//!
//! ```text
//! cats/1.jpg                    a folder for each class
//! train/cats/1.jpg              the same in folders for training and tests; validation/ or val/ may be there too
//! photos/train/cats/old/1.jpg   folders round all of it, and folders inside of a class, do not count
//! ```

use super::sorted::Sorted;

/// Which part of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// To learn from; everything, where the paths name no parts.
    Train,
    /// To watch while learning.
    Validation,
    /// To be judged by.
    Test,
}

impl Part {
    /// The part of which a folder has the name.
    fn named(folder: &str) -> Option<Self> {
        match folder.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Part::Train),
            "validation" | "valid" | "val" => Some(Part::Validation),
            "test" | "testing" => Some(Part::Test),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// The files of each class of each part, as indices into the paths, sorted by path.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) parts: Sorted<Part, Sorted<String, Vec<usize>>>,
    /// Files that are in no class folder.
    pub(super) beside: Vec<usize>,
}

/// The layout of files and folders at these paths.
pub(super) fn layout(files: &[String], folders: &[String]) -> Layout {
    let mut files: Vec<(usize, &str)> = files.iter().map(String::as_str).enumerate().collect();
    files.sort_unstable_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
    let mut folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    // Folders round all of it.
    while let Some(outer) = shared(&files) {
        let inside = |path: &'_ str| path.strip_prefix(outer.as_str()).and_then(|rest| rest.strip_prefix('/')).map(str::len);
        files.iter_mut().for_each(|(_, path)| *path = &path[path.len() - inside(path).unwrap_or(0)..]);
        folders = folders.iter().filter_map(|path| inside(path).map(|len| &path[path.len() - len..])).collect();
    }
    let inner = files.iter().filter_map(|(_, path)| path.split_once('/')).map(|(top, _)| top);
    let top = inner.chain(folders.iter().filter(|f| !f.contains('/')).copied());
    let mut named: Vec<Part> = Vec::new();
    top.filter_map(Part::named).for_each(|part| {
        if !named.contains(&part) {
            named.push(part);
        }
    });
    let parts = named.contains(&Part::Train) && named.len() > 1;
    let place = |path: &str| -> Option<(Part, String)> {
        let (part, rest) = match parts {
            true => path.split_once('/').and_then(|(top, rest)| Some((Part::named(top)?, rest)))?,
            false => (Part::Train, path),
        };
        rest.split_once('/').map(|(class, _)| (part, class.to_owned()))
    };
    let mut layout = Layout::default();
    if parts {
        named.into_iter().for_each(|part| layout.parts.insert(part, Sorted::default()));
    }
    for folder in folders {
        // As if there were a file in it.
        if let Some((part, class)) = place(&format!("{folder}/")) {
            layout.parts.entry(&part).entry(class.as_str());
        }
    }
    for (n, path) in files {
        match place(path) {
            Some((part, class)) => layout.parts.entry(&part).entry(class.as_str()).push(n),
            None => layout.beside.push(n),
        }
    }
    layout
}

/// The folder that all files are in, if it is not their class.
fn shared(files: &[(usize, &str)]) -> Option<String> {
    let (outer, _) = files.first()?.1.split_once('/')?;
    let inside = |path: &str| path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    let deep = files.iter().any(|(_, path)| path.matches('/').count() >= 2);
    (deep && files.iter().all(|(_, path)| inside(path))).then(|| outer.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `part/class: files` for each class, and the files beside them.
    fn laid(files: &[&str], folders: &[&str]) -> (Vec<String>, Vec<String>) {
        let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let layout = layout(&owned(files), &owned(folders));
        let names = |indices: &[usize]| indices.iter().map(|&n| files[n]).collect::<Vec<_>>().join(" ");
        let class = |part: &Part, (class, files): (&String, &Vec<usize>)| format!("{}/{class}: {}", part.name(), names(files));
        let classes = layout.parts.iter().flat_map(|(part, classes)| classes.iter().map(move |c| class(part, c))).collect();
        (classes, layout.beside.iter().map(|&n| files[n].to_owned()).collect())
    }

    #[test]
    fn a_folder_for_each_class_sorted_by_name() {
        let (classes, beside) = laid(&["dogs/2.jpg", "cats/b.jpg", "readme.txt", "cats/a.jpg", "dogs/old/1.jpg"], &["cats", "dogs", "birds"]);
        assert_eq!(classes, ["train/birds: ", "train/cats: cats/a.jpg cats/b.jpg", "train/dogs: dogs/2.jpg dogs/old/1.jpg"]);
        assert_eq!(beside, ["readme.txt"]);
    }

    #[test]
    fn parts_and_outer_folders() {
        let files = [
            "photos/train/cats/1.jpg",
            "photos/train/dogs/1.jpg",
            "photos/Test/cats/2.jpg",
            "photos/val/dogs/9.jpg",
            "photos/readme.md",
            "photos/train/list.csv",
        ];
        let (classes, beside) = laid(&files, &["photos", "photos/train", "photos/Test/birds"]);
        let expected = [
            "train/cats: photos/train/cats/1.jpg",
            "train/dogs: photos/train/dogs/1.jpg",
            "validation/dogs: photos/val/dogs/9.jpg",
            "test/birds: ",
            "test/cats: photos/Test/cats/2.jpg",
        ];
        assert_eq!(classes, expected);
        assert_eq!(beside, ["photos/readme.md", "photos/train/list.csv"]);
    }

    #[test]
    fn a_class_may_be_called_train() {
        let (classes, _) = laid(&["train/1.jpg", "plane/1.jpg"], &[]);
        assert_eq!(classes, ["train/plane: plane/1.jpg", "train/train: train/1.jpg"]);
        let (classes, _) = laid(&["train/cats/1.jpg", "train/dogs/1.jpg"], &[]);
        assert_eq!(classes, ["train/cats: train/cats/1.jpg", "train/dogs: train/dogs/1.jpg"]);
    }

    #[test]
    fn nothing_and_files_without_folders() {
        assert_eq!(laid(&[], &[]), (vec![], vec![]));
        assert_eq!(laid(&["1.jpg", "2.jpg"], &[]), (vec![], vec!["1.jpg".to_owned(), "2.jpg".to_owned()]));
        let (classes, _) = laid(&["cats/1.jpg", "cats/2.jpg"], &[]);
        assert_eq!(classes, ["train/cats: cats/1.jpg cats/2.jpg"]);
    }
}
