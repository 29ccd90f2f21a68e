//! hyper's HTTP/1 on our streams: servers and clients.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gevent::future::{Async, HubTimer, SharedExecutor, block_on, spawn_local};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, Greenlet, sleep, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::shared::{MUCH, leaves_no_watcher_in_the_end, pattern};
use crate::support::{TestResult, bounded};

/// Answers with the body that came, or, at `/sleep`, when the greenlet has slept.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Exception> {
    if request.uri().path() == "/sleep" {
        sleep(0.001)?;
    }
    let body = request.into_body().collect().await.map_err(Exception::new)?.to_bytes();
    let body = if body.is_empty() { Bytes::from("hello") } else { body };
    Ok(Response::new(Full::new(body)))
}

fn server(header_timeout: Duration) -> Result<StreamServer, Exception> {
    let server = StreamServer::builder()
        .spawn(1000)
        .build("127.0.0.1:0", move |stream: TcpStream, _| {
            let mut builder = http1::Builder::new();
            builder.timer(HubTimer).header_read_timeout(header_timeout);
            // A client that goes away is no error of the server.
            let _ = block_on(builder.serve_connection(Async::new(stream), service_fn(answer)))?;
            Ok(())
        });
    server.start()?;
    Ok(server)
}

/// As [`server`], but connections share greenlets, and each has a task. Dropping the greenlet ends it.
fn sharing_server() -> Result<(SocketAddr, Greenlet<()>), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let accepting = spawn(move || -> TestResult {
        loop {
            let (stream, _) = listener.accept()?;
            SharedExecutor.spawn(async move {
                let mut builder = http1::Builder::new();
                builder.timer(HubTimer).header_read_timeout(LONG);
                let _ = builder.serve_connection(Async::new(stream), service_fn(answer)).await;
            })?;
        }
    });
    Ok((address, accepting))
}

const LONG: Duration = Duration::from_secs(1000);

/// Connects, and has a greenlet that runs the connection.
fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Exception> {
    let stream = Async::new(TcpStream::connect(address)?);
    let (sender, connection) = block_on(handshake(stream))?.map_err(Exception::new)?;
    // Its error is that of a request, too.
    spawn_local(async { drop(connection.await) });
    Ok(sender)
}

fn ask(sender: &mut SendRequest<Full<Bytes>>, path: &str, body: Vec<u8>) -> Result<Bytes, Exception> {
    let request = Request::post(path).header("host", "localhost").body(Full::from(body));
    let request = request.map_err(Exception::new)?;
    block_on(async {
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        assert_eq!(response.status(), 200);
        Ok::<_, hyper::Error>(response.into_body().collect().await?.to_bytes())
    })?
    .map_err(Exception::new)
}

#[test]
fn requests_over_one_connection() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(LONG)?;
        let mut sender = connect(server.address().expect("it listens"))?;
        for path in ["/", "/sleep", "/"] {
            assert_eq!(ask(&mut sender, path, Vec::new())?, "hello");
        }
        let much = pattern(MUCH, 5);
        assert!(ask(&mut sender, "/", much.clone())? == much);
        server.stop_timeout(0)
    })
}

#[test]
fn a_hundred_clients_at_once() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(LONG)?;
        let address = server.address().expect("it listens");
        let clients: Vec<_> = (0..100)
            .map(|i| {
                spawn(move || {
                    let mut sender = connect(address)?;
                    for round in 0..5 {
                        let body = format!("{i} {round}").into_bytes();
                        assert_eq!(ask(&mut sender, "/sleep", body.clone())?, body);
                    }
                    Ok(())
                })
            })
            .collect();
        for client in clients {
            client.get()?;
        }
        server.stop_timeout(0)
    })
}

/// Each service parks its greenlet, while the other connections go on.
#[test]
fn a_hundred_connections_that_share_greenlets() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let (address, accepting) = sharing_server()?;
        let clients: Vec<_> = (0..100)
            .map(|i| {
                spawn(move || {
                    let mut sender = connect(address)?;
                    for round in 0..5 {
                        let path = ["/", "/sleep"][(i + round) % 2];
                        let body = format!("{i} {round}").into_bytes();
                        assert_eq!(ask(&mut sender, path, body.clone())?, body);
                    }
                    Ok(())
                })
            })
            .collect();
        for client in clients {
            client.get()?;
        }
        accepting.kill()
    })
}

#[test]
fn a_request_in_pieces() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(LONG)?;
        let mut stream = TcpStream::connect(server.address().expect("it listens"))?;
        stream.set_nodelay(true)?;
        for piece in [
            "POST / HT",
            "TP/1.1\r\nHost: a\r\nContent-",
            "Length: 4\r\nConnection: close\r\n\r\nab",
            "cd",
        ] {
            stream.write_all(piece.as_bytes())?;
            sleep(0.001)?;
        }
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nabcd"),
            "{text}"
        );
        server.stop_timeout(0)
    })
}

#[test]
fn a_client_that_does_not_ask_is_cut_off() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(Duration::from_millis(5))?;
        let mut stream = TcpStream::connect(server.address().expect("it listens"))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n")?;
        // Only the time can end this.
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        assert!(!text.contains("hello"), "{text}");
        server.stop_timeout(0)
    })
}

#[test]
fn connections_that_are_killed_leave_no_watcher() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(LONG)?;
        let address = server.address().expect("it listens");
        let mut idle = Vec::new();
        for _ in 0..10 {
            let mut sender = connect(address)?;
            assert_eq!(ask(&mut sender, "/", Vec::new())?, "hello");
            idle.push(sender);
        }
        // It kills the greenlets of the connections, and so the clients' connections end.
        server.stop_timeout(0)?;
        for sender in &mut idle {
            assert!(ask(sender, "/", Vec::new()).is_err());
        }
        Ok(())
    })
}
