//! A server for the page's files on this machine alone.

use crate::run::Failure;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A browser that keeps a connection open and says nothing is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a request's head that are read; browsers send a tenth of it.
const HEAD: u64 = 16 * 1024;

/// Serves a folder until the program is ended. Port 0 is any free one.
pub(crate) fn serve(folder: &Path, port: u16) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure(format!("port {port} cannot be listened on: {e}; another one: --port 0"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    println!("Serving {} at http://{address}/ (Ctrl-C ends it)", folder.display());
    for connection in listener.incoming().flatten() {
        let folder = folder.to_path_buf();
        // A browser that goes away in the middle is its own affair.
        std::thread::spawn(move || drop(answer(connection, &folder)));
    }
    Ok(())
}

fn answer(mut connection: TcpStream, folder: &Path) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(connection.try_clone()?.take(HEAD));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    // The rest of the head is read, or closing would cut the answer off.
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (status, kind, body) = if method != "GET" && method != "HEAD" {
        ("405 Method Not Allowed", "text/plain; charset=utf-8", b"Only GET and HEAD.\n".to_vec())
    } else {
        let found = resolve(folder, target).and_then(|path| Some((media_type(&path), std::fs::read(path).ok()?)));
        match found {
            Some((kind, body)) => ("200 OK", kind, body),
            None => ("404 Not Found", "text/plain; charset=utf-8", b"No such file.\n".to_vec()),
        }
    };
    let length = body.len();
    // no-cache: a page that was built anew shows at the next reload.
    write!(connection, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n")?;
    if method == "GET" {
        connection.write_all(&body)?;
    }
    connection.flush()
}

/// The file that a request names, if it lies in the folder. Names with escapes are no files of a page, and `..` leads out.
fn resolve(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let plain = |part: &str| !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !path.split('/').all(plain) {
        return None;
    }
    let mut file = folder.to_path_buf();
    file.extend(path.split('/').filter(|part| !part.is_empty()));
    if file.is_dir() {
        file.push("index.html");
    }
    // A link might lead out as well.
    let (file, folder) = (file.canonicalize().ok()?, folder.canonicalize().ok()?);
    (file.starts_with(folder) && file.is_file()).then_some(file)
}

/// What a browser must be told: it compiles wasm while it loads, and runs modules, only under their right names.
fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> tempfile::TempDir {
        let outer = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(outer.path().join("site/sub")).unwrap();
        for (name, text) in [("secret.txt", "secret"), ("site/index.html", "page"), ("site/a.wasm", "\0asm"), ("site/sub/index.html", "sub")] {
            std::fs::write(outer.path().join(name), text).unwrap();
        }
        outer
    }

    #[test]
    fn files_of_the_folder_are_found_and_folders_stand_for_their_page() {
        let outer = site();
        let folder = outer.path().join("site");
        for (target, file) in [("/", "index.html"), ("/a.wasm?v=1", "a.wasm"), ("/sub/", "sub/index.html"), ("/sub", "sub/index.html"), ("/#x", "index.html")] {
            assert_eq!(resolve(&folder, target), Some(folder.join(file).canonicalize().unwrap()), "{target}");
        }
    }

    #[test]
    fn nothing_outside_of_the_folder_is_found() {
        let outer = site();
        let folder = outer.path().join("site");
        for target in ["/../secret.txt", "/sub/../../secret.txt", "/%2e%2e/secret.txt", "//../secret.txt", "/..\\secret.txt", "secret.txt", "", "/gone.html"] {
            assert_eq!(resolve(&folder, target), None, "{target}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret.txt"), folder.join("link.txt")).unwrap();
            assert_eq!(resolve(&folder, "/link.txt"), None);
        }
    }

    #[test]
    fn a_request_over_a_socket_is_answered_with_type_length_and_bytes() {
        let outer = site();
        let folder = outer.path().join("site");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ask = |request: &str| {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            answer(listener.accept().unwrap().0, &folder).unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            text
        };
        let wasm = ask("GET /a.wasm HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(wasm.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/wasm\r\nContent-Length: 4\r\n") && wasm.ends_with("\r\n\r\n\0asm"), "{wasm}");
        let head = ask("HEAD / HTTP/1.1\r\n\r\n");
        assert!(head.contains("Content-Length: 4") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(ask("GET /gone HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    }
}
