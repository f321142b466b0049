//! Downloads a data set into the cache folder: resumed where it broke off, checked, then moved into place.
//!
//! A file comes to `<name>.part`. What a broken connection or a killed program leaves there is kept and
//! asked on from (HTTP `Range`). A file takes its own name only after the SHA-256 of its decompressed bytes
//! has been found right: mirrors compress the same bytes in different ways, so the digest of the gzip file
//! itself would say nothing.

use super::error::DataError;
use super::idx::MAX_BYTES;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where MNIST is downloaded from unless another mirror is named.
pub const MNIST_MIRROR: &str = "https://storage.googleapis.com/cvdf-datasets/mnist/";

/// The files of MNIST.
pub const MNIST_FILES: [RemoteFile<'static>; 4] = [
    RemoteFile { name: "train-images-idx3-ubyte.gz", sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" },
    RemoteFile { name: "train-labels-idx1-ubyte.gz", sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5" },
    RemoteFile { name: "t10k-images-idx3-ubyte.gz", sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7" },
    RemoteFile { name: "t10k-labels-idx1-ubyte.gz", sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2" },
];

/// Connections in a row that bring nothing before the download is given up.
const TRIES: u32 = 3;

/// How long a connection, an answer and a whole body may take. A body that took too long is resumed.
const CONNECT: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(60);
const BODY: Duration = Duration::from_secs(300);

/// A file of a data set on a mirror.
#[derive(Debug, Clone, Copy)]
pub struct RemoteFile<'a> {
    /// Its name, on the mirror and in the cache.
    pub name: &'a str,
    /// SHA-256 of its bytes, decompressed where they are gzip; hexadecimal, small letters.
    pub sha256: &'a str,
}

/// How far the download of a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchProgress<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Bytes that are here, those of earlier tries included.
    pub received: u64,
    /// Bytes in all, where the mirror tells.
    pub total: Option<u64>,
}

/// Downloads MNIST from `mirror` into `cache/mnist` and returns that folder.
///
/// Files that are there and right are left alone.
///
/// # Errors
/// [`DataError`]: [`DataError::Fetch`] where the mirror cannot be reached or refuses, [`DataError::Hash`]
/// where it gives something else, [`DataError::Io`] where the folder cannot be written.
pub fn fetch_mnist(mirror: &str, cache: &Path, progress: &mut dyn FnMut(FetchProgress<'_>)) -> Result<PathBuf, DataError> {
    let folder = cache.join("mnist");
    fetch(mirror, &folder, &MNIST_FILES, progress)?;
    Ok(folder)
}

/// Downloads `files` from the address `mirror` into `folder`, made if need be.
///
/// # Errors
/// As [`fetch_mnist`].
pub fn fetch(mirror: &str, folder: &Path, files: &[RemoteFile<'_>], progress: &mut dyn FnMut(FetchProgress<'_>)) -> Result<(), DataError> {
    fs::create_dir_all(folder).map_err(io_error("create the folder", folder))?;
    // Statuses are looked at here: 206 and 416 are answers, not failures.
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_recv_body(Some(BODY))
        .build()
        .new_agent();
    for file in files {
        let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
        Download { agent: &agent, url, file, folder, progress }.run()?;
    }
    Ok(())
}

struct Download<'d> {
    agent: &'d ureq::Agent,
    url: String,
    file: &'d RemoteFile<'d>,
    folder: &'d Path,
    progress: &'d mut dyn FnMut(FetchProgress<'_>),
}

/// What one connection brought.
enum Outcome {
    Complete,
    /// It broke off, for this reason.
    Broken(String),
}

impl Download<'_> {
    fn run(mut self) -> Result<(), DataError> {
        let target = self.folder.join(self.file.name);
        if target.is_file() && sha256(&target).ok().as_deref() == Some(self.file.sha256) {
            let size = fs::metadata(&target).map(|m| m.len()).unwrap_or(0);
            self.tell(size, Some(size));
            return Ok(());
        }
        let part = self.folder.join(format!("{}.part", self.file.name));
        let resumed = length(&part) > 0;
        let mut checked = self.receive(&part).and_then(|()| self.check(&part));
        if resumed && matches!(checked, Err(DataError::Hash { .. })) {
            // The beginning may have come from another mirror: once more, from scratch.
            checked = self.receive(&part).and_then(|()| self.check(&part));
        }
        checked?;
        fs::rename(&part, &target).map_err(io_error("move into place", &target))
    }

    /// Fills `part`, connection after connection, as long as each brings something.
    fn receive(&mut self, part: &Path) -> Result<(), DataError> {
        let mut failures = 0;
        loop {
            let before = length(part);
            let reason = match self.connect(part)? {
                Outcome::Complete => return Ok(()),
                Outcome::Broken(reason) => reason,
            };
            failures = if length(part) > before { 0 } else { failures + 1 };
            if failures == TRIES {
                let what = format!("{reason}; {} bytes are kept: check the connection and run it again to go on, or name another mirror", length(part));
                return Err(self.error(what));
            }
            log::info!("{}: {reason}; going on at byte {}", self.url, length(part));
        }
    }

    /// One connection: asks for what is missing and appends it to `part`.
    fn connect(&mut self, part: &Path) -> Result<Outcome, DataError> {
        let have = length(part);
        let mut request = self.agent.get(&self.url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => return Err(self.error(error.to_string())),
            Err(error) => return Ok(Outcome::Broken(error.to_string())),
        };
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let start = match response.status().as_u16() {
            200 => 0,
            206 if range_start(header("content-range").as_deref()) == Some(have) => have,
            // Nothing comes after what is here: whole, or no beginning of this file; the digest will tell.
            416 if have > 0 => return Ok(Outcome::Complete),
            206 => {
                fs::remove_file(part).map_err(io_error("remove", part))?;
                return Ok(Outcome::Broken("the mirror sends another part than was asked for".to_owned()));
            }
            status if status >= 500 => return Ok(Outcome::Broken(format!("the mirror answers {status}"))),
            status => return Err(self.error(format!("the mirror answers {status}; name another mirror"))),
        };
        let body = header("content-length").and_then(|n| n.parse::<u64>().ok());
        let total = body.and_then(|n| n.checked_add(start));
        if total.is_some_and(|total| total > MAX_BYTES) {
            return Err(self.error(format!("the mirror offers {} bytes, too many for this file", total.unwrap_or(0))));
        }
        self.append(part, start, total, response.into_body().into_reader())
    }

    fn append(&mut self, part: &Path, start: u64, total: Option<u64>, mut body: impl Read) -> Result<Outcome, DataError> {
        let failed = io_error("write", part);
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(part);
        let at_start = open.and_then(|mut out| {
            out.set_len(start)?;
            out.seek(io::SeekFrom::End(0)).map(|_| out)
        });
        let mut out = at_start.map_err(&failed)?;
        let (mut received, mut buffer) = (start, vec![0; 64 << 10]);
        loop {
            self.tell(received, total);
            let n = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) => return Ok(Outcome::Broken(format!("the connection broke off: {error}"))),
            };
            received += n as u64;
            if received > MAX_BYTES {
                return Err(self.error("the mirror sends more than a data file may hold".to_owned()));
            }
            out.write_all(&buffer[..n]).map_err(&failed)?;
        }
        if total.is_some_and(|total| received < total) {
            return Ok(Outcome::Broken("the connection broke off".to_owned()));
        }
        out.sync_all().map_err(&failed)?;
        Ok(Outcome::Complete)
    }

    /// Compares the digest; a wrong file is removed, for it can be of no use.
    fn check(&self, part: &Path) -> Result<(), DataError> {
        let found = match sha256(part) {
            Ok(found) if found == self.file.sha256 => return Ok(()),
            Ok(found) => found,
            Err(error) => format!("not to be had ({error})"),
        };
        fs::remove_file(part).map_err(io_error("remove", part))?;
        Err(DataError::Hash { url: self.url.clone(), found, expected: self.file.sha256.to_owned() })
    }

    fn tell(&mut self, received: u64, total: Option<u64>) {
        (self.progress)(FetchProgress { file: self.file.name, received, total });
    }

    fn error(&self, what: String) -> DataError {
        DataError::Fetch { url: self.url.clone(), what }
    }
}

/// SHA-256 of the file's bytes, decompressed where they are gzip; hexadecimal.
///
/// # Errors
/// Where the file cannot be read, its gzip data are damaged, or it holds more than [`MAX_BYTES`].
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = BufReader::new(File::open(path)?);
    let mut magic = Vec::new();
    (&mut file).take(2).read_to_end(&mut magic)?;
    file.rewind()?;
    let mut bytes: Box<dyn Read> = match magic[..] {
        [0x1f, 0x8b] => Box::new(MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    let mut digest = Sha256::new();
    let (mut read, mut buffer) = (0, vec![0; 64 << 10]);
    loop {
        let n = bytes.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        read += n as u64;
        if read > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more bytes than a data file may hold"));
        }
        digest.update(&buffer[..n]);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map(|m| m.len()).unwrap_or(0)
}

/// The 100 of `bytes 100-199/200`.
fn range_start(content_range: Option<&str>) -> Option<u64> {
    content_range?.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

fn io_error<'p>(action: &'static str, path: &'p Path) -> impl Fn(io::Error) -> DataError + use<'p> {
    move |source| DataError::Io { action, path: path.to_owned(), source }
}
