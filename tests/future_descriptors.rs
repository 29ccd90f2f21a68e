//! Tests that connections of tasks give their descriptors back, however they end. This is about the whole process, so
//! this program has no other test.

use std::io::{Read, Write};
use std::{fs, io};

use bytes::Bytes;
use gevent::future::{Async, HubTimer, block_on};
use gevent::server::StreamServer;
use gevent::socket::{TcpStream, UnixStream};
use gevent::subprocess::{Command, PIPE, Popen};
use gevent::{Exception, get_hub, sleep, spawn};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod support;

use support::{TestResult, bounded};

fn descriptors() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// What the process and the hub have: descriptors, and watchers that are started.
fn had() -> io::Result<(usize, usize)> {
    Ok((descriptors()?, get_hub().loop_().started_watchers()))
}

#[test]
fn descriptors_and_watchers_come_back() -> TestResult {
    let _bounded = bounded();
    sleep(0)?;
    let before = had()?;
    for end in ["kill", "close", "data"] {
        let mut far = Vec::new();
        let mut near = Vec::new();
        let mut readers = Vec::new();
        for _ in 0..50 {
            let (a, b) = UnixStream::pair()?;
            far.push(b);
            near.push(a.clone());
            readers.push(spawn(move || Ok(block_on(Async::new(a).read_u8())?.is_ok())));
        }
        // All wait, though on a slow machine some have given the hub its turn before.
        while had()? != (before.0 + 100, before.1 + 50) {
            sleep(0)?;
        }
        let handles = std::mem::take(&mut near);
        match end {
            "kill" => readers.iter().try_for_each(|reader| reader.kill())?,
            "close" => handles.iter().for_each(UnixStream::close),
            _ => far.iter().try_for_each(|mut far| far.write_all(b"x"))?,
        }
        drop(handles);
        for reader in readers {
            assert_eq!(reader.get().is_ok_and(|has_read| has_read), end == "data");
        }
        drop(far);
        assert_eq!(had()?, before, "{end}");
    }
    pipes(before)?;
    web_server()?;
    // A connection's other end may be noticed later.
    while had()? != before {
        sleep(0.001)?;
    }
    Ok(())
}

/// Pipes of children, which are read and written by tasks.
fn pipes(before: (usize, usize)) -> TestResult {
    for end in ["kill", "close", "data"] {
        let mut children = Vec::new();
        let mut readers = Vec::new();
        for _ in 0..10 {
            let child = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
            let stdout = child.stdout().expect("it is piped");
            readers.push(spawn(move || Ok(block_on(Async::new(stdout).read_u8())?.is_ok())));
            children.push(child);
        }
        // A child has a descriptor and a watcher of its own beside its two pipes.
        while had()?.1 != before.1 + 20 {
            sleep(0)?;
        }
        match end {
            "kill" => readers.iter().try_for_each(|reader| reader.kill())?,
            "close" => children
                .iter()
                .for_each(|child| child.stdout().expect("it is piped").close()),
            _ => {
                for child in &children {
                    let mut stdin = Async::new(child.stdin().expect("it is piped"));
                    block_on(stdin.write_all(b"x"))??;
                }
            }
        }
        for reader in readers {
            assert_eq!(reader.get().is_ok_and(|has_read| has_read), end == "data");
        }
        for child in &children {
            child.stdin().expect("it is piped").close();
            assert_eq!(block_on(child)??, 0);
        }
        drop(children);
        assert_eq!(had()?, before, "pipes: {end}");
    }
    Ok(())
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Exception> {
    Ok(Response::new(Full::from("hello")))
}

/// Fifty connections, some of which end by themselves, and some when the server stops.
fn web_server() -> TestResult {
    let server = StreamServer::builder()
        .spawn(1000)
        .build("127.0.0.1:0", |stream: TcpStream, _| {
            let mut builder = http1::Builder::new();
            let connection = builder
                .timer(HubTimer)
                .serve_connection(Async::new(stream), service_fn(hello));
            let _ = block_on(connection)?;
            Ok(())
        });
    server.start()?;
    let address = server.address().expect("it listens");
    let mut idle = Vec::new();
    for i in 0..50 {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
        let mut buf = [0; 1000];
        let n = stream.read(&mut buf)?;
        assert!(buf[..n].starts_with(b"HTTP/1.1 200 OK"));
        if i % 2 == 0 {
            idle.push(stream);
        }
    }
    server.stop_timeout(0)?;
    for mut stream in idle {
        assert_eq!(stream.read(&mut [0])?, 0);
    }
    Ok(())
}
