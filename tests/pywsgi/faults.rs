//! Clients that fail, or mean harm: everybody else is served, and nothing is left of them.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use gevent::greenlet_core::greenlets;
use gevent::pywsgi::{Limits, WSGIServer};
use gevent::{Exception, get_hub, sleep};

use crate::client::{Client, serve, serve_within};
use crate::support::{Reports, TestResult, bounded};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Waits until so many greenlets are left.
fn settle(greenlets_before: usize) -> TestResult {
    while greenlets().len() > greenlets_before {
        sleep(0.001)?;
    }
    Ok(())
}

/// A thousand clients that send their heads byte by byte.
#[test]
fn slow_heads_keep_nobody_from_being_served() -> TestResult {
    let _bounded = bounded();
    // Each connection has two descriptors here.
    let many = match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(limit) => 1000.min((limit as usize).saturating_sub(200) / 2),
        None => 1000,
    };
    // The hub is one of them.
    sleep(0)?;
    let before = greenlets().len();
    let limits = Limits {
        head_timeout: Some(2.0),
        ..Limits::default()
    };
    let served = Rc::new(Cell::new(0));
    let its = served.clone();
    let server = serve_within(limits, move |_, response| {
        its.set(its.get() + 1);
        response.send("hello")
    })?;
    let mut slow = Vec::new();
    for _ in 0..many {
        slow.push(Client::with(&server, "GET / HTTP/1.1\r\nA: ")?);
        if slow.len() % 50 == 0 {
            sleep(0)?;
        }
    }
    let mut quick = Client::connect(&server)?;
    for _ in 0..10 {
        for client in &mut slow {
            // Its deadline may be over already, on a slow machine.
            let _ = client.write("x");
        }
        quick.write(GET)?;
        assert_eq!(quick.read()?.shown(), (200, "hello"));
    }
    for client in &mut slow {
        match client.read() {
            Ok(response) => assert_eq!(response.code, 408),
            // What it has sent behind the end has reset the connection.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    assert_eq!(served.get(), 10);
    drop((slow, quick));
    server.stop()?;
    settle(before)
}

/// Resets the connection.
fn reset(client: Client) -> TestResult {
    let stream = client.stream();
    stream.with_options(|socket| socket.set_linger(Some(Duration::ZERO)))??;
    stream.close();
    Ok(())
}

/// A server that reads the whole body, and answers with three megabytes in parts.
fn large() -> Result<WSGIServer, Exception> {
    serve(|request, response| {
        request.body_mut().read_to_end(&mut Vec::new())?;
        if request.uri().path() == "/sleep" {
            sleep(0.01)?;
        }
        for _ in 0..30 {
            response.write_all(&[b'x'; 100_000])?;
        }
        Ok(())
    })
}

#[test]
fn a_reset_in_every_phase_harms_nobody_else() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    sleep(0)?;
    let before = (greenlets().len(), get_hub().loop_().activecnt()?);
    let server = large()?;
    let mut other = Client::connect(&server)?;
    let phases = [
        "",
        "G",
        "GET / HTTP/1.1\r\nHost: loc",
        "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: ",
        "GET /sleep HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "wrong\r\n\r\n",
    ];
    for phase in phases {
        for rounds in [0, 1, 3, 10] {
            let client = Client::with(&server, phase)?;
            for _ in 0..rounds {
                sleep(0)?;
            }
            reset(client)?;
        }
        other.write(GET)?;
        assert_eq!(other.read()?.body.len(), 3_000_000);
    }
    drop(other);
    server.stop_timeout(50)?;
    drop(server);
    settle(before.0)?;
    assert_eq!(get_hub().loop_().activecnt()?, before.1);
    assert_eq!(reports.take(), "");
    Ok(())
}

#[test]
fn a_half_close_in_every_phase_is_an_end() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        let mut body = String::new();
        request.body_mut().read_to_string(&mut body)?;
        response.send(body)
    })?;
    let cases = [
        ("", None),
        ("GET / HT", None),
        ("GET / HTTP/1.1\r\nHost: loc", None),
        ("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345", Some(400)),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            Some(400),
        ),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", Some(400)),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", Some(200)),
        ("GET / HTTP/1.1\r\n\r\n", Some(200)),
    ];
    for (data, status) in cases {
        let mut client = Client::with(&server, data)?;
        client.end_writing()?;
        if let Some(status) = status {
            assert_eq!(client.read()?.code, status, "{data:?}");
        }
        assert_eq!(client.read_to_end()?, b"", "{data:?}");
    }
    server.stop()
}

/// Some proxies do so. The server refuses at once what they send.
#[test]
fn a_client_that_sends_all_before_it_reads_gets_its_answer() -> TestResult {
    let _bounded = bounded();
    let limits = Limits {
        body: 1000,
        ..Limits::default()
    };
    let server = serve_within(limits, |request, response| {
        request.body_mut().read_to_end(&mut Vec::new())?;
        response.send("hello")
    })?;
    let data = vec![b'x'; 5_000_000];
    let mut client = Client::with(
        &server,
        format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", data.len()),
    )?;
    client.write(&data)?;
    assert_eq!(client.read()?.code, 413);
    assert_eq!(client.read_to_end()?, b"");
    server.stop()
}
