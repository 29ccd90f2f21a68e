//! Heads of requests: those that are refused, and those that are not.

use gevent::pywsgi::{Limits, WSGIServer};
use gevent::{Exception, sleep};

use crate::client::{Client, all_of, serve, serve_within, status_of};
use crate::support::{TestResult, bounded};

/// A server that answers with how it has understood a request.
fn echo() -> Result<WSGIServer, Exception> {
    serve(|request, response| {
        let mut body = String::new();
        std::io::Read::read_to_string(request.body_mut(), &mut body)?;
        response.send(format!("{} {} {body}", request.method(), request.uri()))
    })
}

/// Requests that a proxy could understand in another way, or that are none.
const REFUSED: [(&str, &str); 34] = [
    (
        "two lengths",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ),
    (
        "the same length twice",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    ),
    (
        "a list of lengths",
        "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello",
    ),
    (
        "a length and chunks",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks and a length",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks twice",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks in HTTP/1.0",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("a sign", "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello"),
    (
        "a negative length",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -100\r\n\r\n",
    ),
    (
        "no number",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n",
    ),
    ("an empty length", "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"),
    ("hexadecimal", "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\nhello"),
    (
        "too large for a number",
        "POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
    ),
    ("a folded header", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
    (
        "a folded header with a tab",
        "GET / HTTP/1.1\r\nA: b\r\n\tContent-Length: 5\r\n\r\n",
    ),
    ("a blank before the first header", "GET / HTTP/1.1\r\n A: b\r\n\r\n"),
    ("a bare LF", "GET / HTTP/1.1\r\nA: b\nContent-Length: 5\r\n\r\n"),
    ("a bare LF in the first line", "GET / HTTP/1.1\nA: b\r\n\r\n"),
    ("a bare LF behind an empty value", "GET / HTTP/1.1\r\nA:\nB: c\r\n\r\n"),
    ("a bare LF behind blanks", "GET / HTTP/1.1\r\nA: b \t\nB: c\r\n\r\n"),
    ("a bare LF at the end", "GET / HTTP/1.1\r\nA: b\r\n\n"),
    ("a bare LF before the head", "\nGET / HTTP/1.1\r\n\r\n"),
    ("a bare CR", "GET / HTTP/1.1\r\nA: b\rB: c\r\n\r\n"),
    (
        "a space before a colon",
        "POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\nhello",
    ),
    ("a NUL in a value", "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"),
    ("a NUL in a name", "GET / HTTP/1.1\r\nA\0: b\r\n\r\n"),
    ("a NUL in the path", "GET /\0 HTTP/1.1\r\n\r\n"),
    ("no colon", "GET / HTTP/1.1\r\nhello\r\n\r\n"),
    ("no name", "GET / HTTP/1.1\r\n: hello\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("HTTP/0.9", "GET /\r\n"),
    ("another version", "GET / HTTP/2.0\r\n\r\n"),
    ("test_bad_request_line_with_percent", "GET / HTTP %\r\n"),
    (
        "a body of a HEAD request",
        "HEAD / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    ),
];

#[test]
fn what_could_be_understood_in_two_ways_is_refused() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    for (what, request) in REFUSED {
        // Also if it comes in two parts, and behind a good one.
        for at in [0, request.len() / 2, request.len() - 1] {
            let mut client = Client::with(&server, "GET /good HTTP/1.1\r\n\r\n")?;
            client.write(&request[..at])?;
            assert_eq!(client.read()?.shown(), (200, "GET /good "));
            sleep(0)?;
            client.write(&request[at..])?;
            let response = client.read()?;
            assert_eq!(
                (response.code, response.header("Connection")),
                (400, Some("close")),
                "{what}, cut at {at}"
            );
            assert_eq!(client.read_to_end()?, b"", "{what}");
        }
    }
    server.stop()
}

/// gevent's `BadRequestTests`.
#[test]
fn test_negative_content_length() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    assert_eq!(
        status_of(&server, "GET / HTTP/1.1\r\nContent-Length: -100\r\n\r\n")?,
        (400, true)
    );
    server.stop()
}

#[test]
fn test_illegal_content_length() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    assert_eq!(
        status_of(&server, "GET / HTTP/1.1\r\nContent-Length: abc\r\n\r\n")?,
        (400, true)
    );
    server.stop()
}

#[test]
fn test_bad_request_line_with_percent() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    assert_eq!(status_of(&server, "GET / HTTP %\r\n")?, (400, true));
    server.stop()
}

#[test]
fn other_codings_and_expectations_are_refused() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", ""] {
        let request = format!("POST / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
        assert_eq!(status_of(&server, request)?, (501, true), "{coding:?}");
    }
    let request = "POST / HTTP/1.1\r\nExpect: 100-continue, tea\r\nContent-Length: 1\r\n\r\n";
    assert_eq!(status_of(&server, request)?, (417, true));
    server.stop()
}

#[test]
fn what_is_unusual_is_served() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    let cases = [
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / "),
        ("GET /a HTTP/1.1\r\nA:b\r\nC: \t d \t \r\nE:\r\n\r\n", "GET /a "),
        ("POST /b HTTP/1.1\r\nCONTENT-LENGTH:05\r\n\r\nhello", "POST /b hello"),
        (
            "POST /c HTTP/1.1\r\ntransfer-encoding:Chunked\r\n\r\nA\r\n0123456789\r\n0000\r\n\r\n",
            "POST /c 0123456789",
        ),
        ("GET http://host/d HTTP/1.1\r\n\r\n", "GET http://host/d "),
        ("OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * "),
        ("BREW /e HTTP/1.1\r\n\r\n", "BREW /e "),
        (
            "GET /f HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue, 100-Continue\r\n\r\n",
            "GET /f ",
        ),
    ];
    let mut client = Client::connect(&server)?;
    for (request, expected) in cases {
        client.write(request)?;
        assert_eq!(client.read()?.shown(), (200, expected));
    }
    drop(client);
    server.stop()
}

/// Whatever the parts are in which a head comes, and also if it is cut off, the client is told the same fault.
#[test]
fn a_head_with_several_faults_has_one_answer() -> TestResult {
    let _bounded = bounded();
    let limits = Limits {
        request_line: 100,
        headers: 3,
        ..Limits::default()
    };
    let server = serve_within(limits, |_, response| response.send("hello"))?;
    let long = "x".repeat(100);
    let cases = [
        ("GET / HTTP/1.1\r\nExpect: tea\r\nA: b\nC: d\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nA: b\nC: d\r\n\r\n".to_owned(),
            400,
        ),
        ("GET / HTTP/1.1\r\nExpect: tea\r\n\r\nA: b\n".to_owned(), 417),
        (
            "GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\n".to_owned(),
            431,
        ),
        ("GET / HTTP/1.1\r\nA: b\nA: b\r\nA: b\r\nA: b\r\n\r\n".to_owned(), 400),
        (format!("GET /{long}\0 HTTP/1.1\r\n\r\n"), 414),
        (format!("\r\nGET /{long}\0 HTTP/1.1\nA: b\r\n\r\n"), 414),
        // The last lines are not complete.
        ("GET /\0".to_owned(), 400),
        ("GET / HTTP/1.1\r\nA\0".to_owned(), 400),
    ];
    for (request, status) in &cases {
        let whole = all_of(&server, request)?;
        assert!(
            whole.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:?}: {whole}"
        );
        for at in 1..request.len() {
            let mut client = Client::with(&server, &request[..at])?;
            sleep(0)?;
            // The server may have refused it already, and closed the connection.
            client.write(&request[at..])?;
            client.end_writing()?;
            assert_eq!(client.read()?.code, *status, "{request:?}, cut at {at}");
        }
    }
    server.stop()
}

/// gevent's `Test414`.
#[test]
fn test_414() -> TestResult {
    let _bounded = bounded();
    let server = echo()?;
    let long = "x".repeat(20000);
    assert_eq!(
        status_of(&server, format!("GET /{long} HTTP/1.0\r\nHello: world\r\n\r\n"))?,
        (414, true)
    );
    // As long as it may be, and one byte more.
    for (len, status) in [(8192, 200), (8193, 414)] {
        let path = "x".repeat(len - "GET / HTTP/1.1\r\n".len());
        assert_eq!(status_of(&server, format!("GET /{path} HTTP/1.1\r\n\r\n"))?.0, status);
    }
    server.stop()
}

#[test]
fn heads_have_limits() -> TestResult {
    let _bounded = bounded();
    let limits = Limits {
        head: 200,
        headers: 3,
        body: 10,
        ..Limits::default()
    };
    let server = serve_within(limits, |request, response| {
        let mut body = String::new();
        std::io::Read::read_to_string(request.body_mut(), &mut body)?;
        response.send(body)
    })?;
    let head = |len: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(len - 23));
    let headers = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    let cases = [
        (head(200), 200),
        (head(201), 431),
        (head(100_000), 431),
        (headers(3), 200),
        (headers(4), 431),
        (
            "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789".to_owned(),
            200,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n01234567890".to_owned(),
            413,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n".to_owned(),
            200,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n".to_owned(),
            413,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
            413,
        ),
    ];
    for (request, status) in cases {
        assert_eq!(status_of(&server, &request)?.0, status, "{request:.60}");
    }
    server.stop()
}

/// A client that is still sending when it is refused gets the answer all the same.
#[test]
fn an_early_answer_reaches_the_client() -> TestResult {
    let _bounded = bounded();
    let limits = Limits {
        body: 1000,
        ..Limits::default()
    };
    let server = serve_within(limits, |_, response| response.send("hello"))?;
    let mut client = Client::with(&server, "POST / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n")?;
    for _ in 0..9 {
        client.write(vec![0; 100_000])?;
        sleep(0)?;
    }
    assert_eq!(client.read()?.code, 413);
    assert_eq!(client.read_to_end()?, b"");
    server.stop()
}

/// Whatever the parts are in which requests come, the answers are the same bytes.
#[test]
fn answers_do_not_depend_on_how_requests_are_cut() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        let mut body = String::new();
        std::io::Read::read_to_string(request.body_mut(), &mut body)?;
        let size = body.len();
        response
            .header("Date", "today")?
            .send(format!("{} {body} {size}", request.uri()))
    })?;
    let requests = [
        "GET /one HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /two HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "POST /three HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\noh\r\n4\r\n hai\r\n0\r\nA: b\r\n\r\n",
        "GET /four HTTP/1.1\r\nConnection: close\r\n\r\n",
    ]
    .concat();
    let expected = all_of(&server, &requests)?;
    assert!(expected.ends_with("\r\n\r\n/four  0"), "{expected}");
    let cut = |sizes: &mut dyn Iterator<Item = usize>| -> Result<String, Exception> {
        let mut client = Client::connect(&server)?;
        client.stream().set_nodelay(true)?;
        let mut rest = requests.as_str();
        while !rest.is_empty() {
            let at = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
            client.write(&rest[..at])?;
            sleep(0)?;
            rest = &rest[at..];
        }
        Ok(String::from_utf8(client.read_to_end()?)?)
    };
    for at in 1..requests.len() {
        assert_eq!(cut(&mut [at].into_iter())?, expected, "cut at {at}");
    }
    for size in [1, 2, 3, 7] {
        assert_eq!(cut(&mut std::iter::repeat(size))?, expected, "pieces of {size}");
    }
    server.stop()
}
