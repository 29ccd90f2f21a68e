//! hyper's HTTP/2 on our streams: each request is answered in a greenlet of its own, or in shared ones.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use futures::future::join_all;
use gevent::event::Event;
use gevent::future::{Async, HubExecutor, HubTimer, SharedExecutor, block_on, spawn_local};
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::{Exception, sleep, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::shared::{MUCH, leaves_no_watcher_in_the_end, pattern};
use crate::support::{TestResult, bounded};

const STREAMS: usize = 100;

/// What the streams of a server run in.
#[derive(Clone, Copy)]
enum Greenlets {
    Own,
    Shared,
}

impl<F: Future + 'static> Executor<F> for Greenlets {
    fn execute(&self, future: F) {
        match self {
            Greenlets::Own => HubExecutor.execute(future),
            Greenlets::Shared => SharedExecutor.execute(future),
        }
    }
}

/// A server that answers with the body that came. At `/together` the greenlet waits until all streams have come, or the
/// event is set.
fn server(greenlets: Greenlets, all_here: &Event) -> Result<StreamServer, Exception> {
    let (here, all_here) = (Rc::new(Cell::new(0)), all_here.clone());
    let answer = move |request: Request<Incoming>| {
        let (here, all_here) = (here.clone(), all_here.clone());
        async move {
            if request.uri().path() == "/together" {
                here.set(here.get() + 1);
                if here.get() == STREAMS {
                    all_here.set();
                }
                // This parks the greenlet, as blocking code does.
                all_here.wait()?;
                sleep(0.001)?;
            }
            let body = request.into_body().collect().await.map_err(Exception::new)?.to_bytes();
            Ok::<_, Exception>(Response::new(Full::new(body)))
        }
    };
    let server = StreamServer::builder()
        .spawn(1000)
        .build("127.0.0.1:0", move |stream: TcpStream, _| {
            let mut builder = http2::Builder::new(greenlets);
            builder
                .timer(HubTimer)
                .keep_alive_interval(std::time::Duration::from_millis(50));
            let _ = block_on(builder.serve_connection(Async::new(stream), service_fn(answer.clone())))?;
            Ok(())
        });
    server.start()?;
    Ok(server)
}

fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Exception> {
    let stream = Async::new(TcpStream::connect(address)?);
    let (sender, connection) = block_on(handshake(HubExecutor, stream))?.map_err(Exception::new)?;
    // Its error is that of a request, too.
    spawn_local(async { drop(connection.await) });
    Ok(sender)
}

async fn ask(mut sender: SendRequest<Full<Bytes>>, path: &str, body: Vec<u8>) -> Result<Bytes, Exception> {
    let uri = format!("http://localhost{path}");
    let request = Request::post(uri).body(Full::from(body)).map_err(Exception::new)?;
    sender.ready().await.map_err(Exception::new)?;
    let response = sender.send_request(request).await.map_err(Exception::new)?;
    assert_eq!(response.status(), 200);
    Ok(response.into_body().collect().await.map_err(Exception::new)?.to_bytes())
}

#[test]
fn a_hundred_streams_at_once_by_greenlets() -> TestResult {
    hundred_streams(Greenlets::Own)
}

/// Each service parks the greenlet in which the others would be polled.
#[test]
fn a_hundred_streams_at_once_by_shared_greenlets() -> TestResult {
    hundred_streams(Greenlets::Shared)
}

fn hundred_streams(greenlets: Greenlets) -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(greenlets, &Event::new())?;
        let sender = connect(server.address().expect("it listens"))?;
        let clients: Vec<_> = (0..STREAMS)
            .map(|i| {
                let sender = sender.clone();
                spawn(move || {
                    let body = pattern(100, i);
                    assert_eq!(block_on(ask(sender, "/together", body.clone()))??, body);
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

#[test]
fn a_hundred_streams_at_once_by_one_task() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(Greenlets::Own, &Event::new())?;
        let sender = connect(server.address().expect("it listens"))?;
        let asking = (0..STREAMS).map(|i| ask(sender.clone(), "/together", pattern(100, i)));
        for (i, answer) in block_on(join_all(asking))?.into_iter().enumerate() {
            assert_eq!(answer?, pattern(100, i));
        }
        server.stop_timeout(0)
    })
}

#[test]
fn much_goes_both_ways_over_several_streams() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let server = server(Greenlets::Own, &Event::new())?;
        let sender = connect(server.address().expect("it listens"))?;
        let asking = (0..4).map(|i| ask(sender.clone(), "/", pattern(MUCH, i)));
        for (i, answer) in block_on(join_all(asking))?.into_iter().enumerate() {
            assert!(answer? == pattern(MUCH, i));
        }
        server.stop_timeout(0)
    })
}

#[test]
fn connections_that_are_killed_leave_no_watcher() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let all_here = Event::new();
        let server = server(Greenlets::Own, &all_here)?;
        let sender = connect(server.address().expect("it listens"))?;
        assert_eq!(block_on(ask(sender.clone(), "/", b"x".to_vec()))??, "x");
        // One request waits in its greenlet, and is cut off.
        let waits = spawn({
            let sender = sender.clone();
            move || Ok(block_on(ask(sender, "/together", Vec::new()))?.is_err())
        });
        sleep(0.005)?;
        server.stop_timeout(0)?;
        assert!(waits.get()?);
        all_here.set();
        Ok(())
    })
}
