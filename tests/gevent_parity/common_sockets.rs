//! What the scenarios about sockets share. The counterpart of common_sockets.py.

use std::io::{self, ErrorKind};

use gevent::hub::TimedOut;
use gevent::socket::{AF_INET, SOCK_STREAM, SendAllError, Socket, create_connection};
use gevent::{Exception, Greenlet, setswitchinterval, spawn};

use super::common::{TestResult, name};

/// Has no greenlet give way because it has run for long, which a busy machine would decide.
pub(crate) fn undisturbed() -> TestResult {
    Ok(setswitchinterval(100.0)?)
}

/// Prints what has come of a call: its result or its error.
pub(crate) fn says<T: Shown, E: Into<Exception>>(what: &str, result: Result<T, E>) {
    match result {
        Ok(value) => println!("{what}: {}", value.shown()),
        Err(error) => println!("{what}: {}", why(error.into())),
    }
}

/// Has a greenlet make a call on a socket, and print what comes of it.
pub(crate) fn waits<T: Shown, E: Into<Exception>>(
    what: &'static str,
    socket: &Socket,
    call: impl FnOnce(&Socket) -> Result<T, E> + 'static,
) -> Greenlet<()> {
    let socket = socket.clone();
    spawn(move || says(what, call(&socket)))
}

/// A result as it is printed.
pub(crate) trait Shown {
    fn shown(self) -> String;
}

impl Shown for () {
    fn shown(self) -> String {
        "done".to_owned()
    }
}

impl Shown for Vec<u8> {
    fn shown(self) -> String {
        format!("\"{}\"", String::from_utf8_lossy(&self).replace('\n', "\\n"))
    }
}

macro_rules! shown_as_displayed {
    ($($type:ty)*) => {$(
        impl Shown for $type {
            fn shown(self) -> String {
                self.to_string()
            }
        }
    )*};
}
shown_as_displayed!(bool usize i32 u64 String &'static str);

/// The name of an error: that of its number, `timed out`, or its type.
pub(crate) fn why(error: Exception) -> String {
    let of_sendall = error.downcast_ref::<SendAllError>().map(|error| &error.source);
    let system = of_sendall.or_else(|| error.downcast_ref::<io::Error>());
    if let Some(number) = system.and_then(io::Error::raw_os_error) {
        return number_name(number);
    }
    let inside = system.and_then(io::Error::get_ref);
    if error.is::<TimedOut>() || inside.is_some_and(|inside| inside.is::<TimedOut>()) {
        return "timed out".to_owned();
    }
    name(&error)
}

pub(crate) fn number_name(number: i32) -> String {
    let name = match number {
        0 => "0",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::EAGAIN => "EAGAIN",
        libc::EALREADY => "EALREADY",
        libc::EBADF => "EBADF",
        libc::ECONNABORTED => "ECONNABORTED",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ECONNRESET => "ECONNRESET",
        libc::EEXIST => "EEXIST",
        libc::EDESTADDRREQ => "EDESTADDRREQ",
        libc::EINPROGRESS => "EINPROGRESS",
        libc::EINVAL => "EINVAL",
        libc::EISCONN => "EISCONN",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::ENOENT => "ENOENT",
        libc::ENOTCONN => "ENOTCONN",
        libc::ENOTSUP => "ENOTSUP",
        libc::EPIPE => "EPIPE",
        libc::EPROTOTYPE => "EPROTOTYPE",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// A socket that listens at a port of its own.
pub(crate) fn listener() -> io::Result<Socket> {
    let server = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    server.bind(("127.0.0.1", 0))?;
    server.listen(128)?;
    Ok(server)
}

/// Both ends of a TCP connection: of the one that has connected, and of the one that was accepted.
pub(crate) fn connection() -> io::Result<(Socket, Socket)> {
    let server = listener()?;
    let client = create_connection(server.getsockname()?)?;
    Ok((client, server.accept()?.0))
}

/// A listener whose queue is full, so that nobody else gets an answer, and the one that fills it.
pub(crate) fn busy_listener() -> io::Result<(Socket, Socket)> {
    let server = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    server.bind(("127.0.0.1", 0))?;
    server.listen(0)?;
    let client = create_connection(server.getsockname()?)?;
    Ok((server, client))
}

/// Sends until there is no more room.
pub(crate) fn fill(socket: &Socket) -> io::Result<()> {
    socket.setblocking(false);
    let full = loop {
        match socket.send(&[0; 4096]) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    socket.setblocking(true);
    match full.kind() {
        ErrorKind::WouldBlock => Ok(()),
        _ => Err(full),
    }
}

/// Receives all that is there, and returns how much it was.
pub(crate) fn drain(socket: &Socket) -> io::Result<usize> {
    socket.setblocking(false);
    let mut count = 0;
    let error = loop {
        match socket.recv(65536) {
            Ok(data) if data.is_empty() => break None,
            Ok(data) => count += data.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
            Err(error) => break Some(error),
        }
    };
    socket.setblocking(true);
    error.map_or(Ok(count), Err)
}
