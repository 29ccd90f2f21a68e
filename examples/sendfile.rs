//! A web server for the files of a folder, which the system sends from its cache to the network: `sendfile`.
//!
//! ```sh
//! cargo run --example sendfile -- .
//! ```
//!
//! `curl http://127.0.0.1:8000/Cargo.toml` fetches a file. The arguments are the folder, and the address if it is to be
//! another one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Component, Path, PathBuf};

use gevent::Exception;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;

fn handle(mut stream: TcpStream, folder: &Path) -> Result<(), Exception> {
    let mut lines = BufReader::new(stream.clone()).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The rest of the head, whose end is an empty line.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    match open(folder, &request) {
        Ok((file, size)) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            // While the client takes the file, others are served.
            stream.sendfile(&file, 0, Some(size))?;
        }
        Err(error) => {
            println!("{request}: {error}");
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        }
    }
    Ok(())
}

/// The file that the request, `GET /path HTTP/1.1`, asks for, and its size.
fn open(folder: &Path, request: &str) -> io::Result<(File, u64)> {
    let path = request.strip_prefix("GET /").and_then(|rest| rest.split(' ').next());
    let path = Path::new(path.ok_or(io::ErrorKind::InvalidInput)?);
    // No path leads out of the folder.
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let file = File::open(folder.join(path))?;
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((file, metadata.len())),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

fn main() -> Result<(), Exception> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let server = StreamServer::new(&*address, move |stream, _address| handle(stream, &folder));
    server.start()?;
    println!("Listening at {}", server.address().expect("it is bound"));
    server.serve_forever()
}
