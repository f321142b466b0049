//! Downloading, against a server on localhost: whole, broken off, resumed, wrong, refused.
#![cfg(feature = "fetch")]

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wgrad_nn::data::DataError;
use wgrad_nn::data::fetch::{FetchProgress, MNIST_FILES, RemoteFile, fetch, fetch_mnist, sha256};

/// How the server treats one request.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Whole,
    /// Closes the connection after so many bytes of the body.
    BreakAfter(usize),
    /// Knows nothing of ranges.
    NoRange,
    Status(u16),
    /// Sends these bytes' number of zeros.
    Zeros(usize),
}

struct Server {
    mirror: String,
    /// The requests' "Range" headers, `None` for a request without.
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

/// Serves `files`; the n-th request gets the n-th of `answers`, later ones the last. The thread ends with
/// the process.
fn serve(files: HashMap<String, Vec<u8>>, answers: Vec<Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/data/", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = ranges.clone();
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let answer = answers[nth.min(answers.len() - 1)];
            // A client that closes early is part of the tests.
            let _ = respond(stream.unwrap(), &files, answer, &seen);
        }
    });
    Server { mirror, ranges }
}

fn respond(mut stream: TcpStream, files: &HashMap<String, Vec<u8>>, answer: Answer, seen: &Mutex<Vec<Option<String>>>) -> std::io::Result<()> {
    let (mut name, mut range) = (String::new(), None);
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if let Some(path) = line.strip_prefix("GET /data/") {
            name = path.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = Some(value.to_owned());
        }
        if line.is_empty() {
            break;
        }
    }
    seen.lock().unwrap().push(range.clone());
    let zeros = match answer {
        Answer::Zeros(n) => Some(vec![0; n]),
        _ => None,
    };
    let body = zeros.as_ref().or(files.get(&name));
    let (status, body) = match (answer, body) {
        (Answer::Status(status), _) => (status, &[][..]),
        (_, None) => (404, &[][..]),
        (_, Some(body)) => (200, &body[..]),
    };
    let start = range.and_then(|r| r.trim_end_matches('-').parse::<usize>().ok()).filter(|_| answer != Answer::NoRange);
    let (status, extra, body) = match start {
        Some(start) if status == 200 && start >= body.len() => (416, String::new(), &[][..]),
        Some(start) if status == 200 => (206, format!("Content-Range: bytes {start}-{}/{}\r\n", body.len() - 1, body.len()), &body[start..]),
        _ => (status, String::new(), body),
    };
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n", body.len())?;
    let send = match answer {
        Answer::BreakAfter(n) => n.min(body.len()),
        _ => body.len(),
    };
    stream.write_all(&body[..send])
}

/// Bytes that do not compress, and their gzip.
fn contents() -> (Vec<u8>, Vec<u8>) {
    let mut rng = wgrad_nn::data::rng::Rng::new(1, 1);
    let plain: Vec<u8> = (0..300_000).map(|_| rng.next_u64() as u8).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    (plain, encoder.finish().unwrap())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

struct Case {
    server: Server,
    folder: tempfile::TempDir,
    digest: String,
    packed: Vec<u8>,
}

impl Case {
    fn new(answers: &[Answer]) -> Self {
        let (plain, packed) = contents();
        let server = serve(HashMap::from([("a.gz".to_owned(), packed.clone())]), answers.to_vec());
        Self { server, folder: tempfile::tempdir().unwrap(), digest: hex(&plain), packed }
    }

    fn fetch(&self) -> Result<Vec<(u64, Option<u64>)>, DataError> {
        let mut told = Vec::new();
        let mut tell = |p: FetchProgress<'_>| told.push((p.received, p.total));
        let file = RemoteFile { name: "a.gz", sha256: &self.digest };
        fetch(&self.server.mirror, self.folder.path(), &[file], &mut tell).map(|()| told)
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.server.ranges.lock().unwrap().clone()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn is_complete(&self) {
        assert_eq!(fs::read(self.folder.path().join("a.gz")).unwrap(), self.packed);
        assert_eq!(self.names(), ["a.gz"]);
    }
}

#[test]
fn whole_file_with_progress_and_no_second_download() {
    let case = Case::new(&[Answer::Whole]);
    let told = case.fetch().unwrap();
    let size = case.packed.len() as u64;
    assert_eq!((told.first(), told.last()), (Some(&(0, Some(size))), Some(&(size, Some(size)))));
    case.is_complete();
    assert_eq!(case.fetch().unwrap(), [(size, Some(size))]);
    assert_eq!(case.ranges().len(), 1);
}

#[test]
fn broken_connection_is_resumed_at_once() {
    let case = Case::new(&[Answer::BreakAfter(100_000), Answer::BreakAfter(50_000), Answer::Whole]);
    case.fetch().unwrap();
    case.is_complete();
    assert_eq!(case.ranges(), [None, Some("100000-".into()), Some("150000-".into())]);
}

#[test]
fn download_of_an_earlier_program_is_resumed() {
    let case = Case::new(&[Answer::Whole]);
    fs::write(case.folder.path().join("a.gz.part"), &case.packed[..70_000]).unwrap();
    case.fetch().unwrap();
    case.is_complete();
    assert_eq!(case.ranges(), [Some("70000-".into())]);
}

#[test]
fn part_that_is_already_whole_is_only_checked() {
    let case = Case::new(&[Answer::Whole]);
    fs::write(case.folder.path().join("a.gz.part"), &case.packed).unwrap();
    case.fetch().unwrap();
    case.is_complete();
}

#[test]
fn server_without_ranges_sends_it_all_again() {
    let case = Case::new(&[Answer::NoRange]);
    fs::write(case.folder.path().join("a.gz.part"), &case.packed[..70_000]).unwrap();
    case.fetch().unwrap();
    case.is_complete();
}

#[test]
fn part_of_another_file_is_thrown_away_and_fetched_anew() {
    let case = Case::new(&[Answer::Whole]);
    fs::write(case.folder.path().join("a.gz.part"), vec![7; 70_000]).unwrap();
    case.fetch().unwrap();
    case.is_complete();
    assert_eq!(case.ranges(), [Some("70000-".into()), None]);
}

#[test]
fn mirror_that_keeps_breaking_off_is_given_up_and_what_came_is_kept() {
    let case = Case::new(&[Answer::BreakAfter(1000), Answer::BreakAfter(0)]);
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("/data/a.gz") && error.contains("1000 bytes are kept"), "{error}");
    assert_eq!(case.names(), ["a.gz.part"]);
    assert_eq!(case.ranges().len(), 4);
}

#[test]
fn wrong_contents_are_not_kept() {
    let case = Case::new(&[Answer::Zeros(5000)]);
    let error = case.fetch().unwrap_err();
    assert!(matches!(&error, DataError::Hash { expected, .. } if *expected == case.digest), "{error}");
    assert!(case.names().is_empty());
}

#[test]
fn refusal_is_told_at_once() {
    let case = Case::new(&[Answer::Status(403)]);
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("answers 403"), "{error}");
    assert_eq!(case.ranges().len(), 1);
}

#[test]
fn mirror_in_trouble_is_asked_again() {
    let case = Case::new(&[Answer::Status(503), Answer::Whole]);
    case.fetch().unwrap();
    case.is_complete();
}

#[test]
fn no_server_and_no_address() {
    let folder = tempfile::tempdir().unwrap();
    for mirror in ["http://127.0.0.1:1/", "not an address"] {
        let error = fetch_mnist(mirror, folder.path(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(MNIST_FILES[0].name), "{error}");
    }
}

#[test]
fn cache_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"in the way").unwrap();
    let error = fetch_mnist("http://127.0.0.1:1/", &file, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("file/mnist"), "{error}");
}

/// The real files, where they are at hand: served, fetched, and found right by the digests in the program.
#[test]
fn real_mnist_passes_its_digests() {
    let Some(dir) = std::env::var_os("WGRAD_DATA") else {
        eprintln!("WGRAD_DATA is not set: the digests of MNIST are not checked");
        return;
    };
    let dir = std::path::Path::new(&dir).join("mnist");
    let read = |file: &RemoteFile<'_>| (file.name.to_owned(), fs::read(dir.join(file.name)).unwrap());
    let server = serve(MNIST_FILES.iter().map(read).collect(), vec![Answer::Whole]);
    let cache = tempfile::tempdir().unwrap();
    let folder = fetch_mnist(&server.mirror, cache.path(), &mut |_| {}).unwrap();
    for file in MNIST_FILES {
        assert_eq!(sha256(&folder.join(file.name)).unwrap(), file.sha256);
    }
    assert!(wgrad_nn::data::idx::has_mnist(cache.path()));
}
