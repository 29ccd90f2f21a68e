//! What CPython's test_ssl checks, as far as it is not about OpenSSL and Python's types.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use gevent::socket::{TcpListener, TcpStream, UnixStream};
use gevent::ssl::rustls::{AlertDescription, Error};
use gevent::ssl::{
    DER_cert_to_PEM_cert, PEM_cert_to_DER_cert, SSLCertVerificationError, SSLError, TLSVersion, VerifyMode, WrapSocket,
};
use gevent::{Exception, spawn};
use gevent_tls_tests::{client, connected, file, server, server_of};

use crate::inside;
use crate::streams::pattern;
use crate::support::{TestResult, bounded};

/// Both ends of a connection over the network.
fn tcp() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    Ok((near, listener.accept()?.0))
}

#[test]
#[allow(non_snake_case, reason = "CPython's name")]
fn test_DER_to_PEM() -> TestResult {
    for name in ["ca.crt", "localhost.crt", "other.crt"] {
        let pem = std::fs::read_to_string(file(name))?;
        let der = PEM_cert_to_DER_cert(&pem)?;
        assert_eq!(DER_cert_to_PEM_cert(&der), pem);
        // Whatever the length.
        for len in 0..100.min(der.len()) {
            assert_eq!(PEM_cert_to_DER_cert(&DER_cert_to_PEM_cert(&der[..len]))?, der[..len]);
        }
    }
    assert_eq!(
        PEM_cert_to_DER_cert("nothing").unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    Ok(())
}

#[test]
fn test_check_hostname() -> TestResult {
    let _bounded = bounded();
    let ask = |name: Option<&'static str>, change: fn(&mut gevent::ssl::SSLContext)| -> Result<_, Exception> {
        let (near, far) = UnixStream::pair()?;
        let serving = spawn(move || Ok(server()?.wrap_socket(far, None).map(drop)?));
        let mut client = client()?;
        change(&mut client);
        let asked = client.wrap_socket(near, name);
        // It is told by an alert, or sees the end.
        drop(serving.get());
        Ok(asked)
    };
    ask(Some("localhost"), |_| ())??;
    ask(Some("LOCALHOST"), |_| ())??;
    let error = inside::<SSLCertVerificationError>(ask(Some("invalid"), |_| ())?.unwrap_err());
    assert_eq!(error.verify_message, "hostname mismatch");
    let error = ask(None, |_| ())?.unwrap_err();
    assert!(
        error.to_string().contains("check_hostname requires server_hostname"),
        "{error}"
    );
    ask(Some("invalid"), |client| client.set_check_hostname(false))??;
    ask(None, |client| client.set_check_hostname(false))??;
    ask(None, |client| client.set_verify_mode(VerifyMode::CertNone))??;
    Ok(())
}

/// A server that requires certificates, and a client whose certificate it does not trust.
fn wrong_cert(version: TLSVersion) -> Result<(std::io::Result<usize>, Exception), Exception> {
    let (near, far) = UnixStream::pair()?;
    let (mut server, mut client) = (server()?, client()?);
    // It trusts only this one, which has not signed the client's.
    server.load_verify_locations(file("other.crt"))?;
    server.set_verify_mode(VerifyMode::CertRequired);
    client.load_cert_chain(file("localhost.crt"), file("localhost.key"))?;
    client.set_maximum_version(version);
    let serving = spawn(move || Ok(server.wrap_socket(far, None).map(drop)?));
    let asked = client.wrap_socket(near, "localhost");
    let read = asked.and_then(|mut stream| stream.read(&mut [0; 4]));
    Ok((read, serving.get().unwrap_err()))
}

#[test]
fn test_wrong_cert_tls12() -> TestResult {
    let _bounded = bounded();
    let (read, found) = wrong_cert(TLSVersion::TLSv1_2)?;
    assert_eq!(
        inside::<SSLError>(read.unwrap_err()).source,
        Error::AlertReceived(AlertDescription::UnknownCA)
    );
    inside::<SSLCertVerificationError>(found);
    Ok(())
}

#[test]
fn test_wrong_cert_tls13() -> TestResult {
    let _bounded = bounded();
    // The client learns of it when it reads.
    let (read, found) = wrong_cert(TLSVersion::TLSv1_3)?;
    assert_eq!(
        inside::<SSLError>(read.unwrap_err()).source,
        Error::AlertReceived(AlertDescription::UnknownCA)
    );
    inside::<SSLCertVerificationError>(found);
    Ok(())
}

#[test]
fn test_rude_shutdown() -> TestResult {
    let _bounded = bounded();
    let (near, far) = tcp()?;
    far.close();
    client()?.wrap_socket(near, "localhost").unwrap_err();
    Ok(())
}

#[test]
fn test_ssl_cert_verify_error() -> TestResult {
    let _bounded = bounded();
    let (near, far) = UnixStream::pair()?;
    let serving = spawn(move || Ok(server()?.wrap_socket(far, None).map(drop)?));
    let trusts_nobody = gevent::ssl::SSLContext::new(gevent::ssl::Protocol::TlsClient);
    let error = trusts_nobody.wrap_socket(near, "localhost").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("certificate verify failed: unable to get local issuer certificate"),
        "{text}"
    );
    assert_eq!(inside::<SSLCertVerificationError>(error).verify_code, 20);
    serving.get().unwrap_err();
    Ok(())
}

/// Reads a line, and nothing after it.
fn line(stream: &mut impl Read) -> std::io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\n") && stream.read(&mut byte)? > 0 {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[test]
fn test_starttls() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = tcp()?;
    let serving = spawn(move || {
        for _ in 0..2 {
            for _ in 0..2 {
                let text = line(&mut far)?.to_lowercase();
                writeln!(far, "{text}")?;
            }
            assert_eq!(line(&mut far)?, "STARTTLS");
            writeln!(far, "ok")?;
            let mut stream = server()?.wrap_socket(far, None)?;
            for _ in 0..2 {
                let text = line(&mut stream)?.to_lowercase();
                writeln!(stream, "{text}")?;
            }
            assert_eq!(line(&mut stream)?, "ENDTLS");
            writeln!(stream, "ok")?;
            far = stream.unwrap()?;
        }
        Ok(())
    });
    fn say(stream: &mut (impl Read + Write), text: &str) -> std::io::Result<String> {
        writeln!(stream, "{text}")?;
        line(stream)
    }
    for _ in 0..2 {
        assert_eq!(
            (say(&mut near, "msg 1")?, say(&mut near, "MSG 2")?),
            ("msg 1".into(), "msg 2".into())
        );
        assert_eq!(say(&mut near, "STARTTLS")?, "ok");
        let mut stream = client()?.wrap_socket(near, "localhost")?;
        assert_eq!(
            (say(&mut stream, "MSG 3")?, say(&mut stream, "msg 4")?),
            ("msg 3".into(), "msg 4".into())
        );
        assert_eq!(say(&mut stream, "ENDTLS")?, "ok");
        near = stream.unwrap()?;
    }
    serving.get()
}

#[test]
fn test_recv_zero() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    near.set_timeout(0)?;
    assert_eq!(near.read(&mut [])?, 0);
    far.write_all(b"data")?;
    assert_eq!(near.read(&mut [])?, 0);
    near.set_timeout(None)?;
    let mut data = [0; 4];
    near.read_exact(&mut data)?;
    assert_eq!(&data, b"data");
    Ok(())
}

#[test]
fn test_nonblocking_send() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    near.set_timeout(0)?;
    let data = pattern(8192);
    let mut sent = 0;
    let error = loop {
        match near.write(&data) {
            Ok(n) => sent += n,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    near.set_timeout(None)?;
    let reader = spawn(move || {
        let mut got = Vec::new();
        far.read_to_end(&mut got)?;
        Ok(got.len())
    });
    near.shutdown(Shutdown::Write)?;
    assert_eq!(reader.get()?, sent);
    Ok(())
}

#[test]
fn test_non_blocking_handshake() -> TestResult {
    let _bounded = bounded();
    let (near, far) = tcp()?;
    let options = |server_hostname| WrapSocket {
        server_hostname,
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    let near = client()?.wrap_socket_with(near, options(Some("localhost")))?;
    let far = server()?.wrap_socket_with(far, options(None))?;
    near.set_timeout(0)?;
    far.set_timeout(0)?;
    let mut counts = [0, 0];
    loop {
        let done = [near.do_handshake(), far.do_handshake()];
        if done.iter().all(Result::is_ok) {
            break;
        }
        for (result, count) in done.into_iter().zip(&mut counts) {
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                *count += 1;
            }
        }
        gevent::sleep(0)?;
    }
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    assert_eq!((near.version(), far.version()), (Some("TLSv1.3"), Some("TLSv1.3")));
    Ok(())
}

#[test]
fn test_read_write_after_close() -> TestResult {
    let _bounded = bounded();
    let (mut near, _far) = connected(&client()?, &server()?)?;
    near.close();
    for result in [near.read(&mut [0; 1024]), near.write(b"hello"), near.write(b"")] {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
    Ok(())
}

#[test]
fn test_sendfile() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    let mut program = std::fs::File::open(std::env::current_exe()?)?.take(1_000_000);
    let sending = spawn(move || Ok(gevent::socket::copy(&mut program, &mut near)?));
    let mut got = Vec::new();
    far.read_to_end(&mut got)?;
    assert_eq!(sending.get()?, 1_000_000);
    assert!(got == std::fs::read(std::env::current_exe()?)?[..1_000_000]);
    Ok(())
}

#[test]
fn test_selected_alpn_protocol() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = (client()?, server()?);
    assert_eq!(connected(&near, &far)?.0.selected_alpn_protocol(), None);
    // test_selected_alpn_protocol_if_server_uses_alpn
    far.set_alpn_protocols(&["foo", "bar"]);
    assert_eq!(connected(&near, &far)?.0.selected_alpn_protocol(), None);
    near.set_alpn_protocols(&["foo"]);
    assert_eq!(
        connected(&near, &far)?.1.selected_alpn_protocol().as_deref(),
        Some("foo")
    );
    Ok(())
}

#[test]
fn test_alpn_protocols() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = (client()?, server()?);
    far.set_alpn_protocols(&["foo", "bar", "milkshake"]);
    for (protocols, expected) in [
        (&["foo", "bar"][..], Some("foo")),
        (&["bar", "foo"], Some("foo")),
        (&["milkshake"], Some("milkshake")),
    ] {
        near.set_alpn_protocols(protocols);
        let (near, far) = connected(&near, &far)?;
        assert_eq!(near.selected_alpn_protocol().as_deref(), expected);
        assert_eq!(far.selected_alpn_protocol().as_deref(), expected);
    }
    // Unlike OpenSSL's, the handshake fails without a common one.
    near.set_alpn_protocols(&["http/3.0", "http/4.0"]);
    connected(&near, &far).unwrap_err();
    Ok(())
}

#[test]
fn test_bad_server_hostname() -> TestResult {
    for name in ["", ".example.org", "example.org\0evil.com", "a b"] {
        let (near, _far) = UnixStream::pair()?;
        let error = client()?.wrap_socket(near, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}");
    }
    Ok(())
}

#[test]
fn test_preauth_data_to_tls_server() -> TestResult {
    let _bounded = bounded();
    let (mut near, far) = tcp()?;
    near.with_options(|options| options.set_linger(Some(std::time::Duration::ZERO)))??;
    near.write_all(b"DELETE /data HTTP/1.0\r\n\r\n")?;
    near.close();
    // Nothing that came before TLS is ever read as data.
    server()?.wrap_socket(far, None).unwrap_err();
    Ok(())
}

#[test]
fn test_preauth_data_to_tls_client() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = tcp()?;
    far.with_options(|options| options.set_linger(Some(std::time::Duration::ZERO)))??;
    far.write_all(b"HTTP/1.0 307 Temporary Redirect\r\nLocation: https://example.com/\r\n\r\n")?;
    far.close();
    client()?.wrap_socket(near, "localhost").unwrap_err();
    Ok(())
}

#[test]
fn test_internal_chain_server() -> TestResult {
    let _bounded = bounded();
    let (near, far) = connected(&client()?, &server_of("localhost")?)?;
    assert_eq!(
        near.get_unverified_chain(),
        [PEM_cert_to_DER_cert(&std::fs::read_to_string(file("localhost.crt"))?)?]
    );
    assert!(far.get_unverified_chain().is_empty());
    Ok(())
}
