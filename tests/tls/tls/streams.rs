//! What is written on one side is read on the other.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;

use gevent::socket::{ReadExactError, SendAllError, TcpListener, TcpStream, UnixStream};
use gevent::spawn;
use gevent::ssl::{Protocol, SSLContext, SslStream, TLSVersion};
use gevent_tls_tests::{client, connected, server};

use crate::support::{TestResult, bounded};

/// Bytes that tell where they are.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

#[test]
fn everything_arrives_in_pieces_of_any_size() -> TestResult {
    let _bounded = bounded();
    for version in [TLSVersion::TLSv1_2, TLSVersion::TLSv1_3] {
        let mut client = client()?;
        client.set_maximum_version(version);
        let (mut near, mut far) = connected(&client, &server()?)?;
        let sizes = [1, 2, 3, 1000, 4091, 4096, 16383, 16384, 16385, 65536, 65537, 300_000];
        let all: Vec<u8> = sizes.iter().flat_map(|size| pattern(*size)).collect();
        let writer = spawn(move || {
            for size in sizes {
                near.write_all(&pattern(size))?;
            }
            Ok(near.shutdown(Shutdown::Write)?)
        });
        let mut got = Vec::new();
        for size in sizes.iter().rev().cycle() {
            let mut buf = vec![0; *size];
            match far.read(&mut buf)? {
                0 => break,
                n => got.extend_from_slice(&buf[..n]),
            }
        }
        assert!(got == all);
        writer.get()?;
    }
    Ok(())
}

#[test]
fn several_buffers_at_once() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    assert_eq!(
        near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")])?,
        5
    );
    let (mut one, mut two) = ([0; 4], [0; 4]);
    assert_eq!(far.read_vectored(&mut [])?, 0);
    assert_eq!(
        far.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)])?,
        5
    );
    assert_eq!((&one, &two[..1]), (b"abcd", &b"e"[..]));
    assert_eq!(
        (near.write(b"")?, near.write_vectored(&[])?, far.read(&mut [])?),
        (0, 0, 0)
    );
    Ok(())
}

#[test]
fn a_connection_over_the_network() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let serving = spawn(move || {
        let mut stream = server()?.wrap_socket(listener.accept()?.0, None)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        stream.write_all(text.to_uppercase().as_bytes())?;
        Ok(())
    });
    let stream: SslStream = client()?.wrap_socket(TcpStream::connect(address)?, "127.0.0.1")?;
    assert_eq!(stream.get_ref().peer_addr()?, address);
    (&stream).write_all(b"hello")?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    (&stream).read_to_string(&mut text)?;
    assert_eq!(text, "HELLO");
    serving.get()
}

#[test]
fn one_greenlet_reads_while_another_writes() -> TestResult {
    let _bounded = bounded();
    let (near, far) = connected(&client()?, &server()?)?;
    let data = pattern(3_000_000);
    let mut greenlets = Vec::new();
    for stream in [near, far] {
        let (mut reader, data) = (stream.clone(), data.clone());
        greenlets.push(spawn({
            let data = data.clone();
            move || {
                (&stream).write_all(&data)?;
                Ok(stream.shutdown(Shutdown::Write)?)
            }
        }));
        greenlets.push(spawn(move || {
            let mut got = Vec::new();
            reader.read_to_end(&mut got)?;
            assert!(got == data);
            Ok(())
        }));
    }
    greenlets.iter().try_for_each(|greenlet| greenlet.get())
}

#[test]
fn calls_that_would_wait_with_a_timeout_of_0() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    near.set_timeout(0)?;
    assert_eq!(near.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let data = pattern(1 << 20);
    let error = near.write_all(&data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let sent = SendAllError::sent_before(&error) as usize;
    assert!(sent > 0 && sent < data.len(), "{sent}");
    // rustls has taken so much, and has not sent all of it.
    assert_eq!(near.flush().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(near.write(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
    let reader = spawn(move || {
        let mut got = Vec::new();
        far.read_to_end(&mut got)?;
        Ok(got)
    });
    near.set_timeout(None)?;
    near.flush()?;
    near.write_all(&data[sent..])?;
    near.shutdown(Shutdown::Write)?;
    assert!(reader.get()? == data);
    Ok(())
}

#[test]
fn calls_with_a_time_limit() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = connected(&client()?, &server()?)?;
    far.write_all(b"abc")?;
    let mut buf = [0; 10];
    let error = near.read_exact_timeout(&mut buf, 0.001).unwrap_err();
    assert_eq!(
        (error.kind(), ReadExactError::read_before(&error)),
        (ErrorKind::TimedOut, 3)
    );
    assert_eq!(&buf[..3], b"abc");
    far.write_all(b"def")?;
    let mut all = Vec::new();
    let error = near.read_to_end_timeout(&mut all, 0.001).unwrap_err();
    assert_eq!((error.kind(), &all[..]), (ErrorKind::TimedOut, &b"def"[..]));
    let data = pattern(10_000_000);
    let error = near.write_all_timeout(&data, 0.01).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let sent = SendAllError::sent_before(&error) as usize;
    let mut got = vec![0; sent];
    let reader = spawn({
        let mut far = far.clone();
        move || {
            far.read_exact(&mut got)?;
            Ok(got)
        }
    });
    // What was taken is sent by the next call.
    (&near).flush()?;
    assert!(reader.get()? == data[..sent]);
    near.read_exact_timeout(&mut [0; 1], -1).unwrap_err();
    Ok(())
}

#[test]
fn both_ends_of_a_pair_know_what_they_have_agreed_on() -> TestResult {
    let _bounded = bounded();
    let (mut client, mut server) = (client()?, server()?);
    client.set_alpn_protocols(&["h2", "http/1.1"]);
    server.set_alpn_protocols(&["http/1.1"]);
    for (version, name, cipher) in [
        (TLSVersion::TLSv1_3, "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        (TLSVersion::TLSv1_2, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        client.set_maximum_version(version);
        let (near, far) = connected(&client, &server)?;
        for end in [&near, &far] {
            assert_eq!(end.version(), Some(name));
            let found = end.cipher().expect("the handshake is done");
            assert_eq!((found.name, found.protocol, found.bits), (cipher, name, 256));
            assert_eq!(end.selected_alpn_protocol().as_deref(), Some("http/1.1"));
            assert_eq!(end.server_hostname().as_deref(), Some("localhost"));
            assert!(format!("{end:?}").contains(name));
        }
        assert_eq!(
            (near.get_unverified_chain().len(), far.get_unverified_chain().len()),
            (1, 0)
        );
        assert_eq!(far.getpeercert(), None);
        let text = std::fs::read_to_string(gevent_tls_tests::file("localhost.crt"))?;
        let mut context = SSLContext::new(Protocol::TlsClient);
        context.load_verify_locations_pem(text.as_bytes())?;
        assert!(near.getpeercert().is_some_and(|certificate| certificate.len() > 100));
    }
    Ok(())
}

#[test]
fn what_was_received_is_pending() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    assert_eq!(far.pending(), 0);
    near.write_all(b"abcde")?;
    far.read_exact(&mut [0; 2])?;
    assert_eq!(far.pending(), 3);
    Ok(())
}

#[test]
fn before_the_handshake_there_are_no_facts() -> TestResult {
    let (near, _far) = UnixStream::pair()?;
    let options = gevent::ssl::WrapSocket {
        server_hostname: Some("localhost"),
        do_handshake_on_connect: false,
        ..Default::default()
    };
    let stream = client()?.wrap_socket_with(near, options)?;
    assert_eq!(
        (stream.version(), stream.cipher(), stream.session_reused()),
        (None, None, None)
    );
    assert_eq!(
        (stream.getpeercert(), stream.selected_alpn_protocol(), stream.pending()),
        (None, None, 0)
    );
    Ok(())
}
