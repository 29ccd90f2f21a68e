//! The table of waits of TLS connections.

use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;

use super::strike::{Case, Row, case, row};
use gevent::socket::{TcpListener, UnixStream};
use gevent::ssl::{Protocol, SSLContext, SslStream, WrapSocket, get_server_certificate};
use gevent::{sleep, spawn};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/tls", name].iter().collect()
}

fn server() -> SSLContext {
    let mut context = SSLContext::new(Protocol::TlsServer);
    let loaded = context.load_cert_chain(file("localhost.crt"), file("localhost.key"));
    loaded.expect("they are there");
    context
}

fn client() -> SSLContext {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.load_verify_locations(file("ca.crt")).expect("it is there");
    context
}

type Tls = SslStream<UnixStream>;

/// A client that has not begun its handshake, and the other side's stream.
fn begun() -> (Tls, UnixStream) {
    let (near, far) = UnixStream::pair().expect("there are descriptors");
    let options = WrapSocket {
        server_hostname: Some("localhost"),
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    let near = client().wrap_socket_with(near, options).expect("a good name");
    (near, far)
}

/// Both ends of a connection.
fn pair() -> (Tls, Tls) {
    let (near, far) = begun();
    let serving = spawn(move || Ok(server().wrap_socket(far, None)?));
    near.do_handshake().expect("the certificate is good");
    let far = serving.get().expect("the client is good");
    // The greenlet has a handle, too.
    drop(serving.take());
    // The tickets are sent with the first data.
    (&far).write_all(b"x").expect("there is space");
    (&near).read_exact(&mut [0; 1]).expect("it is there");
    (near, far)
}

type Call = fn(&Tls) -> io::Result<usize>;

/// A case in which the peer sends when it is told. Bytes that the call has not taken must still be there.
fn reading(call: Call) -> Case {
    let (near, far) = pair();
    let mut check = far.clone();
    case(
        move || {
            assert_eq!(call(&far)?, 2);
            Ok(())
        },
        move || assert_eq!((&near).write(b"ab").expect("there is space"), 2),
        move |got| {
            if !got {
                let mut text = [0; 2];
                check.read_exact(&mut text).expect("it is there");
                assert_eq!(&text, b"ab");
            }
        },
    )
}

/// A case in which the peer sends, and ends, when it is told.
fn reading_to_end() -> Case {
    let (near, far) = pair();
    let mut check = far.clone();
    case(
        move || {
            assert_eq!(far.read_to_end_timeout(&mut Vec::new(), LIMIT)?, 2);
            Ok(())
        },
        move || {
            assert_eq!((&near).write(b"ab").expect("there is space"), 2);
            near.shutdown(Shutdown::Write).expect("there is space");
        },
        move |_| {
            check.read_to_end(&mut Vec::new()).expect("it has ended");
        },
    )
}

/// A case in which the peer reads all that was sent when it is told. Nothing may be left out, and nothing sent twice.
fn writing(call: Call) -> Case {
    let (near, far) = pair();
    far.set_write_timeout(0).expect("a good time");
    let mut before = 0;
    while let Ok(n) = (&far).write(&[0; 1 << 14]) {
        before += n;
    }
    far.set_write_timeout(None).expect("a good time");
    let (check, mut reader) = (far.clone(), near.clone());
    case(
        move || {
            call(&far)?;
            Ok(())
        },
        move || {
            let mut near = near.clone();
            spawn(move || {
                near.set_read_timeout(0.01)?;
                while near.read(&mut [0; 1 << 14]).is_ok_and(|n| n > 0) {}
                near.set_read_timeout(None)?;
                Ok(())
            });
        },
        move |_| {
            // It still works, after what was left behind.
            let rest = spawn(move || {
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest)?;
                Ok(rest.last().copied())
            });
            match (&check).write_all(&[7]) {
                Ok(()) => {
                    check.shutdown(Shutdown::Write).expect("somebody reads");
                    assert_eq!(rest.get().expect("it is TLS"), Some(7));
                }
                // The call has shut it down.
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
                    check.shutdown(Shutdown::Write).expect("somebody reads");
                    rest.get().expect("it is TLS");
                }
            }
            assert!(before > 0);
        },
    )
}

/// The server's end of a connection whose client has not begun its handshake.
fn answering(far: UnixStream) -> Tls {
    let options = WrapSocket {
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    server().wrap_socket_with(far, options).expect("it has a certificate")
}

/// Answers what the client has sent. In TLS 1.3 one answer is enough.
fn answer(server: &Tls) {
    if let Err(error) = server.do_handshake_timeout(0) {
        // A client that was killed may be gone.
        assert_ne!(error.kind(), io::ErrorKind::InvalidData, "{error:?}");
    }
}

/// A case in which the other side does its part of the handshake when it is told. If `is_second`, another greenlet does
/// the handshake, for which the call waits.
fn shaking(call: Call, is_second: bool) -> Case {
    let (near, far) = begun();
    let (check, server) = (near.clone(), answering(far));
    let check_server = server.clone();
    if is_second {
        let first = near.clone();
        spawn(move || Ok(first.do_handshake()?));
        sleep(0).expect("nobody kills the test");
    }
    case(
        move || call(&near).map(drop).map_err(Into::into),
        move || answer(&server),
        move |_| {
            check.do_handshake().expect("it goes on");
            check_server.do_handshake().expect("it goes on");
        },
    )
}

/// A case in which the other side does its part of the handshake when it is told, with a call that owns the stream.
fn wrapping(call: fn(UnixStream) -> io::Result<Tls>) -> Case {
    let (near, far) = UnixStream::pair().expect("there are descriptors");
    let (near, server) = (Cell::new(Some(near)), answering(far));
    case(
        move || {
            call(near.take().expect("it is called once"))
                .map(drop)
                .map_err(Into::into)
        },
        move || answer(&server),
        |_| (),
    )
}

/// A case in which a server answers when it is told.
fn asking() -> Case {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = listener.local_addr().expect("it is open").port();
    case(
        move || {
            let certificate = get_server_certificate(("127.0.0.1", port))?;
            assert!(certificate.starts_with("-----BEGIN"));
            Ok(())
        },
        move || {
            let Some((stream, _)) = listener.try_accept().expect("it is open") else {
                return;
            };
            // The client's first message is there, or comes in a moment, or the client is gone.
            spawn(move || {
                let mut context = server();
                context.set_handshake_timeout(0.1)?;
                let _ = context.wrap_socket(stream, None);
                Ok(())
            });
        },
        |_| (),
    )
}

/// A case in which the other side ends TLS when it is told.
fn unwrapping(call: Call) -> Case {
    let (near, far) = pair();
    let check = far.clone();
    case(
        move || call(&far).map(drop).map_err(Into::into),
        move || near.shutdown(Shutdown::Write).expect("there is space"),
        move |_| {
            check.unwrap().expect("the other side has ended it");
        },
    )
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let reads: [(_, Call); 7] = [
        ("src/ssl/stream.rs &SslStream::read", |mut s| s.read(&mut [0; 2])),
        ("src/ssl/stream.rs &SslStream::read_vectored", |mut s| {
            s.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])
        }),
        ("src/ssl/stream.rs SslStream::read", |s| s.clone().read(&mut [0; 8])),
        ("src/ssl/stream.rs SslStream::read_vectored", |s| {
            s.clone().read_vectored(&mut [IoSliceMut::new(&mut [0; 2])])
        }),
        ("src/ssl/stream.rs &SslStream::read_exact", |mut s| {
            s.read_exact(&mut [0; 2]).map(|()| 2)
        }),
        ("src/ssl/stream.rs SslStream::read_exact", |s| {
            s.clone().read_exact(&mut [0; 2]).map(|()| 2)
        }),
        ("src/ssl/stream.rs SslStream::read_exact_timeout", |s| {
            s.read_exact_timeout(&mut [0; 2], LIMIT).map(|()| 2)
        }),
    ];
    rows.extend(reads.map(|(name, call)| row(name, move || reading(call))));
    rows.push(row("src/ssl/stream.rs SslStream::read_to_end_timeout", reading_to_end));
    let writes: [(_, Call); 10] = [
        ("src/ssl/stream.rs &SslStream::write", |mut s| s.write(&[1; 8])),
        ("src/ssl/stream.rs &SslStream::write_vectored", |mut s| {
            s.write_vectored(&[IoSlice::new(&[1; 8])])
        }),
        ("src/ssl/stream.rs &SslStream::write_all", |mut s| {
            s.write_all(&[1; 8]).map(|()| 8)
        }),
        ("src/ssl/stream.rs &SslStream::flush", |mut s| s.flush().map(|()| 0)),
        ("src/ssl/stream.rs SslStream::write", |s| s.clone().write(&[1; 8])),
        ("src/ssl/stream.rs SslStream::write_vectored", |s| {
            s.clone().write_vectored(&[IoSlice::new(&[1; 8])])
        }),
        ("src/ssl/stream.rs SslStream::write_all", |s| {
            s.clone().write_all(&[1; 8]).map(|()| 8)
        }),
        ("src/ssl/stream.rs SslStream::flush", |s| s.clone().flush().map(|()| 0)),
        ("src/ssl/stream.rs SslStream::write_all_timeout", |s| {
            s.write_all_timeout(&[1; 8], LIMIT).map(|()| 8)
        }),
        ("src/ssl/stream.rs SslStream::shutdown", |s| {
            s.shutdown(Shutdown::Write).map(|()| 0)
        }),
    ];
    rows.extend(writes.map(|(name, call)| row(name, move || writing(call))));
    let shakes: [(_, Call); 3] = [
        ("src/ssl/stream.rs SslStream::do_handshake", |s| {
            s.do_handshake().map(|()| 0)
        }),
        ("src/ssl/stream.rs SslStream::do_handshake_timeout", |s| {
            s.do_handshake_timeout(LIMIT).map(|()| 0)
        }),
        ("a handshake that a write does", |mut s| s.write(b"x")),
    ];
    rows.extend(shakes.map(|(name, call)| row(name, move || shaking(call, false))));
    rows.push(row("a handshake that another greenlet does", || {
        shaking(|s| s.do_handshake().map(|()| 0), true)
    }));
    let unwraps: [(_, Call); 2] = [
        ("src/ssl/stream.rs SslStream::unwrap", |s| s.clone().unwrap().map(|_| 0)),
        ("src/ssl/stream.rs SslStream::unwrap_timeout", |s| {
            s.clone().unwrap_timeout(LIMIT).map(|_| 0)
        }),
    ];
    rows.extend(unwraps.map(|(name, call)| row(name, move || unwrapping(call))));
    rows.push(row("src/ssl/certificates.rs get_server_certificate", asking));
    rows.push(row("src/ssl/wrap.rs SSLContext::wrap_socket", || {
        wrapping(|stream| client().wrap_socket(stream, "localhost"))
    }));
    rows.push(row("src/ssl/wrap.rs SSLContext::wrap_socket_with", || {
        wrapping(|stream| {
            let options = WrapSocket {
                server_hostname: Some("localhost"),
                ..WrapSocket::default()
            };
            client().wrap_socket_with(stream, options)
        })
    }));
    rows
}
