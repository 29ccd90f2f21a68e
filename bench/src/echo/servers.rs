//! The echo servers, each in the plainest form that its users would write. They run until they are killed.

use std::io::{Read, Write};
use std::os::fd::{IntoRawFd, OwnedFd};

use gevent::server::StreamServer;
use gevent::socket::{TcpListener, UdpSocket, UnixListener};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::HUBS;
use super::place::Place;
use crate::Result;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Serves at a place; `bytes` are read at a time, at most.
pub(super) fn serve(peer: &str, place: &Place, bytes: usize) -> Result {
    match peer {
        "ours" => ours(place, listen(place)?, bytes),
        "ours, two hubs" => hubs(place, bytes),
        "libev in C" => libev(place, listen(place)?, bytes),
        "tokio" => tokio(place, listen(place)?, bytes),
        "may" => may(place, bytes),
        _ => Err("no such server".into()),
    }
}

fn listen(place: &Place) -> Result<OwnedFd> {
    let (address, type_) = match place {
        Place::Tcp(address) => (SockAddr::from(*address), Type::STREAM),
        Place::Unix(path) => (SockAddr::unix(path)?, Type::STREAM),
        Place::Udp(address) => (SockAddr::from(*address), Type::DGRAM),
    };
    let socket = Socket::new(address.domain(), type_, None)?;
    socket.set_nonblocking(true)?;
    if address.domain() != Domain::UNIX {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address)?;
    if type_ == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

fn echo(mut stream: impl Read + Write, bytes: usize) -> std::io::Result<()> {
    let mut buffer = vec![0; bytes];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n])?;
    }
}

fn ours(place: &Place, listener: OwnedFd, bytes: usize) -> Result {
    match place {
        Place::Tcp(_) => {
            let listener = TcpListener::try_from(listener)?;
            // A client's reset is no error of the server.
            let server = StreamServer::builder().build_on(listener, move |stream, _address| {
                stream.set_nodelay(true)?;
                echo(stream, bytes).or(Ok(()))
            });
            server.serve_forever()?;
        }
        Place::Unix(_) => {
            for stream in UnixListener::try_from(listener)?.incoming() {
                let stream = stream?;
                gevent::spawn(move || echo(stream, bytes).or(Ok(())));
            }
        }
        Place::Udp(_) => {
            let socket = UdpSocket::try_from(listener)?;
            let mut buffer = vec![0; bytes];
            loop {
                let (n, from) = socket.recv_from(&mut buffer)?;
                socket.send_to(&buffer[..n], from)?;
            }
        }
    }
    Ok(())
}

/// A hub on each of some threads, with a listener of its own.
fn hubs(place: &Place, bytes: usize) -> Result {
    let Place::Tcp(address) = *place else {
        return Err("several hubs only over tcp".into());
    };
    let serve = move || {
        let builder = StreamServer::builder().reuse_port(true).backlog(BACKLOG);
        let server = builder.build(address, move |stream, _address| {
            stream.set_nodelay(true)?;
            echo(stream, bytes).or(Ok(()))
        });
        server.serve_forever()
    };
    let others = (1..HUBS).map(|_| gevent::run_in_thread(serve));
    let others = others.collect::<std::io::Result<Vec<_>>>()?;
    serve()?;
    for other in others {
        other.join().map_err(|_| "a thread has panicked")??;
    }
    Ok(())
}

fn libev(place: &Place, listener: OwnedFd, bytes: usize) -> Result {
    unsafe extern "C" {
        safe fn echo_serve(listener: i32, bytes: usize) -> i32;
        safe fn echo_serve_datagrams(socket: i32, bytes: usize) -> i32;
    }
    let listener = listener.into_raw_fd();
    let served = match place {
        Place::Udp(_) => echo_serve_datagrams(listener, bytes),
        Place::Tcp(_) | Place::Unix(_) => echo_serve(listener, bytes),
    };
    match served {
        0 => Ok(()),
        _ => Err("libev has no loop".into()),
    }
}

fn tokio(place: &Place, listener: OwnedFd, bytes: usize) -> Result {
    async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: usize) {
        let mut buffer = vec![0; bytes];
        while let Ok(n) = stream.read(&mut buffer).await {
            if n == 0 || stream.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match place {
            Place::Tcp(_) => {
                let listener = tokio::net::TcpListener::from_std(listener.into())?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    tokio::spawn(echo(stream, bytes));
                }
            }
            Place::Unix(_) => {
                let listener = tokio::net::UnixListener::from_std(listener.into())?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    tokio::spawn(echo(stream, bytes));
                }
            }
            Place::Udp(_) => {
                let socket = tokio::net::UdpSocket::from_std(listener.into())?;
                let mut buffer = vec![0; bytes];
                loop {
                    let (n, from) = socket.recv_from(&mut buffer).await?;
                    socket.send_to(&buffer[..n], from).await?;
                }
            }
        }
    })
}

/// may cannot take over a socket, so it binds one of its own.
fn may(place: &Place, bytes: usize) -> Result {
    fn echo(mut stream: impl Read + Write, bytes: usize) {
        let mut buffer = vec![0; bytes];
        while let Ok(n) = stream.read(&mut buffer) {
            if n == 0 || stream.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
    }
    may::config().set_workers(1);
    let place = place.clone();
    let serving = may::go!(move || -> std::io::Result<()> {
        match place {
            Place::Tcp(address) => {
                let listener = may::net::TcpListener::bind(address)?;
                loop {
                    let (stream, _) = listener.accept()?;
                    stream.set_nodelay(true)?;
                    may::go!(move || echo(stream, bytes));
                }
            }
            Place::Unix(path) => {
                let listener = may::os::unix::net::UnixListener::bind(path)?;
                loop {
                    let (stream, _) = listener.accept()?;
                    may::go!(move || echo(stream, bytes));
                }
            }
            Place::Udp(address) => {
                let socket = may::net::UdpSocket::bind(address)?;
                let mut buffer = vec![0; bytes];
                loop {
                    let (n, from) = socket.recv_from(&mut buffer)?;
                    socket.send_to(&buffer[..n], from)?;
                }
            }
        }
    });
    Ok(serving.join().map_err(|_| "may's server failed")??)
}
