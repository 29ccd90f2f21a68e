//! Handshakes that wait, fail, and go on.

use std::io::{ErrorKind, Read, Write};

use gevent::socket::UnixStream;
use gevent::ssl::rustls::{AlertDescription, Error};
use gevent::ssl::{SSLEOFError, SSLError, SslStream, TLSVersion, WrapSocket};
use gevent::{Exception, GreenletExit, kill, sleep, spawn};
use gevent_tls_tests::{client, server};

use crate::inside;
use crate::support::{TestResult, bounded};

/// A client that has not begun the handshake, and a server that has only its socket.
fn before_the_handshake() -> Result<(SslStream<UnixStream>, UnixStream), Exception> {
    let (near, far) = UnixStream::pair()?;
    let options = WrapSocket {
        server_hostname: Some("localhost"),
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    Ok((client()?.wrap_socket_with(near, options)?, far))
}

#[test]
fn a_handshake_goes_on_after_a_timeout_and_a_kill() -> TestResult {
    let _bounded = bounded();
    let (near, far) = before_the_handshake()?;
    assert_eq!(near.do_handshake_timeout(0).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(
        near.do_handshake_timeout(0.001).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    let its = near.clone();
    let killed = spawn(move || Ok(its.do_handshake()?));
    sleep(0)?;
    kill(&killed, GreenletExit)?;
    assert!(killed.get().unwrap_err().is::<GreenletExit>());
    let serving = spawn(move || Ok(server()?.wrap_socket(far, None)?));
    near.do_handshake()?;
    near.do_handshake()?;
    (&near).write_all(b"x")?;
    assert_eq!((&serving.get()?).read(&mut [0; 10])?, 1);
    Ok(())
}

#[test]
fn the_timeout_of_the_context_ends_a_handshake() -> TestResult {
    let _bounded = bounded();
    let (_near, far) = UnixStream::pair()?;
    let mut server = server()?;
    server.set_handshake_timeout(0.001)?;
    assert_eq!(server.handshake_timeout(), Some(0.001));
    assert_eq!(server.wrap_socket(far, None).unwrap_err().kind(), ErrorKind::TimedOut);
    server.set_handshake_timeout(-1).unwrap_err();
    Ok(())
}

#[test]
fn the_timeout_of_the_stream_ends_a_handshake() -> TestResult {
    let _bounded = bounded();
    let (near, _far) = before_the_handshake()?;
    near.set_timeout(0.001)?;
    assert_eq!((near.read_timeout(), near.write_timeout()), (Some(0.001), Some(0.001)));
    assert_eq!((&near).read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!((&near).write(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
    Ok(())
}

#[test]
fn what_is_not_tls_ends_the_handshake_for_good() -> TestResult {
    let _bounded = bounded();
    let (mut near, far) = UnixStream::pair()?;
    near.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    let options = WrapSocket {
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    let stream = server()?.wrap_socket_with(far, options)?;
    let first = inside::<SSLError>(stream.do_handshake().unwrap_err());
    assert!(matches!(first.source, Error::InvalidMessage(_)), "{first:?}");
    for again in [
        stream.do_handshake(),
        (&stream).read(&mut [0; 10]).map(drop),
        (&stream).write(b"x").map(drop),
    ] {
        assert_eq!(inside::<SSLError>(again.unwrap_err()).source, first.source);
    }
    // The other side was told why: an alert is a record of the type 21.
    drop(stream);
    let mut alert = Vec::new();
    near.read_to_end(&mut alert)?;
    assert_eq!(alert[0], 21);
    Ok(())
}

#[test]
fn sides_without_a_common_version_both_learn_it() -> TestResult {
    let _bounded = bounded();
    let (near, far) = UnixStream::pair()?;
    let (mut client, mut server) = (client()?, server()?);
    client.set_maximum_version(TLSVersion::TLSv1_2);
    server.set_minimum_version(TLSVersion::TLSv1_3);
    let serving = spawn(move || Ok(server.wrap_socket(far, None)?));
    let told = inside::<SSLError>(client.wrap_socket(near, "localhost").unwrap_err());
    assert_eq!(told.source, Error::AlertReceived(AlertDescription::ProtocolVersion));
    let found = inside::<SSLError>(serving.get().unwrap_err());
    assert!(matches!(found.source, Error::PeerIncompatible(_)), "{found:?}");
    Ok(())
}

#[test]
fn an_end_within_the_handshake() -> TestResult {
    let _bounded = bounded();
    let (near, far) = before_the_handshake()?;
    drop(far);
    let error = near.do_handshake().unwrap_err();
    // Whether the end or the broken pipe is seen first.
    if error.kind() != ErrorKind::BrokenPipe {
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        inside::<SSLEOFError>(error);
    }
    let (near, far) = UnixStream::pair()?;
    drop(near);
    inside::<SSLEOFError>(server()?.wrap_socket(far, None).unwrap_err());
    Ok(())
}

#[test]
fn a_client_needs_a_name_and_a_server_takes_none() -> TestResult {
    let pair = || UnixStream::pair().map(|(near, _)| near);
    for error in [
        client()?.wrap_socket(pair()?, None).unwrap_err(),
        client()?.wrap_socket(pair()?, "not a name").unwrap_err(),
        server()?.wrap_socket(pair()?, "localhost").unwrap_err(),
        gevent::ssl::SSLContext::new(gevent::ssl::Protocol::TlsServer)
            .wrap_socket(pair()?, None)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    }
    Ok(())
}
