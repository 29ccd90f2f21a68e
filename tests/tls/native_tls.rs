//! The crate `native-tls`, which is OpenSSL here, on our streams: what is written for any `Read + Write` works on them.

#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::rc::Rc;

use gevent::socket::UnixStream;
use gevent::{Exception, sleep, spawn};
use gevent_tls_tests::{client, file, server};
use native_tls::{Certificate, HandshakeError, Identity, TlsAcceptor, TlsConnector, TlsStream};

use support::{TestResult, bounded};

fn connector() -> Result<TlsConnector, Exception> {
    let ca = Certificate::from_pem(&std::fs::read(file("ca.crt"))?)?;
    Ok(TlsConnector::builder()
        .disable_built_in_roots(true)
        .add_root_certificate(ca)
        .build()?)
}

fn acceptor() -> Result<TlsAcceptor, Exception> {
    let [certificate, key] = ["localhost.crt", "localhost.key"].map(|name| std::fs::read(file(name)));
    Ok(TlsAcceptor::new(Identity::from_pkcs8(&certificate?, &key?)?)?)
}

/// The error of a handshake that has failed. With streams that wait it never has to be continued.
fn failed<S: std::fmt::Debug>(error: HandshakeError<S>) -> Exception {
    match error {
        HandshakeError::Failure(error) => error.into(),
        HandshakeError::WouldBlock(_) => unreachable!("our streams wait"),
    }
}

/// The server's side, in what a greenlet can return: a value that can be cloned.
type Accepted = Rc<RefCell<Option<TlsStream<UnixStream>>>>;

fn accept(stream: UnixStream) -> Result<Accepted, Exception> {
    let accepted = acceptor()?.accept(stream).map_err(failed)?;
    Ok(Rc::new(RefCell::new(Some(accepted))))
}

/// Sends a megabyte there and back, while another greenlet runs.
fn echo(mut near: impl Read + Write, far: impl Read + Write + 'static) -> TestResult {
    let mut far = far;
    let echoing = spawn(move || {
        let mut buf = [0; 10_000];
        loop {
            match far.read(&mut buf)? {
                0 => return Ok(()),
                n => far.write_all(&buf[..n])?,
            }
        }
    });
    let ticking = spawn(|| (0..10).try_for_each(|_| sleep(0)));
    let (data, mut got) = ([7; 10_000], [0; 10_000]);
    for _ in 0..100 {
        near.write_all(&data)?;
        near.read_exact(&mut got)?;
        assert!(got == data);
    }
    drop(near);
    ticking.get()?;
    // The other side may have gone without a word.
    drop(echoing.get());
    Ok(())
}

#[test]
fn native_tls_on_both_sides() -> TestResult {
    let _bounded = bounded();
    let (near, far) = UnixStream::pair()?;
    let accepting = spawn(move || accept(far));
    let near = connector()?.connect("localhost", near).map_err(failed)?;
    let far = accepting.get()?.take().expect("it is taken once");
    echo(near, far)
}

#[test]
fn native_tls_and_our_server() -> TestResult {
    let _bounded = bounded();
    let (near, far) = UnixStream::pair()?;
    let accepting = spawn(move || Ok(server()?.wrap_socket(far, None)?));
    let near = connector()?.connect("localhost", near).map_err(failed)?;
    echo(near, accepting.get()?)
}

#[test]
fn our_client_and_native_tls() -> TestResult {
    let _bounded = bounded();
    let (near, far) = UnixStream::pair()?;
    let accepting = spawn(move || accept(far));
    let near = client()?.wrap_socket(near, "localhost")?;
    let far = accepting.get()?.take().expect("it is taken once");
    echo(near, far)
}
