//! Connections over time: several requests, permission to send, deadlines, and the end of the server.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;

use gevent::event::Event;
use gevent::pywsgi::{Fault, Limits};
use gevent::server::Spawn;
use gevent::{get_hub, sleep, spawn};

use crate::client::{Client, all_of, serve, serve_within};
use crate::support::{Log, Reports, TestResult, bounded};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// gevent's `Expect100ContinueTests`.
#[test]
fn test_continue() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        let length: u64 = request.headers()["content-length"].to_str()?.parse()?;
        if length > 1024 {
            return response.status(417)?.send("failure");
        }
        let mut text = String::new();
        request.body_mut().take(1).read_to_string(&mut text)?;
        request.body_mut().read_to_string(&mut text)?;
        response.send(text)
    })?;
    let put = |body: &str| {
        let length = body.len();
        format!("PUT / HTTP/1.1\r\nHost: localhost\r\nContent-length: {length}\r\nExpect: 100-continue\r\n\r\n{body}")
    };
    let mut client = Client::connect(&server)?;
    // The body of the second one looks like a request.
    for refused in [put(&"a".repeat(1025)), put(&put(&"a".repeat(947)))] {
        client.write(refused)?;
        assert_eq!(client.read()?.shown(), (417, "failure"));
        client.write(put("testing"))?;
        let permission = client.read()?;
        assert_eq!((permission.code, &*permission.reason), (100, "Continue"));
        assert_eq!(permission.headers, []);
        assert_eq!(client.read()?.shown(), (200, "testing"));
    }
    // A client that waits for permission gets it before it has sent anything.
    let all = put("waiting");
    let (head, body) = all.split_at(all.len() - 7);
    client.write(head)?;
    assert_eq!(client.read()?.code, 100);
    client.write(body)?;
    assert_eq!(client.read()?.shown(), (200, "waiting"));
    // One of HTTP/1.0 cannot wait for it.
    client.write(put("old").replace("1.1", "1.0"))?;
    assert_eq!(client.read()?.shown(), (200, "old"));
    drop(client);
    server.stop()
}

#[test]
fn an_answer_to_head_has_a_length_and_no_body() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| match request.uri().path() {
        "/send" => response.send("hello"),
        "/write" => Ok(response.write_all(b"hello")?),
        "/declared" => response.header("Content-Length", "5").map(drop),
        _ => Ok(()),
    })?;
    let mut client = Client::connect(&server)?;
    let cases = [
        ("/send", "5", ""),
        ("/write", "", "chunked"),
        ("/declared", "5", ""),
        ("/", "0", ""),
    ];
    for (path, length, coding) in cases {
        client.write(format!("HEAD {path} HTTP/1.1\r\n\r\n"))?;
        let response = client.read_to_head()?;
        assert_eq!(response.header("Content-Length").unwrap_or(""), length, "{path}");
        assert_eq!(response.header("Transfer-Encoding").unwrap_or(""), coding, "{path}");
    }
    drop(client);
    server.stop()
}

/// While the next request is there already, answers wait, and are sent together; but none waits for a request, nor for
/// a handler that waits: it may wait for what the client does with the answer.
#[test]
fn answers_to_requests_that_come_together_are_sent_together() -> TestResult {
    let _bounded = bounded();
    let (served, go) = (Rc::new(Cell::new(0)), Event::new());
    let (its, gate) = (served.clone(), go.clone());
    let server = serve(move |request, response| {
        its.set(its.get() + 1);
        if request.uri().path() == "/last" {
            gate.wait()?;
        }
        response.send("hello")
    })?;
    let mut client = Client::with(&server, format!("{}GET /last HTTP/1.1\r\n\r\n", GET.repeat(3)))?;
    let mut together = Vec::new();
    while together.is_empty() {
        let mut part = [0; 4096];
        let n = client.stream().clone().read(&mut part)?;
        together.extend_from_slice(&part[..n]);
    }
    let answers = String::from_utf8(together)?.matches("\r\n\r\nhello").count();
    assert_eq!((answers, served.get()), (3, 4));
    go.set();
    assert_eq!(client.read()?.shown(), (200, "hello"));
    // The last one has come in part.
    let (head, rest) = GET.split_at(10);
    client.write(format!("{GET}{head}"))?;
    assert_eq!(client.read()?.shown(), (200, "hello"));
    client.write(rest)?;
    assert_eq!(client.read()?.shown(), (200, "hello"));
    // A body is awaited.
    client.write(format!("{GET}POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"))?;
    assert_eq!(client.read()?.shown(), (200, "hello"));
    client.write("12345")?;
    assert_eq!(client.read()?.shown(), (200, "hello"));
    drop(client);
    server.stop()
}

#[test]
fn what_is_flushed_is_sent_at_once() -> TestResult {
    let _bounded = bounded();
    let go = Event::new();
    let gate = go.clone();
    let server = serve(move |_, response| {
        response.informational(103, [("Link", "</style.css>")])?;
        response.write_all(b"early")?;
        response.flush()?;
        gate.wait()?;
        Ok(response.write_all(b"late")?)
    })?;
    let mut client = Client::with(&server, GET)?;
    let hints = client.read()?;
    assert_eq!((hints.code, hints.header("Link")), (103, Some("</style.css>")));
    let begin = client.read_until("\r\n\r\n5\r\nearly")?;
    assert!(begin.starts_with("HTTP/1.1 200 OK\r\n"), "{begin}");
    go.set();
    assert_eq!(client.read_until("0\r\n\r\n")?, "\r\n4\r\nlate\r\n0\r\n\r\n");
    // One of HTTP/1.0 would not understand an informational answer.
    let answer = all_of(&server, GET.replace("1.1", "1.0"))?;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nearlylate"),
        "{answer}"
    );
    drop(client);
    server.stop()
}

#[test]
fn a_connection_may_have_so_many_requests() -> TestResult {
    let _bounded = bounded();
    let limits = Limits {
        requests: Some(3),
        ..Limits::default()
    };
    let server = serve_within(limits, |_, response| response.send("hello"))?;
    let mut client = Client::with(&server, GET.repeat(5))?;
    for expected in [None, None, Some("close")] {
        assert_eq!(client.read()?.header("Connection"), expected);
    }
    assert_eq!(client.read_to_end()?, b"");
    server.stop()
}

#[test]
fn connection_is_a_list() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        if request.uri().path() == "/close" {
            response.header("Connection", "close")?;
        }
        response.send("hello")
    })?;
    let cases = [
        ("1.1", "/", "", None),
        ("1.1", "/", "Upgrade, close", Some("close")),
        ("1.1", "/", "keep-alive, Close", Some("close")),
        ("1.1", "/", "close-not", None),
        ("1.0", "/", "", Some("close")),
        ("1.0", "/", "TE, Keep-Alive", Some("keep-alive")),
        ("1.0", "/", "keep-alive, close", Some("close")),
        ("1.1", "/close", "keep-alive", Some("close")),
    ];
    for (version, path, connection, expected) in cases {
        let request = format!("GET {path} HTTP/{version}\r\nConnection: {connection}\r\n\r\n");
        let mut client = Client::with(&server, &request)?;
        assert_eq!(client.read()?.header("Connection"), expected, "{request:?}");
        if expected == Some("close") {
            assert_eq!(client.read_to_end()?, b"");
        }
    }
    server.stop()
}

/// The client can tell that an answer which ends with the connection is not all, also if its handler was killed.
#[test]
fn an_answer_whose_handler_is_killed_has_no_proper_end() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        response.write_all(b"a part")?;
        response.flush()?;
        sleep(1000)
    })?;
    let mut client = Client::with(&server, "GET / HTTP/1.0\r\n\r\n")?;
    let mut stream = client.stream().clone();
    let mut seen = String::new();
    while !seen.ends_with("a part") {
        let mut part = [0; 100];
        let n = stream.read(&mut part)?;
        seen.push_str(std::str::from_utf8(&part[..n])?);
    }
    server.stop_timeout(0)?;
    assert_eq!(
        client.read_to_end().map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionReset)
    );
    Ok(())
}

/// Limits whose times are short; but not that between two requests, which is over by chance if the machine is busy.
fn short() -> Limits {
    Limits {
        keep_alive: Some(60.0),
        head_timeout: Some(0.05),
        read_timeout: Some(0.05),
        write_timeout: Some(0.05),
        ..Limits::default()
    }
}

#[test]
fn clients_that_are_late_are_closed() -> TestResult {
    let _bounded = bounded();
    let faults: Log<Fault> = Log::new();
    let server = serve_within(short(), |request, response| {
        let mut body = String::new();
        request.body_mut().read_to_string(&mut body)?;
        response.send(body)
    })?;
    let its = faults.clone();
    server.set_error_log(Some(Rc::new(move |error| its.add(error.fault))));
    // Nothing was asked: there is nothing to answer.
    let others = Limits {
        keep_alive: Some(1.0),
        ..short()
    };
    let quiet = serve_within(others, |_, response| response.send(""))?;
    let its = faults.clone();
    quiet.set_error_log(Some(Rc::new(move |error| its.add(error.fault))));
    assert_eq!(Client::connect(&quiet)?.read_to_end()?, b"");
    let mut client = Client::with(&quiet, GET)?;
    assert_eq!(client.read()?.shown(), (200, ""));
    assert_eq!(client.read_to_end()?, b"");
    assert_eq!(faults.take(), []);
    quiet.stop()?;
    for begun in [
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: loc",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1234",
    ] {
        let mut client = Client::with(&server, GET)?;
        assert_eq!(client.read()?.shown(), (200, ""));
        client.write(begun)?;
        let response = client.read()?;
        assert_eq!(
            (response.code, response.header("Connection")),
            (408, Some("close")),
            "{begun:?}"
        );
        assert_eq!(client.read_to_end()?, b"");
        assert_eq!(faults.take(), [Fault::TooLate]);
    }
    server.stop()
}

/// The deadline is one for the whole head: a client that sends a byte now and then does not keep its connection.
#[test]
fn a_head_that_trickles_is_late() -> TestResult {
    let _bounded = bounded();
    let server = serve_within(short(), |_, response| response.send("hello"))?;
    let client = Client::connect(&server)?;
    let mut stream = client.stream().clone();
    let trickle = spawn(move || {
        stream.write_all(b"GET / HTTP/1.1\r\nA: ")?;
        while stream.write_all(b"x").is_ok() {
            sleep(0.01)?;
        }
        Ok(())
    });
    let mut client = client;
    assert_eq!(client.read()?.code, 408);
    drop(client);
    trickle.kill()?;
    server.stop()
}

/// A handler may take as long as it wants.
#[test]
fn a_handler_has_no_deadline() -> TestResult {
    let _bounded = bounded();
    let server = serve_within(short(), |_, response| {
        sleep(0.3)?;
        response.send("hello")
    })?;
    assert_eq!(Client::with(&server, GET)?.read()?.shown(), (200, "hello"));
    server.stop()
}

#[test]
fn a_client_that_does_not_read_is_given_up() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let failed = Event::new();
    let its = failed.clone();
    let server = serve_within(short(), move |_, response| {
        let data = vec![b'x'; 1 << 20];
        response.header("Content-Length", (100_u64 << 20).to_string())?;
        for _ in 0..100 {
            let written = response.write_all(&data);
            if written.is_err() {
                its.set();
            }
            written?;
        }
        Ok(())
    })?;
    let mut client = Client::with(&server, GET)?;
    failed.wait()?;
    // It gets no more, and no proper end.
    let error = client.read().expect_err("it is not complete");
    assert!(
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
        "{error:?}"
    );
    assert_eq!(reports.take(), "");
    server.stop()
}

#[test]
fn a_stop_lets_answers_end_and_closes_the_rest() -> TestResult {
    let _bounded = bounded();
    let go = Event::new();
    let (gate, working) = (go.clone(), Rc::new(Cell::new(0)));
    let its = working.clone();
    let server = serve(move |request, response| {
        if request.uri().path() == "/slow" {
            its.set(its.get() + 1);
            gate.wait()?;
        }
        response.send("x".repeat(100_000))
    })?;
    let mut idle = Client::with(&server, GET)?;
    idle.read()?;
    let mut unused = Client::connect(&server)?;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(Client::with(&server, "GET /slow HTTP/1.1\r\n\r\n")?);
    }
    while working.get() < 200 {
        sleep(0.001)?;
    }
    let its = server.clone();
    let stopping = spawn(move || its.stop_timeout(50));
    assert_eq!(idle.read_to_end()?, b"");
    assert_eq!(unused.read_to_end()?, b"");
    assert!(!stopping.ready());
    go.set();
    for client in &mut clients {
        let response = client.read()?;
        assert_eq!(
            (response.header("Connection"), response.body.len()),
            (Some("close"), 100_000)
        );
        assert_eq!(client.read_to_end()?, b"");
    }
    stopping.get()?;
    Ok(())
}

#[test]
fn a_stop_kills_what_does_not_end_in_time() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let (begun, never) = (Event::new(), Event::new());
    let its = begun.clone();
    let server = serve(move |_, _| {
        its.set();
        never.wait().map(drop)
    })?;
    let mut client = Client::with(&server, GET)?;
    begun.wait()?;
    server.stop_timeout(0.01)?;
    assert_eq!(client.read()?.code, 500);
    assert_eq!(reports.take(), "");
    Ok(())
}

#[test]
fn a_server_serves_again_after_a_stop() -> TestResult {
    let _bounded = bounded();
    let before = get_hub().loop_().activecnt()?;
    let server = serve(|_, response| response.send("hello"))?;
    for _ in 0..3 {
        let mut client = Client::with(&server, GET)?;
        assert_eq!(client.read()?.header("Connection"), None);
        server.stop()?;
        assert_eq!(client.read_to_end()?, b"");
        drop(client);
        server.start()?;
    }
    server.stop()?;
    drop(server);
    sleep(0.001)?;
    assert_eq!(get_hub().loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn connections_run_where_the_server_says() -> TestResult {
    let _bounded = bounded();
    let server = gevent::pywsgi::WSGIServer::builder().spawn(Spawn::Pool(1)).log(None);
    let server = server.build("127.0.0.1:0", |_, response| response.send("hello"));
    server.start()?;
    let mut first = Client::with(&server, GET)?;
    first.read()?;
    let mut second = Client::with(&server, GET)?;
    sleep(0.01)?;
    second.stream().set_read_timeout(0.0)?;
    assert_eq!(
        second.read().expect_err("the pool is full").kind(),
        ErrorKind::WouldBlock
    );
    second.stream().set_read_timeout(None)?;
    drop(first);
    assert_eq!(second.read()?.shown(), (200, "hello"));
    drop(second);
    server.stop()
}
