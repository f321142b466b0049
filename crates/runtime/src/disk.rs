//! The driver's pipeline cache on disk. A file that is damaged, or of another driver, counts as absent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, io};

use crate::state::lock;

const MAGIC: &[u8; 8] = b"wgradpc1";
/// Magic, checksum.
const HEADER: usize = 16;

#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    /// Checksum of what the file holds.
    saved: Mutex<Option<u64>>,
}

impl Disk {
    /// Reads `folder/<key>`.
    pub(crate) fn open(folder: &Path, key: &str) -> (Self, Option<Vec<u8>>) {
        let path = folder.join(key);
        let data = fs::read(&path).ok().and_then(|file| match decode(&file) {
            Some(data) => Some(data.to_vec()),
            None => {
                log::warn!("pipeline cache {} is damaged: it is written anew", path.display());
                None
            }
        });
        let saved = Mutex::new(data.as_deref().map(checksum));
        (Self { path, saved }, data)
    }

    /// Writes what the driver has, unless the file holds it already. A failure costs only time at the next start.
    pub(crate) fn save(&self, data: &[u8]) {
        let sum = checksum(data);
        let mut saved = lock(&self.saved);
        if *saved == Some(sum) {
            return;
        }
        match replace(&self.path, data, sum) {
            Ok(()) => *saved = Some(sum),
            Err(error) => log::warn!("pipeline cache {} is not kept: {error}", self.path.display()),
        }
    }
}

fn replace(path: &Path, data: &[u8], sum: u64) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Two programs may write at once: each has its own temporary file.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(MAGIC)?;
        file.write_all(&sum.to_le_bytes())?;
        file.write_all(data)?;
        drop(file);
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

fn decode(file: &[u8]) -> Option<&[u8]> {
    let (header, data) = file.split_at_checked(HEADER)?;
    let sum = u64::from_le_bytes(header[8..].try_into().ok()?);
    (header[..8] == *MAGIC && sum == checksum(data)).then_some(data)
}

/// FNV-1a, 64 bits (offset basis and prime: draft-eastlake-fnv): drivers parse what they are given without
/// much doubt, so a flipped bit must not reach them.
fn checksum(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The user's folder for pipeline caches: `$XDG_CACHE_HOME/wgrad/pipelines` or `~/.cache/wgrad/pipelines`, on
/// macOS `~/Library/Caches/wgrad/pipelines`, on Windows `%LOCALAPPDATA%\wgrad\pipelines`.
pub(crate) fn user_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("wgrad").join("pipelines"))
}

/// Where the caches of pipelines are kept, and under which name for an adapter: one that changes with the driver.
pub(crate) fn key(info: &wgpu::AdapterInfo) -> Option<String> {
    let key = wgpu::util::pipeline_cache_key(info)?;
    let driver = checksum(format!("{} {}", info.driver, info.driver_info).as_bytes());
    Some(format!("{key}_{driver:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1a_of_known_texts() {
        // Test vectors of the draft.
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(checksum(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn what_is_saved_is_read_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, data) = Disk::open(folder.path(), "key");
        assert_eq!(data, None);
        disk.save(b"pipelines");
        assert_eq!(Disk::open(folder.path(), "key").1.as_deref(), Some(&b"pipelines"[..]));
        let path = folder.path().join("key");
        let good = fs::read(&path).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_eq!(Disk::open(folder.path(), "key").1, None, "byte {position}");
        }
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert_eq!(Disk::open(folder.path(), "key").1, None, "length {length}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
