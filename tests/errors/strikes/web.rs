//! The table of waits of handlers of HTTP servers. A handler runs in the greenlet that is struck.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use gevent::server::Spawn;
use gevent::socket::{TcpListener, TcpStream};
use gevent::spawn;
use http::Request;

type Call = fn(&mut Request<Body>, &mut ResponseWriter) -> TestResult;

/// A case with a request whose handler is `call`.
fn handling(request: &str, call: Call, give: impl Fn(&TcpStream) + 'static) -> Case {
    let result = Rc::new(RefCell::new(None));
    let its = result.clone();
    let server = WSGIServer::builder().spawn(Spawn::InHub).log(None).error_log(None);
    let server = server.build("127.0.0.1:0", move |request, response| {
        its.replace(Some(call(request, response)));
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("it is open")).expect("it listens");
    let (stream, peer) = listener.accept().expect("somebody has connected");
    client.write_all(request.as_bytes()).expect("it fits");
    let told = client.clone();
    case(
        move || {
            server.do_handle(stream, peer)?;
            result.take().unwrap_or(Ok(()))
        },
        move || give(&told),
        move |_| drop(client),
    )
}

/// A case in which the client sends a byte, and its end, when it is told.
fn reading(call: Call) -> Case {
    handling("POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n", call, |mut client| {
        // The connection may be over. Otherwise the server would go on reading for some time.
        let _ = client.write_all(b"x");
        let _ = client.shutdown(Shutdown::Write);
    })
}

/// A case in which the client reads everything when it is told. Before, the connection takes nothing more.
fn writing(call: Call) -> Case {
    handling("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", call, |client| {
        let mut client = client.clone();
        // It may be reset.
        spawn(move || drop(client.read_to_end(&mut Vec::new())));
    })
}

/// Fills the connection.
fn fill(request: &Request<Body>) -> TestResult {
    fill_stream(request.body().stream().expect("it is one"))
}

fn fill_stream(mut stream: TcpStream) -> TestResult {
    let timeout = stream.write_timeout();
    stream.set_write_timeout(0)?;
    while stream.write(&[b'x'; 65536]).is_ok() {}
    Ok(stream.set_write_timeout(timeout)?)
}

pub(super) fn rows() -> Vec<Row> {
    let reads: [(_, Call); 4] = [
        ("src/pywsgi/body.rs Body::read", |request, _| {
            assert_eq!(request.body_mut().read(&mut [0; 9])?, 1);
            Ok(())
        }),
        ("src/pywsgi/body.rs Body::fill_buf", |request, _| {
            assert_eq!(request.body_mut().fill_buf()?, b"x");
            Ok(())
        }),
        ("src/pywsgi/upgrade.rs Upgraded::read", |request, response| {
            assert_eq!(response.upgrade(request)?.read(&mut [0; 9])?, 1);
            Ok(())
        }),
        ("src/pywsgi/upgrade.rs Upgraded::fill_buf", |request, response| {
            assert_eq!(response.upgrade(request)?.fill_buf()?, b"x");
            Ok(())
        }),
    ];
    let writes: [(_, Call); 7] = [
        ("src/pywsgi/response.rs ResponseWriter::send", |request, response| {
            fill(request)?;
            response.send([0; 100_000])
        }),
        ("src/pywsgi/response.rs ResponseWriter::write", |request, response| {
            fill(request)?;
            assert_eq!(response.write(&[0; 100_000])?, 100_000);
            Ok(())
        }),
        ("src/pywsgi/response.rs ResponseWriter::flush", |request, response| {
            fill(request)?;
            response.write_all(b"x")?;
            Ok(response.flush()?)
        }),
        (
            "src/pywsgi/response.rs ResponseWriter::informational",
            |request, response| {
                fill(request)?;
                response.informational(103, [("Link", "x")])
            },
        ),
        (
            "src/pywsgi/response.rs ResponseWriter::sendfile",
            |request, response| {
                fill(request)?;
                response.sendfile(&File::open("/proc/self/exe")?, 10, Some(100_000))
            },
        ),
        ("src/pywsgi/response.rs ResponseWriter::upgrade", |request, response| {
            fill(request)?;
            response.upgrade(request).map(drop)
        }),
        ("src/pywsgi/upgrade.rs Upgraded::write", |request, response| {
            let stream = request.body().stream::<TcpStream>().expect("it is one");
            let mut upgraded = response.upgrade(request)?;
            fill_stream(stream)?;
            assert_eq!(upgraded.write(&[b'x'; 100_000])?, 100_000);
            Ok(())
        }),
    ];
    let mut rows: Vec<_> = reads.map(|(name, call)| row(name, move || reading(call))).into();
    rows.extend(writes.map(|(name, call)| row(name, move || writing(call))));
    rows
}
