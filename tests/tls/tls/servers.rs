//! Servers whose connections are over TLS.

use std::io::{Read, Write};
use std::net::SocketAddr;

use gevent::event::Event;
use gevent::server::StreamServer;
use gevent::socket::{TcpStream, UnixStream};
use gevent::ssl::SslStream;
use gevent::{Exception, joinall, spawn};
use gevent_tls_tests::{client, server};

use crate::support::{Reports, TestResult, bounded};

fn greeting_server() -> Result<StreamServer, Exception> {
    let greet = |mut stream: SslStream, _address| Ok(stream.write_all(b"welcome")?);
    let server = StreamServer::new("127.0.0.1:0", server()?.wrap_socket_and_handle(greet));
    server.start()?;
    Ok(server)
}

fn greeting(address: SocketAddr) -> Result<String, Exception> {
    let mut text = String::new();
    client()?
        .wrap_socket(TcpStream::connect(address)?, "localhost")?
        .read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn clients_that_never_speak_keep_nobody_waiting() -> TestResult {
    let _bounded = bounded();
    let server = greeting_server()?;
    let address = server.address().expect("it listens");
    let silent = (0..10)
        .map(|_| TcpStream::connect(address))
        .collect::<Result<Vec<_>, _>>()?;
    let clients: Vec<_> = (0..20).map(|_| spawn(move || greeting(address))).collect();
    joinall(&clients)?;
    for client in clients {
        assert_eq!(client.get()?, "welcome");
    }
    drop(silent);
    server.stop()
}

#[test]
fn a_handshake_that_fails_is_reported_and_harms_nobody() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = greeting_server()?;
    let address = server.address().expect("it listens");
    let mut wrong = TcpStream::connect(address)?;
    wrong.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    let mut answer = Vec::new();
    wrong.read_to_end(&mut answer)?;
    assert_eq!(answer[0], 21, "an alert");
    assert_eq!(greeting(address)?, "welcome");
    reports.one_with("TLS failed: received corrupt message");
    server.stop()
}

#[test]
fn a_handshake_that_takes_too_long_is_ended() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let mut context = server()?;
    context.set_handshake_timeout(0.01)?;
    let handle = |_stream: SslStream, _address: SocketAddr| ();
    let server = StreamServer::new("127.0.0.1:0", context.wrap_socket_and_handle(handle));
    server.start()?;
    let mut silent = TcpStream::connect(server.address().expect("it listens"))?;
    assert_eq!(silent.read(&mut [0; 10])?, 0);
    reports.one_with("TimedOut");
    server.stop()
}

#[test]
fn a_server_at_a_path() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-tls-{}", std::process::id()));
    let echo = |mut stream: SslStream<UnixStream>, _address| {
        gevent::socket::copy(&mut stream.clone(), &mut stream)?;
        Ok(())
    };
    let server = StreamServer::builder().build_at_path(&path, server()?.wrap_socket_and_handle(echo))?;
    server.start()?;
    let mut stream = client()?.wrap_socket(UnixStream::connect(&path)?, "localhost")?;
    stream.write_all(b"hello")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"hello");
    drop(stream);
    server.stop()
}

#[test]
fn a_connection_that_outlives_its_handler_is_closed() -> TestResult {
    let _bounded = bounded();
    let ended = Event::new();
    let (kept, its_end) = (std::rc::Rc::new(std::cell::RefCell::new(None)), ended.clone());
    let keep = kept.clone();
    let handle = move |stream: SslStream, _address: SocketAddr| {
        keep.replace(Some(stream));
        its_end.set();
    };
    let server = StreamServer::new("127.0.0.1:0", server()?.wrap_socket_and_handle(handle));
    server.start()?;
    let address = server.address().expect("it listens");
    let mut stream = client()?.wrap_socket(TcpStream::connect(address)?, "localhost")?;
    ended.wait()?;
    // Nobody has said the end.
    assert_eq!(
        stream.read(&mut [0; 10]).unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
    let mut kept = kept.take().expect("the handler has kept it");
    assert_eq!(kept.write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    server.stop()
}
