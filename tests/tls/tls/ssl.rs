//! gevent's test__ssl, which runs its test__socket over TLS; and what test__server and test__makefile_ref check of TLS.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::ssl::{Protocol, SSLContext, SslStream, VerifyMode, get_server_certificate};
use gevent::{Exception, Greenlet, sleep, spawn};
use gevent_tls_tests::server;

use crate::support::{TestResult, bounded};

fn client() -> SSLContext {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.set_check_hostname(false);
    context.set_verify_mode(VerifyMode::CertNone);
    context
}

/// A client, and the greenlet that accepts it and calls `serve`.
fn connection<T: 'static>(
    serve: impl FnOnce(SslStream) -> Result<T, Exception> + 'static,
) -> Result<(SslStream, Greenlet<T>), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let accepting = spawn(move || serve(server()?.wrap_socket(listener.accept()?.0, None)?));
    Ok((client().wrap_socket(TcpStream::connect(address)?, None)?, accepting))
}

fn sendall(data: &[u8], timeout: Option<f64>, send: impl FnOnce(&SslStream) -> std::io::Result<()>) -> TestResult {
    let (client, server) = connection(|mut conn| {
        let mut read = Vec::new();
        conn.read_to_end(&mut read)?;
        Ok(read)
    })?;
    client.set_timeout(timeout)?;
    send(&client)?;
    client.set_timeout(None)?;
    let client = client.unwrap()?;
    client.shutdown(Shutdown::Both)?;
    client.close();
    assert!(server.get()? == data);
    Ok(())
}

/// gevent's `long_data`.
fn long_data() -> Vec<u8> {
    let numbers: Vec<_> = (0..20_000).map(|number: u32| number.to_string()).collect();
    numbers.join(", ").into_bytes()
}

#[test]
fn test_sendall_str() -> TestResult {
    let _bounded = bounded();
    let data = long_data();
    sendall(&data, None, |mut client| client.write_all(&data))
}

#[test]
fn test_sendall_empty() -> TestResult {
    let _bounded = bounded();
    sendall(b"", None, |mut client| client.write_all(b""))
}

#[test]
fn test_sendall_empty_with_timeout() -> TestResult {
    let _bounded = bounded();
    sendall(b"", Some(10.0), |mut client| client.write_all(b""))
}

#[test]
fn test_empty_send() -> TestResult {
    let _bounded = bounded();
    sendall(b"", None, |mut client| client.write(b"").map(|n| assert_eq!(n, 0)))
}

#[test]
fn test_fullduplex() -> TestResult {
    const N: usize = 100_000;
    let _bounded = bounded();
    let (client, server) = connection(|mut remote| {
        let writer = remote.clone();
        let sender = spawn(move || Ok((&writer).write_all(&[b't'; N])?));
        let mut got = [0; 11];
        remote.read_exact(&mut got)?;
        assert_eq!(&got, b"hello world");
        sender.get()
    })?;
    let mut reader = client.clone();
    let reading = spawn(move || Ok(reader.read_exact(&mut [0; N])?));
    sleep(0)?;
    (&client).write_all(b"hello world")?;
    server.get()?;
    reading.get()?;
    client.close();
    Ok(())
}

#[test]
fn test_recv_timeout() -> TestResult {
    let _bounded = bounded();
    let (mut client, server) = connection(Ok)?;
    client.set_timeout(0.001)?;
    assert_eq!(client.read(&mut [0; 1024]).unwrap_err().kind(), ErrorKind::TimedOut);
    server.get()?;
    Ok(())
}

#[test]
fn test_sendall_timeout() -> TestResult {
    let _bounded = bounded();
    let (mut client, server) = connection(Ok)?;
    client.set_timeout(0.001)?;
    let data = b"hello".repeat(4_000_000);
    assert_eq!(client.write_all(&data).unwrap_err().kind(), ErrorKind::TimedOut);
    server.get()?;
    Ok(())
}

#[test]
fn test_ssl_sendall_timeout0() -> TestResult {
    let _bounded = bounded();
    let (mut client, server) = connection(Ok)?;
    client.set_timeout(0)?;
    let data = b"hello".repeat(4_000_000);
    assert_eq!(client.write_all(&data).unwrap_err().kind(), ErrorKind::WouldBlock);
    server.get()?;
    Ok(())
}

#[test]
fn test_makefile() -> TestResult {
    let _bounded = bounded();
    let (client, server) = connection(|mut conn| Ok(conn.write_all(b"hello\n")?))?;
    // A handle that is dropped does not close the other one.
    let mut file = BufReader::new(client.clone());
    drop(client);
    let mut line = String::new();
    file.read_line(&mut line)?;
    assert_eq!((&*line, file.read(&mut [0; 10])?), ("hello\n", 0));
    server.get()
}

#[test]
fn test_makefile_timeout() -> TestResult {
    let _bounded = bounded();
    let (client, server) = connection(Ok)?;
    client.set_timeout(0.001)?;
    let mut file = BufReader::new(client);
    assert_eq!(
        file.read_line(&mut String::new()).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    server.get()?;
    Ok(())
}

#[test]
fn test_shutdown_when_closed() -> TestResult {
    let _bounded = bounded();
    let (client, _server) = connection(Ok)?;
    client.close();
    assert_eq!(
        client.shutdown(Shutdown::Both).unwrap_err().raw_os_error(),
        Some(libc::EBADF)
    );
    Ok(())
}

/// test__makefile_ref: `TestSSL.test_server_simple` and its like.
#[test]
fn test_server_simple() -> TestResult {
    let _bounded = bounded();
    let (_client, server) = connection(|conn| {
        let plain = conn.get_ref().clone();
        assert!(plain.with_fd(|_| ()).is_ok());
        conn.close();
        assert!(plain.with_fd(|_| ()).is_err());
        Ok(())
    })?;
    server.get()
}

/// test__server: `TestSSLGetCertificate`.
#[test]
fn test_certificate() -> TestResult {
    let _bounded = bounded();
    let handle = |_stream: SslStream, _address: SocketAddr| ();
    let server = StreamServer::new("127.0.0.1:0", server()?.wrap_socket_and_handle(handle));
    server.start()?;
    let port = server.server_port().expect("it is one of the network");
    let found = get_server_certificate(("127.0.0.1", port))?;
    assert_eq!(found, std::fs::read_to_string(gevent_tls_tests::file("localhost.crt"))?);
    server.stop()
}
