//! Bodies of requests: gevent's tests of `wsgi.input`.

use std::io::{BufRead, ErrorKind, Read};

use gevent::Exception;
use gevent::pywsgi::{Fault, ResponseWriter, WSGIServer};

use crate::client::{Client, serve};
use crate::support::{TestResult, bounded};

/// A server that answers with what `read` makes of the body.
fn reader(
    read: impl Fn(&mut gevent::pywsgi::Body) -> std::io::Result<String> + 'static,
) -> Result<WSGIServer, Exception> {
    serve(move |request, response| {
        let text = read(request.body_mut())?;
        response.send(text)
    })
}

fn read_all(body: &mut gevent::pywsgi::Body) -> std::io::Result<String> {
    let mut text = String::new();
    body.read_to_string(&mut text)?;
    Ok(text)
}

/// Reads so many bytes, or less at the end.
fn read_some(body: &mut gevent::pywsgi::Body, most: u64) -> std::io::Result<String> {
    let mut text = String::new();
    body.take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn read_line(body: &mut gevent::pywsgi::Body) -> std::io::Result<String> {
    let mut line = String::new();
    body.read_line(&mut line)?;
    Ok(line)
}

/// Lines as Python's `repr` shows them.
fn read_lines(body: &mut gevent::pywsgi::Body) -> std::io::Result<String> {
    let mut shown = String::new();
    loop {
        let line = read_line(body)?;
        match line.as_str() {
            "" => return Ok(shown),
            line => shown += &format!("{line:?} "),
        }
    }
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

fn counted(body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn answer(server: &WSGIServer, request: impl AsRef<[u8]>) -> Result<(u16, String), Exception> {
    let response = Client::with(server, request)?.read()?;
    let (code, body) = response.shown();
    Ok((code, body.to_owned()))
}

#[test]
fn test_007_get_arg() -> TestResult {
    let _bounded = bounded();
    let server = reader(|body| read_some(body, 3))?;
    let junk = "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=a01234567890123456789";
    assert_eq!(answer(&server, junk)?, (200, "a=a".to_owned()));
    server.stop()
}

#[test]
fn test_negative_chunked_read() -> TestResult {
    let _bounded = bounded();
    let server = reader(read_all)?;
    let request = format!("{CHUNKED}2\r\noh\r\n4\r\n hai\r\n0\r\n\r\n");
    assert_eq!(answer(&server, request)?, (200, "oh hai".to_owned()));
    server.stop()
}

#[test]
fn test_negative_nonchunked_read() -> TestResult {
    let _bounded = bounded();
    let server = reader(read_all)?;
    assert_eq!(answer(&server, counted("oh hai"))?, (200, "oh hai".to_owned()));
    server.stop()
}

#[test]
fn test_negative_chunked_readline() -> TestResult {
    let _bounded = bounded();
    let server = reader(read_line)?;
    let request = format!("{CHUNKED}2\r\noh\r\n4\r\n hai\r\n0\r\n\r\n");
    assert_eq!(answer(&server, request)?, (200, "oh hai".to_owned()));
    server.stop()
}

#[test]
fn test_negative_nonchunked_readline() -> TestResult {
    let _bounded = bounded();
    let server = reader(read_line)?;
    assert_eq!(answer(&server, counted("oh hai"))?, (200, "oh hai".to_owned()));
    server.stop()
}

/// gevent's `TestInputReadline`, `TestInputIter` and `TestInputReadlines`.
#[test]
fn test_input_readline() -> TestResult {
    let _bounded = bounded();
    let server = reader(read_lines)?;
    let expected = r#""hello\n" "\n" "world\n" "123" "#;
    assert_eq!(
        answer(&server, counted("hello\n\nworld\n123"))?,
        (200, expected.to_owned())
    );
    let chunks = "3\r\nhel\r\n4\r\nlo\n\n\r\n9\r\nworld\n123\r\n0\r\n\r\n";
    let request = format!("{CHUNKED}{chunks}");
    assert_eq!(answer(&server, request)?, (200, expected.to_owned()));
    server.stop()
}

/// gevent's `TestInputN`: a request without a body has an empty one.
#[test]
fn test_input_n() -> TestResult {
    let _bounded = bounded();
    let server = reader(|body| read_some(body, 5))?;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(answer(&server, request)?, (200, String::new()));
    server.stop()
}

/// How a body that ends too early, or is malformed, is read: gevent's `TestInputRaw`, with a real connection.
fn fault_of(body: &str, read: fn(&mut gevent::pywsgi::Body) -> std::io::Result<String>) -> Result<String, Exception> {
    let _bounded = bounded();
    let answered = move |request: &mut http::Request<gevent::pywsgi::Body>, response: &mut ResponseWriter| {
        let text = match read(request.body_mut()) {
            Ok(text) => text,
            Err(error) => {
                assert_eq!(error.kind(), kind_of(Fault::of(&error).expect("it has a fault")));
                // A second read fails likewise.
                assert_eq!(read(request.body_mut()).expect_err("as before").kind(), error.kind());
                format!("{:?}", Fault::of(&error).expect("it has a fault"))
            }
        };
        response.send(text)
    };
    let server = serve(answered)?;
    let mut client = Client::with(&server, body)?;
    client.end_writing()?;
    let (code, text) = {
        let response = client.read()?;
        (response.code, String::from_utf8(response.body)?)
    };
    assert_eq!(code, 200);
    server.stop()?;
    Ok(text)
}

fn kind_of(fault: Fault) -> ErrorKind {
    match fault {
        Fault::Ended => ErrorKind::UnexpectedEof,
        Fault::TooLarge => ErrorKind::FileTooLarge,
        _ => ErrorKind::InvalidData,
    }
}

fn short() -> String {
    "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n1".to_owned()
}

#[test]
fn test_short_post() -> TestResult {
    assert_eq!(fault_of(&short(), read_all)?, "Ended");
    Ok(())
}

#[test]
fn test_short_post_read_with_length() -> TestResult {
    assert_eq!(fault_of(&short(), |body| read_some(body, 2))?, "Ended");
    Ok(())
}

#[test]
fn test_short_post_readline() -> TestResult {
    assert_eq!(fault_of(&short(), read_line)?, "Ended");
    Ok(())
}

#[test]
fn test_post() -> TestResult {
    assert_eq!(fault_of(&counted("12"), read_all)?, "12");
    Ok(())
}

#[test]
fn test_post_read_with_length() -> TestResult {
    assert_eq!(fault_of(&counted("12"), |body| read_some(body, 10))?, "12");
    Ok(())
}

fn chunks(chunks: &str) -> String {
    format!("{CHUNKED}{chunks}")
}

#[test]
fn test_chunked() -> TestResult {
    assert_eq!(fault_of(&chunks("1\r\n1\r\n1\r\n2\r\n0\r\n\r\n"), read_all)?, "12");
    Ok(())
}

#[test]
fn test_chunked_read_with_length() -> TestResult {
    let body = chunks("1\r\n1\r\n1\r\n2\r\n0\r\n\r\n");
    assert_eq!(fault_of(&body, |body| read_some(body, 10))?, "12");
    Ok(())
}

#[test]
fn test_chunked_missing_chunk() -> TestResult {
    assert_eq!(fault_of(&chunks("1\r\n1\r\n1\r\n2\r\n"), read_all)?, "Ended");
    Ok(())
}

#[test]
fn test_chunked_missing_chunk_read_with_length() -> TestResult {
    let body = chunks("1\r\n1\r\n1\r\n2\r\n");
    assert_eq!(fault_of(&body, |body| read_some(body, 10))?, "Ended");
    Ok(())
}

#[test]
fn test_chunked_missing_chunk_readline() -> TestResult {
    assert_eq!(fault_of(&chunks("1\r\n1\r\n1\r\n2\r\n"), read_line)?, "Ended");
    Ok(())
}

#[test]
fn test_chunked_short_chunk() -> TestResult {
    assert_eq!(fault_of(&chunks("2\r\n1"), read_all)?, "Ended");
    Ok(())
}

#[test]
fn test_chunked_short_chunk_read_with_length() -> TestResult {
    assert_eq!(fault_of(&chunks("2\r\n1"), |body| read_some(body, 2))?, "Ended");
    Ok(())
}

#[test]
fn test_chunked_short_chunk_readline() -> TestResult {
    assert_eq!(fault_of(&chunks("2\r\n1"), read_line)?, "Ended");
    Ok(())
}

/// A length of 35 bits is no trouble, and a line may be longer than any line of a head.
#[test]
fn test_32bit_overflow() -> TestResult {
    let _bounded = bounded();
    let limits = gevent::pywsgi::Limits {
        body: u64::MAX,
        ..Default::default()
    };
    let server = crate::client::serve_within(limits, |request, response| {
        let body = request.body_mut();
        let lines = [read_line(body)?, read_line(body)?, read_line(body)?];
        assert_eq!((&*lines[0], &*lines[1], lines[2].len()), ("asdf\n", "ghij\n", 8203));
        response.send(format!("{:?}", body.size()))
    })?;
    let data = format!("asdf\nghij\n{}\n", "a".repeat(8202));
    let mut client = Client::with(&server, "POST / HTTP/1.1\r\nContent-Length: 25000000000\r\n\r\n")?;
    client.write(&data)?;
    let left = 25_000_000_000 - data.len();
    assert_eq!(client.read()?.shown(), (200, &*format!("Some({left})")));
    drop(client);

    let server_2 = reader(|body| {
        let lines = [read_line(body)?, read_line(body)?, read_line(body)?, read_line(body)?];
        Ok(lines[3].clone())
    })?;
    let length = data.len() + 1;
    let request = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{data}qjk\n");
    assert_eq!(answer(&server_2, request)?, (200, "q".to_owned()));
    server_2.stop()?;
    server.stop()
}
