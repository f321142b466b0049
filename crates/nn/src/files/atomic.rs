//! Replacing a file in one step.

use super::error::FileError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, making its folders: at every moment the file holds either what it held
/// before or all of `bytes`, whatever is killed or fails.
///
/// The bytes go to `.<name>.tmp` beside it, are forced to the disk, and the name is then moved onto the
/// old file, which file systems do in one step. A temporary file that a kill leaves behind is overwritten
/// by the next write.
///
/// # Errors
/// [`FileError::NoSpace`] or [`FileError::Write`]; the old file is intact, the temporary one removed.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_through(path, |file| file.write_all(bytes))
}

/// As [`atomic_write`], `fill` writing the contents.
fn write_through(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let temporary = temporary(path);
    replace(path, &temporary, fill).map_err(|source| {
        // Whether it was there or not, the error to report is the first one.
        let _ = fs::remove_file(&temporary);
        let file = path.display().to_string();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => FileError::NoSpace { file, source },
            _ => FileError::Write { file, source },
        }
    })
}

fn replace(path: &Path, temporary: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = File::create(temporary)?;
    fill(&mut file)?;
    // Before the move: else a loss of power could leave the new name on a file without its bytes.
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)?;
    sync_folder(folder);
    Ok(())
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    path.with_file_name(name)
}

/// Forces the move itself to the disk. The file is whole either way, so a system that cannot is forgiven.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        log::debug!("{}: cannot be synced: {error}", folder.display());
    }
    #[cfg(not(unix))]
    let _ = folder;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn makes_folders_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file.json");
        atomic_write(&path, b"one").unwrap();
        atomic_write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(path.parent().unwrap()), ["file.json"]);
    }

    #[test]
    fn full_disk_keeps_the_old_file_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        atomic_write(&path, b"good").unwrap();
        for room in [0, 1, 100, 4096] {
            let error = write_through(&path, |file| {
                file.write_all(&vec![b'x'; room])?;
                Err(io::ErrorKind::StorageFull.into())
            })
            .unwrap_err();
            assert!(matches!(error, FileError::NoSpace { .. }), "{error}");
            assert!(error.to_string().contains("disk is full"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), b"good");
            assert_eq!(names(folder.path()), ["last.safetensors"]);
        }
    }

    #[test]
    fn leftover_of_a_killed_write_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        fs::write(temporary(&path), vec![0; 10_000]).unwrap();
        atomic_write(&path, b"good").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"good");
        assert_eq!(names(folder.path()), ["last.safetensors"]);
    }

    #[test]
    fn folder_in_the_way_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        fs::create_dir(&path).unwrap();
        let error = atomic_write(&path, b"good").unwrap_err();
        assert!(error.to_string().contains("last.safetensors"), "{error}");
        assert_eq!(names(folder.path()), ["last.safetensors"]);
    }
}
