//! [`ask`]: one question to one server.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::message::{Question, Reply};
use crate::lock::Deadline;
use crate::socket::{TcpStream, UdpSocket, ends_all};

/// How it has gone.
pub(super) enum Heard {
    Reply(Reply),
    /// Nothing within the time that can be an answer.
    Nothing,
    /// The server cannot be reached, or has ended the connection.
    Unreachable,
}

/// Asks a server, which has some seconds to answer. Each time there is a new socket, whose port the system chooses at
/// random, and which receives from the server only.
///
/// # Errors
/// Fails if there can be no socket, and with an exception that is thrown into the current greenlet meanwhile.
#[track_caller]
pub(super) fn ask(server: SocketAddr, question: &Question, seconds: f64, by_tcp: bool) -> io::Result<Heard> {
    let deadline = Deadline::after(Some(seconds));
    if !by_tcp {
        match by_datagram(server, question, deadline) {
            Ok(Heard::Reply(reply)) if reply.truncated => {}
            heard => return checked(heard),
        }
    }
    checked(by_stream(server, question, deadline))
}

/// The system's errors of a connection say that the server cannot be reached; others are about this process.
fn checked(heard: io::Result<Heard>) -> io::Result<Heard> {
    match heard {
        Err(error) if ends_all(&error) || is_own(&error) => Err(error),
        Err(_) => Ok(Heard::Unreachable),
        heard => heard,
    }
}

fn is_own(error: &io::Error) -> bool {
    let own = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error.raw_os_error().is_some_and(|number| own.contains(&number))
}

/// The seconds that are left. `None` when there are none.
fn left(deadline: Deadline) -> Option<f64> {
    deadline.left().filter(|left| *left > 0.0)
}

fn is_over(error: &io::Error) -> bool {
    !ends_all(error) && error.kind() == io::ErrorKind::TimedOut
}

#[track_caller]
fn by_datagram(server: SocketAddr, question: &Question, deadline: Deadline) -> io::Result<Heard> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(&question.bytes)?;
    let mut buffer = [0; 4096];
    while let Some(seconds) = left(deadline) {
        socket.set_timeout(seconds)?;
        match socket.recv(&mut buffer) {
            Ok(len) => {
                if let Some(reply) = question.reply(&buffer[..len]) {
                    return Ok(Heard::Reply(reply));
                }
            }
            Err(error) if is_over(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Heard::Nothing)
}

#[track_caller]
fn by_stream(server: SocketAddr, question: &Question, deadline: Deadline) -> io::Result<Heard> {
    match converse(server, question, deadline) {
        Ok(bytes) => Ok(question.reply(&bytes).map_or(Heard::Nothing, Heard::Reply)),
        Err(error) if is_over(&error) => Ok(Heard::Nothing),
        Err(error) => Err(error),
    }
}

/// Sends a message over a connection, and receives one. Both begin with their length.
#[track_caller]
fn converse(server: SocketAddr, question: &Question, deadline: Deadline) -> io::Result<Vec<u8>> {
    let over = || io::Error::from(hub::TimedOut);
    let mut stream = TcpStream::connect_timeout(server, left(deadline).ok_or_else(over)?)?;
    let len = u16::try_from(question.bytes.len()).map_err(io::Error::other)?;
    stream.set_timeout(left(deadline).ok_or_else(over)?)?;
    stream.write_all(&[&len.to_be_bytes(), &question.bytes[..]].concat())?;
    let mut receive = |buffer: &mut [u8]| -> io::Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            stream.set_timeout(left(deadline).ok_or_else(over)?)?;
            match stream.read(&mut buffer[done..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    };
    let mut len = [0; 2];
    receive(&mut len)?;
    let mut bytes = vec![0; u16::from_be_bytes(len).into()];
    receive(&mut bytes)?;
    Ok(bytes)
}
