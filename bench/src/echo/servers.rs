//! The echo servers, each in the plainest form that its users would write. They run until they are killed.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Result;

/// The number of bytes that are read at a time, at most.
const BUFFER: usize = 4096;
/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

pub(super) fn serve(peer: &str, address: SocketAddr) -> Result {
    match peer {
        "ours" => ours(address),
        "libev in C" => libev(address),
        "tokio" => tokio(address),
        "may" => may(address),
        _ => Err("no such server".into()),
    }
}

fn ours(address: SocketAddr) -> Result {
    let echo = |mut stream: TcpStream, _address: SocketAddr| {
        stream.set_nodelay(true)?;
        let mut buffer = [0; BUFFER];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..n])?;
        }
    };
    let server = StreamServer::builder().backlog(BACKLOG).build(address, echo);
    Ok(server.serve_forever()?)
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn libev(address: SocketAddr) -> Result {
    unsafe extern "C" {
        safe fn echo_serve(listener: i32) -> i32;
    }
    match echo_serve(listen(address)?.as_raw_fd()) {
        0 => Ok(()),
        _ => Err("libev has no loop".into()),
    }
}

fn tokio(address: SocketAddr) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listen(address)?)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let mut buffer = [0; BUFFER];
                while let Ok(n) = stream.read(&mut buffer).await {
                    if n == 0 || stream.write_all(&buffer[..n]).await.is_err() {
                        break;
                    }
                }
            });
        }
    })
}

fn may(address: SocketAddr) -> Result {
    may::config().set_workers(1);
    let serving = may::go!(move || -> std::io::Result<()> {
        let listener = may::net::TcpListener::bind(address)?;
        loop {
            let (mut stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            may::go!(move || {
                let mut buffer = [0; BUFFER];
                while let Ok(n) = stream.read(&mut buffer) {
                    if n == 0 || stream.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok(serving.join().map_err(|_| "may's server failed")??)
}
