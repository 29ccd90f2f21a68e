//! Handshakes that wait, fail, and go on.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

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

/// Data that are compressed tell by their length what a secret is, so a client that offers compression gets none.
#[test]
fn nothing_is_compressed() -> TestResult {
    let _bounded = bounded();
    let (mut near, far) = UnixStream::pair()?;
    let serving = spawn(move || Ok(server()?.wrap_socket(far, None)?));
    let mut hello = vec![3, 3];
    hello.extend([7; 32]); // what is random in other clients
    hello.extend([0, 0, 2, 0xc0, 0x2b]); // no session, ECDHE-ECDSA-AES128-GCM-SHA256
    hello.extend([2, 1, 0]); // DEFLATE, or no compression
    let extensions: [&[u8]; 3] = [
        &[0, 10, 0, 4, 0, 2, 0, 29], // X25519
        &[0, 11, 0, 2, 1, 0],        // points that are not compressed
        &[0, 13, 0, 4, 0, 2, 4, 3],  // signatures by P-256 and SHA-256
    ];
    let extensions = extensions.concat();
    hello.extend([0, extensions.len() as u8]);
    hello.extend(extensions);
    let len = hello.len() as u8;
    near.write_all(&[22, 3, 1, 0, len + 4, 1, 0, 0, len])?;
    near.write_all(&hello)?;
    // Its type, its version and the random bytes are before the session.
    let mut answer = [0; 44];
    near.read_exact(&mut answer)?;
    assert_eq!(
        (answer[0], answer[5], &answer[9..11]),
        (22, 2, &[3, 3][..]),
        "{answer:?}"
    );
    let mut rest = vec![0; usize::from(answer[43]) + 3];
    near.read_exact(&mut rest)?;
    assert_eq!(rest[rest.len() - 3..], [0xc0, 0x2b, 0]);
    near.shutdown(Shutdown::Write)?;
    near.read_to_end(&mut rest)?;
    assert!(serving.get().unwrap_err().is::<SSLEOFError>());
    Ok(())
}
