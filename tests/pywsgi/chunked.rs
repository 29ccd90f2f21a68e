//! Chunked bodies, both ways: gevent's `TestChunkedApp`, `TestChunkedPost`, `TestUseWrite`, `ChunkedInputTests`.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;

use gevent::Exception;
use gevent::pywsgi::{Body, ErrorLog, Fault, ResponseWriter, WSGIServer};
use http::Request;

use crate::client::{Client, serve};
use crate::support::{Log, TestResult, bounded};

const CLOSE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn send_chunks(chunks: &'static [&'static str]) -> Result<WSGIServer, Exception> {
    serve(move |_, response| {
        response.header("Content-Type", "text/plain")?;
        for chunk in chunks {
            response.write_all(chunk.as_bytes())?;
        }
        Ok(())
    })
}

fn texts(chunks: &Option<Vec<Vec<u8>>>) -> Vec<&str> {
    let chunks = chunks.iter().flatten();
    chunks
        .map(|chunk| std::str::from_utf8(chunk).expect("it is text"))
        .collect()
}

#[test]
fn test_chunked_response() -> TestResult {
    let _bounded = bounded();
    let server = send_chunks(&["this", "is", "chunked"])?;
    let response = Client::with(&server, CLOSE)?.read()?;
    assert_eq!(response.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(texts(&response.chunks), ["this", "is", "chunked"]);
    server.stop()
}

#[test]
fn test_no_chunked_http_1_0() -> TestResult {
    let _bounded = bounded();
    let server = send_chunks(&["this", "is", "chunked"])?;
    let mut client = Client::with(&server, CLOSE.replace("1.1", "1.0"))?;
    let response = client.read()?;
    assert_eq!(response.shown(), (200, "thisischunked"));
    assert_eq!(response.header("Transfer-Encoding"), None);
    server.stop()
}

/// gevent's `TestBigChunks`, also with chunks that are not copied.
#[test]
fn test_big_chunks() -> TestResult {
    let _bounded = bounded();
    for size in [8192, 100_000] {
        let server = serve(move |_, response| {
            for byte in *b"abc" {
                response.write_all(&vec![byte; size])?;
            }
            Ok(())
        })?;
        let response = Client::with(&server, CLOSE)?.read()?;
        let chunks = response.chunks.expect("it is chunked");
        assert_eq!(chunks, [vec![b'a'; size], vec![b'b'; size], vec![b'c'; size]]);
        let response = Client::with(&server, CLOSE.replace("1.1", "1.0"))?.read()?;
        assert_eq!(response.body, chunks.concat());
        server.stop()?;
    }
    Ok(())
}

/// A server, the number of calls of its application, and the faults of its clients.
type Post = (WSGIServer, Rc<Cell<u32>>, Log<Fault>);

/// The application of `TestChunkedPost`.
fn post() -> Result<Post, Exception> {
    let calls = Rc::new(Cell::new(0));
    let its = calls.clone();
    let server = serve(move |request, response| {
        its.set(its.get() + 1);
        response.header("Content-Type", "text/plain")?;
        let (path, body) = (request.uri().path().to_owned(), request.body_mut());
        if path == "/a" {
            let mut data = [0; 6];
            body.read_exact(&mut data)?;
            return response.send(data);
        }
        let mut data = vec![0; if path == "/b" { 6 } else { 1 }];
        loop {
            match body.read(&mut data)? {
                0 => return Ok(()),
                n => response.write_all(&data[..n])?,
            }
        }
    })?;
    let faults = Log::new();
    let its = faults.clone();
    let log: ErrorLog = Rc::new(move |error| its.add(error.fault));
    server.set_error_log(Some(log));
    Ok((server, calls, faults))
}

fn request(connection: &str, chunks: &str) -> String {
    format!(
        "POST /a HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    )
}

const OH_HAI: &str = "2\r\noh\r\n4\r\n hai\r\n";

#[test]
fn test_014_chunked_post() -> TestResult {
    let _bounded = bounded();
    let (server, ..) = post()?;
    let data = request("close", &format!("{OH_HAI}0\r\n\r\n"));
    for path in ["/a", "/b", "/c"] {
        let mut client = Client::with(&server, data.replace("/a", path))?;
        assert_eq!(client.read()?.shown(), (200, "oh hai"));
    }
    server.stop()
}

/// gevent gives chunks precedence over a length; here a request with both is refused.
#[test]
fn test_229_incorrect_chunk_no_newline() -> TestResult {
    let _bounded = bounded();
    let (server, calls, _) = post()?;
    for length in ["Content-Length: 12\r\n", ""] {
        let data = request("close", r#"{"hi": "ho"}"#).replace("Transfer", &format!("{length}Transfer"));
        let mut client = Client::with(&server, data)?;
        client.end_writing()?;
        assert_eq!(client.read()?.code, 400);
    }
    assert_eq!(calls.get(), 1);
    server.stop()
}

#[test]
fn test_229_incorrect_chunk_non_hex() -> TestResult {
    let _bounded = bounded();
    let (server, ..) = post()?;
    for wrong in [
        "{\"hi\": \"ho\"}\r\n",
        "0x2\r\noh",
        "+2\r\noh",
        " 2\r\noh",
        "2 \r\noh",
        "\r\n",
        "11111111111111111\r\n",
    ] {
        assert_eq!(
            Client::with(&server, request("close", wrong))?.read()?.code,
            400,
            "{wrong:?}"
        );
    }
    server.stop()
}

#[test]
fn test_229_correct_chunk_quoted_ext() -> TestResult {
    let _bounded = bounded();
    let (server, ..) = post()?;
    let data = request("close", "2;token=\"oh hi\"\r\noh\r\n4\r\n hai\r\n0\r\n\r\n");
    assert_eq!(Client::with(&server, data)?.read()?.shown(), (200, "oh hai"));
    server.stop()
}

#[test]
fn test_229_correct_chunk_token_ext() -> TestResult {
    let _bounded = bounded();
    let (server, ..) = post()?;
    let data = request("close", "2;token=oh_hi\r\noh\r\n4\r\n hai\r\n0\r\n\r\n");
    assert_eq!(Client::with(&server, data)?.read()?.shown(), (200, "oh hai"));
    server.stop()
}

#[test]
fn test_229_incorrect_chunk_token_ext_too_long() -> TestResult {
    let _bounded = bounded();
    let (server, ..) = post()?;
    let token = "_oh_hi".repeat(4000);
    let data = request("close", &format!("2;token={token}\r\noh\r\n4\r\n hai\r\n0\r\n\r\n"));
    assert_eq!(Client::with(&server, data)?.read()?.code, 400);
    server.stop()
}

#[test]
fn test_trailers_keepalive_ignored() -> TestResult {
    let _bounded = bounded();
    let (server, calls, _) = post()?;
    let trailers = "trailer1: value1\r\ntrailer2: value2\r\n\r\n";
    let mut client = Client::with(&server, request("keep-alive", &format!("{OH_HAI}0\r\n{trailers}")))?;
    assert_eq!(client.read()?.shown(), (200, "oh hai"));
    client.write(request("close", "2\r\noh\r\n4\r\n bye\r\n0\r\n"))?;
    assert_eq!(client.read()?.shown(), (200, "oh bye"));
    assert_eq!(calls.get(), 2);
    drop(client);
    server.stop()
}

/// A request whose body is followed by what is no trailer: it is answered, and then the connection is closed.
fn closes_after(chunks: &str, connection: &str) -> TestResult {
    let _bounded = bounded();
    let (server, calls, faults) = post()?;
    let mut client = Client::with(&server, request(connection, chunks))?;
    assert_eq!(client.read()?.shown(), (200, "oh hai"));
    assert_eq!(client.read_to_end()?, b"");
    assert_eq!(calls.get(), 1);
    let found = faults.take();
    match connection {
        "close" => assert_eq!(found, []),
        _ => assert!(matches!(found[..], [Fault::Malformed(_)]), "{found:?}"),
    }
    server.stop()
}

#[test]
fn test_trailers_close_ignored() -> TestResult {
    let next = "GETpath2a:123 HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\n\r\n";
    closes_after(&format!("{OH_HAI}0\r\n{next}"), "close")
}

#[test]
fn test_trailers_too_long() -> TestResult {
    closes_after(
        &format!("{OH_HAI}0\r\ntrailer2: value2{}", "t".repeat(8192)),
        "keep-alive",
    )
}

const SMUGGLED: &str = "GET /path2?a=:123 HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\n\r\n";

#[test]
fn test_trailers_request_smuggling_missing_last_chunk_keep_alive() -> TestResult {
    closes_after(&format!("{OH_HAI}0{SMUGGLED}"), "keep-alive")
}

#[test]
fn test_trailers_request_smuggling_header_first() -> TestResult {
    closes_after(&format!("{OH_HAI}0\r\nHeader: value\r\n{SMUGGLED}"), "keep-alive")
}

#[test]
fn test_trailers_request_smuggling_request_terminates_then_header() -> TestResult {
    let _bounded = bounded();
    let (server, calls, _) = post()?;
    let data = request("keep-alive", &format!("{OH_HAI}0\r\n\r\nHeader: value{SMUGGLED}"));
    let mut client = Client::with(&server, data)?;
    assert_eq!(client.read()?.shown(), (200, "oh hai"));
    assert_eq!(client.read()?.code, 400);
    assert_eq!(client.read_to_end()?, b"");
    assert_eq!(calls.get(), 1);
    server.stop()
}

#[test]
fn trailers_can_be_read_and_sent() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        assert_eq!(request.body().trailers(), None);
        let mut body = String::new();
        request.body_mut().read_to_string(&mut body)?;
        let trailers = request.body().trailers().expect("there are some");
        let sum = trailers["Sum"].to_str()?.to_owned();
        response.trailer("Sum", sum)?.send(body)
    })?;
    let data = request("keep-alive", &format!("{OH_HAI}0\r\nsum: 12\r\n\r\n"));
    let mut client = Client::with(&server, &data)?;
    let response = client.read()?;
    assert_eq!(response.shown(), (200, "oh hai"));
    assert_eq!(response.trailers, [("Sum".to_owned(), "12".to_owned())]);
    drop(client);
    server.stop()
}

/// The application of `TestUseWrite`.
fn use_write(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    response.header("Content-Type", "text/plain")?;
    match request.uri().path() {
        "/explicit-content-length" => {
            response.header("Content-Length", "8")?;
            response.write_all(b"abcde")?;
        }
        "/no-content-length" => response.write_all(b"abcde")?,
        _ => {
            response.write_all(b"abcde")?;
            response.write_all(b"abcde")?;
        }
    }
    Ok(response.write_all(b"end")?)
}

fn written(path: &str) -> Result<crate::client::Response, Exception> {
    let _bounded = bounded();
    let server = serve(use_write)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let response = Client::with(&server, request)?.read()?;
    server.stop()?;
    Ok(response)
}

#[test]
fn test_explicit_content_length() -> TestResult {
    let response = written("/explicit-content-length")?;
    assert_eq!(response.shown(), (200, "abcdeend"));
    assert_eq!(response.header("Content-Length"), Some("8"));
    assert_eq!(response.header("Transfer-Encoding"), None);
    Ok(())
}

#[test]
fn test_no_content_length() -> TestResult {
    let response = written("/no-content-length")?;
    assert_eq!(response.shown(), (200, "abcdeend"));
    assert_eq!(response.header("Content-Length"), None);
    assert_eq!(response.header("Transfer-Encoding"), Some("chunked"));
    Ok(())
}

#[test]
fn test_no_content_length_twice() -> TestResult {
    let response = written("/no-content-length-twice")?;
    assert_eq!(texts(&response.chunks), ["abcde", "abcde", "end"]);
    Ok(())
}

/// The application of `ChunkedInputTests`, and its bodies.
fn input() -> Result<WSGIServer, Exception> {
    serve(|request, response| {
        let path = request.uri().path().to_owned();
        let mut text = String::new();
        match &*path {
            "/short-read" => request.body_mut().take(10).read_to_string(&mut text).map(drop)?,
            "/lines" => request.body_mut().read_to_string(&mut text).map(drop)?,
            _ => {
                request.body_mut().take(1).read_to_string(&mut text)?;
                text = "pong".to_owned();
            }
        }
        response.header("Content-Type", "text/plain")?.send(text)
    })
}

fn encoded(dirt: &str) -> String {
    let chunks = ["this", " is ", "chunked", "\nline", " 2", "\n", "line3", ""];
    let encode = |chunk: &&str| format!("{:x}{dirt}\r\n{chunk}\r\n", chunk.len());
    chunks.iter().map(encode).collect()
}

fn ping(client: &mut Client) -> TestResult {
    client.write("GET /ping HTTP/1.1\r\n\r\n")?;
    assert_eq!(client.read()?.shown(), (200, "pong"));
    Ok(())
}

const POST: &str = "POST /short-read HTTP/1.1\r\ntransfer-encoding: Chunked\r\n";

/// gevent ignores the length; here the request is refused.
#[test]
fn test_short_read_with_content_length() -> TestResult {
    let _bounded = bounded();
    let server = input()?;
    for length in [1000, 0] {
        let request = format!("{POST}Content-Length:{length}\r\n\r\n{}", encoded(""));
        assert_eq!(crate::client::status_of(&server, request)?, (400, true));
    }
    server.stop()
}

#[test]
fn test_short_read() -> TestResult {
    let _bounded = bounded();
    let server = input()?;
    let mut client = Client::with(&server, format!("{POST}\r\n{}", encoded("")))?;
    assert_eq!(client.read()?.shown(), (200, "this is ch"));
    ping(&mut client)?;
    drop(client);
    server.stop()
}

#[test]
fn test_dirt() -> TestResult {
    let _bounded = bounded();
    let server = input()?;
    let request = format!("{POST}\r\n{}", encoded("; here is dirt\0bla"));
    let mut client = Client::with(&server, request.replace("/short-read", "/ping"))?;
    assert_eq!(client.read()?.shown(), (200, "pong"));
    ping(&mut client)?;
    drop(client);
    server.stop()
}

#[test]
fn test_chunked_readline() -> TestResult {
    let _bounded = bounded();
    let server = input()?;
    let request = format!("{POST}\r\n{}", encoded(""));
    let mut client = Client::with(&server, request.replace("/short-read", "/lines"))?;
    assert_eq!(client.read()?.shown(), (200, "this is chunked\nline 2\nline3"));
    drop(client);
    server.stop()
}

#[test]
fn test_close_before_finished() -> TestResult {
    let _bounded = bounded();
    let server = input()?;
    let faults: Log<Fault> = Log::new();
    let its = faults.clone();
    server.set_error_log(Some(Rc::new(move |error| its.add(error.fault))));
    let client = Client::with(&server, format!("{POST}\r\n4\r\nthi"))?;
    drop(client);
    while faults.is_empty() {
        gevent::sleep(0.001)?;
    }
    assert_eq!(faults.take(), [Fault::Ended]);
    server.stop()
}
