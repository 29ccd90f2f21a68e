//! What the scenarios about TLS share. The counterpart of common_ssl.py.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use gevent::socket::UnixStream;
use gevent::ssl::{Protocol, SSLCertVerificationError, SSLContext, SSLEOFError, SSLError, SslStream};
use gevent::{Exception, Greenlet, spawn};

use super::common_sockets::{undisturbed, why};

/// A stream of a test.
pub(crate) type End = SslStream<UnixStream>;

/// One side of a handshake: a stream comes of it, or why it has failed.
pub(crate) type Side = Greenlet<Result<End, String>>;

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// That of a server with one of the certificates: of `localhost` or of `other`.
pub(crate) fn server_context_of(name: &str) -> io::Result<SSLContext> {
    let mut context = SSLContext::new(Protocol::TlsServer);
    context.load_cert_chain(file(&format!("{name}.crt")), file(&format!("{name}.key")))?;
    Ok(context)
}

/// That of a server with the certificate of `localhost`.
pub(crate) fn server_context() -> io::Result<SSLContext> {
    server_context_of("localhost")
}

/// That of a client that trusts the certificates.
pub(crate) fn client_context() -> io::Result<SSLContext> {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.load_verify_locations(file("ca.crt"))?;
    Ok(context)
}

/// Both ends of a connection whose handshake is done.
pub(crate) fn connected() -> Result<(End, End), Exception> {
    connected_with(&client_context()?, &server_context()?, "localhost")
}

/// [`connected`], with these contexts, and a server that the client calls by this name.
pub(crate) fn connected_with(client: &SSLContext, server: &SSLContext, name: &str) -> Result<(End, End), Exception> {
    let (near, far) = shaking(client, server, name)?;
    let done = |side: Side| side.get()?.map_err(Exception::msg);
    Ok((done(near)?, done(far)?))
}

/// The greenlets that do both sides of a handshake.
pub(crate) fn shaking(client: &SSLContext, server: &SSLContext, name: &str) -> Result<(Side, Side), Exception> {
    undisturbed()?;
    let (near, far) = UnixStream::pair()?;
    let (client, server, name) = (client.clone(), server.clone(), name.to_owned());
    let near = spawn(move || Ok(client.wrap_socket(near, &*name).map_err(reason)));
    let far = spawn(move || Ok(server.wrap_socket(far, None).map_err(reason)));
    Ok((near, far))
}

/// What has come of one side of a handshake: `done`, or why it failed.
pub(crate) fn outcome(side: &Side) -> Result<String, Exception> {
    Ok(side.get()?.err().unwrap_or_else(|| "done".to_owned()))
}

/// Prints what comes of a call: its result, or why it has failed.
pub(crate) fn attempt<T: Display>(what: &str, result: io::Result<T>) {
    match result {
        Ok(result) => println!("{what}: {result}"),
        Err(error) => println!("{what}: {}", reason(error)),
    }
}

/// Why a call has failed. What is wrong with a certificate has a number.
pub(crate) fn reason(error: io::Error) -> String {
    let inside = error.get_ref();
    if let Some(error) = inside.and_then(|error| error.downcast_ref::<SSLCertVerificationError>()) {
        return format!("{}, {}", error.verify_code, error.verify_message);
    }
    if error.kind() == io::ErrorKind::WouldBlock {
        return "would block".to_owned();
    }
    match inside {
        Some(inside) if inside.is::<SSLError>() => "SSLError".to_owned(),
        Some(inside) if inside.is::<SSLEOFError>() => "SSLEOFError".to_owned(),
        _ if error.kind() == io::ErrorKind::TimedOut => "timed out".to_owned(),
        _ => why(error.into()),
    }
}

/// An error of TLS as an exception of its own, as it is one in Python.
pub(crate) fn as_exception(error: io::Error) -> Exception {
    match error.get_ref().and_then(|error| error.downcast_ref::<SSLError>()) {
        Some(inside) => inside.clone().into(),
        None => error.into(),
    }
}

/// Receives once.
pub(crate) fn recv(mut stream: impl io::Read, size: usize) -> io::Result<String> {
    let mut data = vec![0; size];
    let count = stream.read(&mut data)?;
    Ok(String::from_utf8_lossy(&data[..count]).into_owned())
}
