//! `data fetch` against a server on localhost.

use crate::common::Place;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

/// Serves `files` by name until the process ends; everything else is 404.
fn serve(files: HashMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/data/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that closes early is no failure of the test.
            let _ = respond(stream.unwrap(), &files);
        }
    });
    mirror
}

fn respond(mut stream: TcpStream, files: &HashMap<String, Vec<u8>>) -> std::io::Result<()> {
    let (mut name, mut from) = (String::new(), 0);
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if let Some(path) = line.strip_prefix("GET /data/") {
            name = path.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let Some(bytes) = files.get(&name) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let status = if from > 0 { format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len()) } else { "200 OK".to_owned() };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len() - from)?;
    stream.write_all(&bytes[from..])
}

const FILES: [&str; 4] = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"];

#[test]
fn what_a_mirror_does_not_have_or_has_wrong_is_refused_and_not_kept() {
    let place = Place::new();
    let empty = serve(HashMap::new());
    place.refused(&["data", "fetch", "mnist", "--mirror", &empty, "--to", "data"], &["404", FILES[0]]);
    let wrong = serve(FILES.iter().map(|name| ((*name).to_owned(), b"something else".to_vec())).collect());
    place.refused(&["data", "fetch", "mnist", "--mirror", &wrong, "--to", "data"], &["SHA-256", FILES[0]]);
    assert_eq!(std::fs::read_dir(place.path("data/mnist")).unwrap().count(), 0);
    place.refused(&["data", "fetch", "mnist", "--mirror", "http://127.0.0.1:1/", "--to", "data"], &["127.0.0.1:1"]);
}

/// The digests are those of the real files, so only they can be downloaded with success.
#[test]
fn mnist_comes_whole_and_goes_on_where_it_broke_off() {
    let source = std::env::var_os("WGRAD_DATA").map(std::path::PathBuf::from);
    let read = |name: &str| {
        let source = source.as_deref()?;
        [source.to_owned(), source.join("mnist")].iter().find_map(|dir: &std::path::PathBuf| std::fs::read(Path::new(dir).join(name)).ok())
    };
    let Some(files) = FILES.iter().map(|name| read(name).map(|bytes| ((*name).to_owned(), bytes))).collect::<Option<HashMap<_, _>>>() else {
        eprintln!("WGRAD_DATA names no folder with MNIST as gzip files: not tested");
        return;
    };
    let place = Place::new();
    let half = &files[FILES[0]][..files[FILES[0]].len() / 2];
    place.write(&format!("data/mnist/{}.part", FILES[0]), half);
    let mirror = serve(files.clone());
    let done = place.good(&["data", "fetch", "mnist", "--mirror", &mirror, "--to", "data"]);
    assert!(done.stdout.contains("MNIST is in"), "{}", done.stdout);
    for (name, bytes) in files {
        assert!(place.bytes(&format!("data/mnist/{name}")) == bytes, "{name}");
    }
}
