//! Handshakes and reads that take too long, or that must not wait, and go on afterwards.

use std::io::Write;

use gevent::socket::UnixStream;
use gevent::ssl::WrapSocket;
use gevent::{sleep, spawn};

use super::common::{TestResult, show};
use super::common_ssl::{attempt, client_context, connected, recv, server_context};

pub(crate) fn main() -> TestResult {
    let (_near, far) = UnixStream::pair()?;
    far.set_timeout(0.01)?;
    let wrapped = server_context()?.wrap_socket(far, None);
    attempt("a client that says nothing", wrapped.map(|_| "done"));

    let (near, _far) = UnixStream::pair()?;
    near.set_timeout(0.01)?;
    let wrapped = client_context()?.wrap_socket(near, "localhost");
    attempt("a server that says nothing", wrapped.map(|_| "done"));

    let (near, far) = UnixStream::pair()?;
    let options = WrapSocket {
        server_hostname: Some("localhost"),
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    let near = client_context()?.wrap_socket_with(near, options)?;
    println!("before the handshake: {}", show(near.version()));
    let do_handshake = || near.do_handshake().map(|()| "None");
    near.set_timeout(0)?;
    attempt("without waiting", do_handshake());
    near.set_timeout(0.01)?;
    attempt("in time", do_handshake());
    near.set_timeout(None)?;
    let serving = spawn(move || Ok(server_context()?.wrap_socket(far, None)?));
    attempt("at last", do_handshake());
    attempt("again", do_handshake());
    let far = serving.get()?;
    println!("after the handshake: {}", show(near.version()));

    far.set_timeout(0)?;
    attempt("a read without waiting", recv(&far, 10));
    far.set_timeout(0.01)?;
    attempt("a read in time", recv(&far, 10));
    (&near).write_all(b"abc")?;
    attempt("a read of what is there", recv(&far, 10));
    far.set_timeout(None)?;
    let reading = spawn(move || Ok(recv(&far, 10)?));
    sleep(0)?;
    (&near).write_all(b"def")?;
    println!("a read without a limit: {}", reading.get()?);

    let (mut near, _far) = connected()?;
    near.set_timeout(0.01)?;
    let sent = near.write_all(&vec![0; 10_000_000]);
    attempt("too much for a client that does not read", sent.map(|()| "None"));
    Ok(())
}
