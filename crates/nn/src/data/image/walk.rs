//! The files of a folder, a tar (plain or gzip) or a zip, one after another; nothing is unpacked to the disk.
//!
//! An entry that would climb out of an archive's folder (`..`, an absolute path), a link or a device stops the reading: nothing is
//! written, so nothing could be harmed, but such an archive is no set of pictures. A file of more than [`Limits::file`] bytes is named and
//! passed over; an archive that expands to more than [`Limits::expanded`] bytes and 32 times its own size is given up.

use super::limits::{Limits, is_litter};
use crate::data::error::DataError;
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Times its size that an archive may expand to: pictures hardly compress.
const EXPANSION: u64 = 32;

/// The longest path of an entry, bytes.
const MAX_PATH: u64 = 4096;

/// The deepest folder below the root.
const MAX_DEPTH: usize = 16;

/// Something in a folder or an archive; its path has forward slashes and no root.
pub(crate) enum Found {
    /// A folder.
    Folder(String),
    /// A file with its bytes, or why it has none.
    File(String, Result<Vec<u8>, String>),
}

/// Who takes what is found.
pub(crate) trait Visitor {
    /// Whether the bytes of this file are wanted; where not, it is not told either.
    fn wants(&mut self, path: &str) -> bool;
    /// Takes something.
    fn take(&mut self, found: Found) -> Result<(), DataError>;
}

/// Shows a folder or an archive to `visitor`: a folder by sorted paths, an archive in its own order.
pub(crate) fn walk(path: &Path, limits: &Limits, visitor: &mut dyn Visitor) -> Result<(), DataError> {
    if path.is_dir() {
        return Folder { root: path, limits, visitor }.walk("", 0);
    }
    let failed = |source| DataError::Io { action: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut start = Vec::new();
    (&mut file).take(512).read_to_end(&mut start).map_err(failed)?;
    io::Seek::rewind(&mut file).map_err(failed)?;
    let archive = Archive { name: path.display().to_string(), size, limits, visitor, expanded: Rc::default() };
    match start.as_slice() {
        [] => Err(archive.wrong("is empty; copy it again")),
        [0x1f, 0x8b, ..] => archive.tar(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))),
        [b'P', b'K', ..] => archive.zip(BufReader::new(file)),
        _ if start.len() == 512
            && (start[257..].starts_with(b"ustar") || tar::Header::from_byte_slice(&start).cksum().is_ok_and(|sum| sum == checksum(&start))) =>
        {
            archive.tar(BufReader::with_capacity(1 << 16, file))
        }
        _ => Err(archive.wrong("is no folder and no archive; give a folder of class folders, or the same as .tar, .tar.gz or .zip")),
    }
}

/// The sum over a tar header, the field of the sum itself being blanks.
fn checksum(header: &[u8]) -> u32 {
    header.iter().enumerate().map(|(n, &byte)| u32::from(if (148..156).contains(&n) { b' ' } else { byte })).sum()
}

struct Folder<'a> {
    root: &'a Path,
    limits: &'a Limits,
    visitor: &'a mut dyn Visitor,
}

impl Folder<'_> {
    fn walk(&mut self, below: &str, depth: usize) -> Result<(), DataError> {
        let folder = self.root.join(below);
        let failed = |source| DataError::Io { action: "read", path: folder.clone(), source };
        if depth > MAX_DEPTH {
            return Err(DataError::Files { place: folder.display().to_string(), what: format!("more than {MAX_DEPTH} folders deep; does a link lead back?") });
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort();
        for name in names {
            let path = if below.is_empty() { name.to_string_lossy().into_owned() } else { format!("{below}/{}", name.to_string_lossy()) };
            if is_litter(&path) {
                continue;
            }
            let place = folder.join(&name);
            // Links are followed: they are the owner's. What is neither folder nor file (a pipe) could not be read to an end.
            let Ok(metadata) = fs::metadata(&place) else {
                self.visitor.take(Found::File(path, Err("cannot be opened: a link to nothing?".to_owned())))?;
                continue;
            };
            if metadata.is_dir() {
                self.visitor.take(Found::Folder(path.clone()))?;
                self.walk(&path, depth + 1)?;
            } else if metadata.is_file() && self.visitor.wants(&path) {
                let bytes = File::open(&place).map_err(|e| e.to_string()).and_then(|file| contents(file, self.limits.file));
                self.visitor.take(Found::File(path, bytes))?;
            }
        }
        Ok(())
    }
}

/// All bytes of a file, if they are not too many.
fn contents(reader: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > limit { Err(format!("more than the {limit} bytes that a file may have")) } else { Ok(bytes) }
}

struct Archive<'a> {
    name: String,
    size: u64,
    limits: &'a Limits,
    visitor: &'a mut dyn Visitor,
    expanded: Rc<Cell<u64>>,
}

/// Counts what comes out of an archive, and ends it where that is too much.
struct Counted<R> {
    reader: R,
    expanded: Rc<Cell<u64>>,
    limit: u64,
    /// Whether the last read found the end.
    ended: Rc<Cell<bool>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.ended.set(n == 0 && !buffer.is_empty());
        self.expanded.set(self.expanded.get() + n as u64);
        if self.expanded.get() > self.limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it expands to more than {} bytes", self.limit)));
        }
        Ok(n)
    }
}

impl Archive<'_> {
    fn wrong(&self, what: &str) -> DataError {
        DataError::Files { place: self.name.clone(), what: what.to_owned() }
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> DataError {
        self.wrong(&format!("the archive breaks off or is damaged: {error}; fetch or copy it again"))
    }

    fn limit(&self) -> u64 {
        self.limits.expanded.max(self.size.saturating_mul(EXPANSION))
    }

    fn counted<R: Read>(&self, reader: R, ended: &Rc<Cell<bool>>) -> Counted<R> {
        Counted { reader, expanded: self.expanded.clone(), limit: self.limit(), ended: ended.clone() }
    }

    /// The path of an entry with forward slashes and no root.
    fn path(&self, name: &[u8]) -> Result<String, DataError> {
        let name = String::from_utf8_lossy(name).replace('\\', "/");
        let drive = name.as_bytes().get(1) == Some(&b':');
        if name.len() as u64 > MAX_PATH || name.contains('\0') {
            return Err(self.wrong("holds an entry whose name is no path; pack the folder again"));
        }
        if name.starts_with('/') || drive || name.split('/').any(|part| part == "..") {
            return Err(self.wrong(&format!("the entry {name:?} climbs out of the archive; do not trust it, or pack the folder again with relative paths")));
        }
        Ok(name.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/"))
    }

    fn tar(self, reader: impl Read) -> Result<(), DataError> {
        let ended = Rc::new(Cell::new(false));
        let mut archive = tar::Archive::new(self.counted(reader, &ended));
        let mut long_name: Option<Vec<u8>> = None;
        // Names by headers of their own are read here: the library would read one of any length.
        for entry in archive.entries().map_err(|e| self.damaged(&e))?.raw(true) {
            let mut entry = entry.map_err(|e| self.damaged(&e))?;
            let (kind, size) = (entry.header().entry_type(), entry.size());
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                if size > 2 * MAX_PATH {
                    return Err(self.wrong("holds an entry whose name is no path; pack the folder again"));
                }
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(|e| self.damaged(&e))?;
                if kind.is_gnu_longname() {
                    long_name = Some(bytes.split(|&b| b == 0).next().unwrap_or_default().to_vec());
                } else if let Some(path) = tar::PaxExtensions::new(&bytes).flatten().find(|e| e.key_bytes() == b"path") {
                    long_name = Some(path.value_bytes().to_vec());
                }
                continue;
            }
            if kind.is_pax_global_extensions() {
                continue;
            }
            let path = self.path(&long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned()))?;
            if kind.is_dir() {
                if !path.is_empty() && !is_litter(&path) {
                    self.visitor.take(Found::Folder(path))?;
                }
            } else if kind.is_file() || kind.is_contiguous() {
                if is_litter(&path) || !self.visitor.wants(&path) {
                    continue;
                }
                let bytes = if size > self.limits.file {
                    Err(format!("{size} bytes, more than the {} that a file may have", self.limits.file))
                } else {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).map_err(|e| self.damaged(&e))?;
                    if (bytes.len() as u64) < size {
                        return Err(self.damaged(&format!("{} of {size} bytes of {path} are there", bytes.len())));
                    }
                    Ok(bytes)
                };
                self.visitor.take(Found::File(path, bytes))?;
            } else {
                return Err(self.wrong(&format!("the entry {path:?} is a link or a device; pack the files themselves (tar --dereference)")));
            }
        }
        if ended.get() || long_name.is_some() {
            return Err(self.damaged(&"it has no end mark"));
        }
        // To the end of the file: gzip's checksum stands there.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|e| self.damaged(&e))?;
        Ok(())
    }

    fn zip(self, reader: BufReader<File>) -> Result<(), DataError> {
        let mut archive = zip::ZipArchive::new(reader).map_err(|e| self.damaged(&e))?;
        let ended = Rc::new(Cell::new(false));
        for n in 0..archive.len() {
            let mut entry = match archive.by_index(n) {
                Ok(entry) => entry,
                Err(zip::result::ZipError::UnsupportedArchive(why)) => {
                    return Err(self.wrong(&format!("{why}; pack it again with deflate and without a password")));
                }
                Err(error) => return Err(self.damaged(&error)),
            };
            let path = self.path(entry.name_raw())?;
            if entry.is_dir() {
                if !path.is_empty() && !is_litter(&path) {
                    self.visitor.take(Found::Folder(path))?;
                }
                continue;
            }
            if entry.is_symlink() {
                return Err(self.wrong(&format!("the entry {path:?} is a link; pack the files themselves")));
            }
            if is_litter(&path) || !self.visitor.wants(&path) {
                continue;
            }
            // A file whose bytes are damaged is one bad file; an archive that expands without end is no archive.
            let bytes = contents(self.counted(&mut entry, &ended), self.limits.file);
            if self.expanded.get() > self.limit() {
                return Err(self.damaged(&format!("it expands to more than {} bytes", self.limit())));
            }
            self.visitor.take(Found::File(path, bytes))?;
        }
        Ok(())
    }
}

/// The first of `folders` that has `name`, or `name` itself where it is absolute.
///
/// # Errors
/// [`DataError::NoFile`] lists every place looked at.
pub fn find(name: &str, folders: &[PathBuf]) -> Result<PathBuf, DataError> {
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists());
    found.ok_or_else(|| DataError::NoFile { file: name.to_owned(), places: folders.iter().map(|folder| folder.display().to_string()).collect() })
}
