//! An end that the other side has not said is an error, unless it is to be none; and what came before is there.

use std::io::Write;

use gevent::socket::UnixStream;
use gevent::spawn;
use gevent::ssl::WrapSocket;

use super::common::TestResult;
use super::common_ssl::{attempt, client_context, connected, recv, server_context};

pub(crate) fn main() -> TestResult {
    let (mut near, far) = connected()?;
    near.write_all(b"abc")?;
    // close() of the stream would say it.
    near.get_ref().close();
    println!("read: {}", recv(&far, 100)?);
    for _ in 0..2 {
        attempt("read", recv(&far, 100));
    }

    let (near, far) = UnixStream::pair()?;
    let near = spawn(move || Ok(client_context()?.wrap_socket(near, "localhost")?));
    let options = WrapSocket {
        suppress_ragged_eofs: true,
        ..WrapSocket::default()
    };
    let far = server_context()?.wrap_socket_with(far, options)?;
    near.get()?.write_all(b"abc")?;
    near.get()?.get_ref().close();
    for _ in 0..3 {
        println!("it is to be none: {} bytes", recv(&far, 100)?.len());
    }

    // Within the handshake.
    for (what, data) in [
        ("nothing", &b""[..]),
        ("a part of a record", b"\x16\x03\x01\x02\x00\x01"),
    ] {
        let (mut near, far) = UnixStream::pair()?;
        near.write_all(data)?;
        near.close();
        let wrapped = server_context()?.wrap_socket(far, None);
        attempt(&format!("{what} of a handshake"), wrapped.map(|_| "done"));
    }
    Ok(())
}
