//! What handlers get wrong: gevent's tests of errors, of answers without a body, and of response splitting; and logs.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use gevent::pywsgi::{
    Access, AccessLog, Environ, HeadSent, InvalidHeader, LogTo, NoBody, WSGIServer, WrongLength, service,
};
use gevent::{Exception, GreenletExit};

use crate::client::{Client, Response, all_of, serve, status_of};
use crate::support::{ExpectedError, Log, Reports, TestResult, bounded, fail};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const CLOSE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Checks that this is the answer of a handler that has failed, and that the connection is closed then.
fn check_500(client: &mut Client, response: &Response) -> TestResult {
    assert_eq!((response.code, &*response.reason), (500, "Internal Server Error"));
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(client.read_to_end()?, b"");
    Ok(())
}

#[test]
fn test_error_in_application() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|_, _| fail("in the application"))?;
    let mut client = Client::with(&server, "GET /path?secret HTTP/1.1\r\nCookie: secret\r\n\r\n")?;
    let response = client.read()?;
    check_500(&mut client, &response)?;
    let report = reports.take();
    assert!(
        report.contains("in the application") && report.contains("<request GET /path from 127.0.0.1:"),
        "{report}"
    );
    assert!(!report.contains("secret"), "{report}");
    server.stop()
}

#[test]
fn test_error_after_start_response() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|_, response| {
        response.status(201)?.header("Set-Cookie", "not sent")?;
        fail("after start_response")
    })?;
    let mut client = Client::with(&server, GET)?;
    let response = client.read()?;
    assert_eq!(response.header("Set-Cookie"), None);
    check_500(&mut client, &response)?;
    reports.one_with("after start_response");
    server.stop()
}

#[test]
fn a_panic_is_an_error_of_its_request_alone() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|request, response| {
        assert!(request.uri().path() != "/panic", "this request panics");
        response.send("served")
    })?;
    let mut other = Client::with(&server, GET)?;
    assert_eq!(other.read()?.shown(), (200, "served"));
    let mut client = Client::with(&server, "GET /panic HTTP/1.1\r\n\r\n")?;
    let response = client.read()?;
    check_500(&mut client, &response)?;
    reports.one_with("this request panics");
    other.write(GET)?;
    assert_eq!(other.read()?.shown(), (200, "served"));
    drop(other);
    server.stop()
}

/// A handler that fails after a part: what was sent is cut off, for each way in which a body ends.
#[test]
fn test_error_after_chunk() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|request, response| {
        if request.uri().path() == "/counted" {
            response.header("Content-Length", "100")?;
        }
        response.write_all(b"hello")?;
        fail("after a chunk")
    })?;
    let cut = |request: &str| -> Result<io::Error, Exception> {
        let mut client = Client::with(&server, request)?;
        let error = client.read().expect_err("it is not complete");
        Ok(error)
    };
    assert_eq!(cut(GET)?.kind(), ErrorKind::UnexpectedEof);
    reports.one_with("after a chunk");
    assert_eq!(cut("GET /counted HTTP/1.1\r\n\r\n")?.kind(), ErrorKind::UnexpectedEof);
    reports.one_with("after a chunk");
    // The end of the connection would be that of the body.
    assert_eq!(cut("GET / HTTP/1.0\r\n\r\n")?.kind(), ErrorKind::ConnectionReset);
    reports.one_with("after a chunk");
    server.stop()
}

#[test]
fn answers_before_a_failure_are_sent() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    let server = serve(|request, response| match request.uri().path() {
        "/fails" => fail("on purpose"),
        "/complete" => {
            response.send("complete")?;
            fail("too late")
        }
        _ => response.send("first"),
    })?;
    let answers = all_of(&server, format!("{GET}GET /fails HTTP/1.1\r\n\r\n"))?;
    assert!(answers.contains("\r\n\r\nfirstHTTP/1.1 500 "), "{answers}");
    let answers = all_of(&server, format!("{GET}GET /complete HTTP/1.1\r\n\r\n"))?;
    assert!(
        answers.contains("\r\n\r\nfirstHTTP/1.1 200 ") && answers.ends_with("\r\n\r\ncomplete"),
        "{answers}"
    );
    server.stop()
}

#[test]
fn a_body_must_have_its_declared_length() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|request, response| {
        response.header("Content-Length", "5")?;
        match request.uri().path() {
            "/less" => Ok(response.write_all(b"four")?),
            "/more" => {
                response.write_all(b"fo")?;
                let error = response.write_all(b"urth").expect_err("it is too much");
                assert!(
                    error.get_ref().is_some_and(|error| error.is::<WrongLength>()),
                    "{error:?}"
                );
                Err(error.into())
            }
            "/none" => Ok(()),
            _ => response.send("more than five"),
        }
    })?;
    let answer = |path: &str| all_of(&server, format!("GET {path} HTTP/1.1\r\n\r\n"));
    for (path, sent) in [("/less", "four"), ("/more", "fo")] {
        let answer = answer(path)?;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&format!("\r\n\r\n{sent}")),
            "{answer}"
        );
        reports.one_with("declared length of 5 bytes");
    }
    for path in ["/none", "/at-once"] {
        assert!(answer(path)?.starts_with("HTTP/1.1 500 "));
        reports.one_with("declared length of 5 bytes");
    }
    server.stop()
}

/// A killed handler is not reported, and its client gets an answer if there is time.
#[test]
fn a_kill_is_no_error() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|_, _| Err(Exception::from(GreenletExit::default())))?;
    let mut client = Client::with(&server, GET)?;
    let response = client.read()?;
    check_500(&mut client, &response)?;
    assert_eq!(reports.take(), "");
    server.stop()
}

/// Whether an empty part is a chunk: gevent's `TestEmptyYield` and `TestEmptyWrite`.
#[test]
fn test_err() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        response.header("Content-Type", "text/plain")?;
        response.write_all(b"")?;
        assert_eq!(response.write(b"")?, 0);
        Ok(())
    })?;
    let mut client = Client::with(&server, CLOSE)?;
    assert_eq!(client.read()?.chunks, Some(vec![]));
    assert_eq!(client.read_to_end()?, b"");
    server.stop()
}

#[test]
fn test_first_empty_yield() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        assert_eq!(response.write(b"")?, 0);
        Ok(response.write_all(b"hello")?)
    })?;
    let mut client = Client::with(&server, CLOSE)?;
    assert_eq!(client.read()?.chunks, Some(vec![b"hello".to_vec()]));
    assert_eq!(client.read_to_end()?, b"");
    server.stop()
}

#[test]
fn test_empty_yield_304() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        response.status(304)?;
        assert_eq!(response.write(b"")?, 0);
        Ok(())
    })?;
    let mut client = Client::with(&server, CLOSE)?;
    let response = client.read()?;
    assert_eq!((response.code, response.header("Content-Length")), (304, None));
    assert_eq!(response.header("Transfer-Encoding"), None);
    assert_eq!(client.read_to_end()?, b"");
    server.stop()
}

#[test]
fn test_content_length_304() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        response.status(304)?.header("Content-Length", "100")?;
        let error = response.flush().expect_err("it has no body");
        assert!(error.to_string().contains("304 response must have no body"), "{error}");
        assert!(!response.is_begun());
        response.status(404)?;
        Err(error.into())
    })?;
    let _reports = Reports::new();
    let mut client = Client::with(&server, CLOSE)?;
    let response = client.read()?;
    check_500(&mut client, &response)?;
    server.stop()
}

/// gevent's `TestBody304` and `TestWrite304`.
#[test]
fn test_write_304() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        let status: u16 = request.uri().path()[1..].parse()?;
        response.status(status)?;
        let error = response.send("body").expect_err("it has no body");
        assert_eq!(error.downcast_ref(), Some(&NoBody(status)));
        let error = response.write_all(b"body").expect_err("it has no body");
        assert_eq!(
            error.get_ref().and_then(|error| error.downcast_ref()),
            Some(&NoBody(status))
        );
        Ok(())
    })?;
    for status in [204, 304] {
        let request = format!("GET /{status} HTTP/1.1\r\nConnection: close\r\n\r\n");
        let mut client = Client::with(&server, request)?;
        assert_eq!(client.read()?.code, status);
        assert_eq!(client.read_to_end()?, b"");
    }
    server.stop()
}

/// Has a handler try to set something. Checks that this fails with the error, and that the answer has nothing of it.
fn splits(
    set: impl Fn(&mut gevent::pywsgi::ResponseWriter) -> Result<(), Exception> + 'static,
    expected: InvalidHeader,
) -> TestResult {
    let _bounded = bounded();
    let server = serve(move |_, response| {
        let error = set(response).expect_err("it is refused");
        assert_eq!(error.downcast_ref(), Some(&expected));
        Ok(())
    })?;
    let answer = all_of(&server, GET)?;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\nDate: ") && !answer.contains("Hi"),
        "{answer}"
    );
    server.stop()
}

#[test]
fn test_newline_in_status() -> TestResult {
    for reason in ["Hi\r\nConnection: close", "Hi\n", "Hi\r", "Hi\0"] {
        splits(
            move |response| response.reason(reason).map(drop),
            InvalidHeader::Reason(reason.to_owned()),
        )?;
    }
    Ok(())
}

#[test]
fn test_newline_in_header_value() -> TestResult {
    for value in ["Hi\r\nConnection: close", "Hi\n", "Hi\r", "Hi\0", "Hi\x7f"] {
        splits(
            move |response| response.header("Test", value).map(drop),
            InvalidHeader::Value("Test".to_owned()),
        )?;
        splits(
            move |response| response.trailer("Test", value).map(drop),
            InvalidHeader::Value("Test".to_owned()),
        )?;
        splits(
            move |response| response.informational(103, [("Test", value)]),
            InvalidHeader::Value("Test".to_owned()),
        )?;
    }
    Ok(())
}

#[test]
fn test_newline_in_header_name() -> TestResult {
    for name in ["Test\r\n", "Te st", "Test:", "", "T\u{e9}st"] {
        splits(
            move |response| response.header(name, "Hi").map(drop),
            InvalidHeader::Name(name.to_owned()),
        )?;
    }
    Ok(())
}

#[test]
fn headers_that_the_server_writes_are_not_written_twice() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        response.header("Date", "today")?.header("content-length", "2")?;
        response
            .header("Connection", "keep-alive")?
            .header("Transfer-Encoding", "chunked")?;
        let twice = response.header("Content-Length", "2").expect_err("it is there");
        assert_eq!(twice.downcast_ref(), Some(&InvalidHeader::Reserved("Content-Length")));
        let coding = response.header("Transfer-Encoding", "gzip").expect_err("it is unknown");
        assert_eq!(
            coding.downcast_ref(),
            Some(&InvalidHeader::Reserved("Transfer-Encoding"))
        );
        for status in [99, 100, 101, 1000] {
            let error = response.status(status).expect_err("it is none of an answer");
            assert_eq!(error.downcast_ref(), Some(&InvalidHeader::Status));
        }
        response.send("hi")?;
        assert!(response.status(404).expect_err("it was sent").is::<HeadSent>());
        assert!(response.header("Late", "x").expect_err("it was sent").is::<HeadSent>());
        Ok(())
    })?;
    assert_eq!(
        all_of(&server, GET)?,
        "HTTP/1.1 200 OK\r\nDate: today\r\ncontent-length: 2\r\n\r\nhi"
    );
    server.stop()
}

/// gevent's `TestNonLatin1HeaderFromApplication` has headers that Python cannot encode. Here bytes are sent as they
/// are.
#[test]
fn headers_may_have_other_bytes_than_ascii() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| {
        response.reason("PASSED")?.header("Custom-Header", "\u{1f4a}3")?;
        Ok(())
    })?;
    let response = Client::with(&server, GET)?.read()?;
    assert_eq!((response.code, &*response.reason), (200, "PASSED"));
    assert_eq!(response.header("Custom-Header"), Some("\u{1f4a}3"));
    server.stop()
}

/// The lines of an access log.
fn log_lines(server: &WSGIServer) -> Log<String> {
    let lines: Log<String> = Log::new();
    let its = lines.clone();
    let log: AccessLog = Rc::new(move |access: &Access<'_>| its.add(format!("{access}|{}", access.combined())));
    server.set_log(Some(log));
    lines
}

#[test]
fn test_status_log() -> TestResult {
    let _bounded = bounded();
    let server = serve(|_, response| response.send("hello"))?;
    let lines = log_lines(&server);
    let headers = "Referer: http://a/\"b\\\r\nUser-Agent: me\u{e9}\r\n";
    assert_eq!(
        status_of(&server, format!("GET /a?b HTTP/1.1\r\n{headers}\r\n"))?,
        (200, false)
    );
    assert!(all_of(&server, "HEAD / HTTP/1.1\r\n\r\n")?.contains("Content-Length: 5"));
    let lines = lines.take();
    assert!(lines[1].contains("\"HEAD / HTTP/1.1\" 200 - 0."), "{}", lines[1]);
    let (line, combined) = lines[0].split_once('|').expect("both");
    assert!(
        line.starts_with("127.0.0.1 - - [") && line.contains("] \"GET /a?b HTTP/1.1\" 200 5 0."),
        "{line}"
    );
    let end = r#" +0000] "GET /a?b HTTP/1.1" 200 5 "http://a/\"b\\" "me\xc3\xa9""#;
    assert!(combined.ends_with(end), "{combined}");
    assert!(!line.contains('\n'));
    server.stop()
}

/// gevent's `test_proxy_methods_on_log`: a logger gets lines of other origin, too.
#[test]
fn test_proxy_methods_on_log() -> TestResult {
    let _bounded = bounded();
    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Rc<RefCell<Vec<u8>>>, Rc<Cell<usize>>);
    impl Write for Kept {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.1.set(self.1.get() + 1);
            self.0.borrow_mut().write(data)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let kept = Kept::default();
    let log = LogTo::new(kept.clone());
    let server = serve(|_, response| response.send("hello"))?;
    server.set_log(Some(log.access()));
    server.set_error_log(Some(log.errors()));
    log.line("a line of the program's");
    let mut client = Client::with(&server, GET.repeat(3) + "wrong\r\n\r\n")?;
    client.read_to_end()?;
    log.flush();
    let text = String::from_utf8(kept.0.take())?;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(lines[0], "a line of the program's");
    assert!(
        lines[1..4]
            .iter()
            .all(|line| line.contains("\"GET / HTTP/1.1\" 200 5 ")),
        "{text}"
    );
    assert!(lines[4].starts_with("Invalid request (from 127.0.0.1:"), "{text}");
    assert!(lines[5].contains("\"wrong\" 400 - "), "{text}");
    // Lines of one round are written together.
    assert!(kept.1.get() < lines.len(), "{}", kept.1.get());
    server.stop()
}

#[test]
fn what_a_request_tells_beside_its_head() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        assert_eq!(request.remote_addr().expect("it has one").ip().to_string(), "127.0.0.1");
        let environ = request.environ();
        let get = |name: &str| {
            let found: Vec<_> = environ.iter().filter(|(other, _)| other == name).collect();
            assert!(found.len() <= 1, "{name} is there twice");
            found.first().map(|(_, value)| value.clone())
        };
        assert_eq!(get("HTTP_X_AUTH_USER"), None);
        assert_eq!(get("REQUEST_METHOD").as_deref(), Some("GET"));
        assert_eq!(
            get("SERVER_PORT"),
            request.server_addr().map(|address| address.port().to_string())
        );
        assert_eq!(get("HTTP_COOKIE").as_deref(), Some(r#"name1="value1"; name2="value2""#));
        assert_eq!(
            get("HTTP_COOKIE2").as_deref(),
            Some(r#"nameA="valueA"; nameB="valueB""#)
        );
        assert_eq!(get("HTTP_ACCEPT").as_deref(), Some("a,b"));
        assert_eq!(
            (get("CONTENT_TYPE"), get("CONTENT_LENGTH")),
            (None, None),
            "others have a `_`"
        );
        assert_eq!(
            (request.path_info(), request.query_string()),
            ("/\u{43f}".into(), "q=%D0")
        );
        assert_eq!(request.url_scheme(), "http");
        response.send(format!("{:?} {:?}", request.forwarded(), request.forwarded_proto()))
    })?;
    let cookies = "Cookie: name1=\"value1\"\r\nCookie2: nameA=\"valueA\"\r\nCookie2: nameB=\"valueB\"\r\nCookie: \
                   name2=\"value2\"\r\n";
    let head = format!(
        "GET /%D0%BF?q=%D0 HTTP/1.1\r\n{cookies}Accept: a\r\nAccept: b\r\nx-auth_user: bob\r\nContent_Length: 5\r\nContent_Type: a\r\n"
    );
    let mut client = Client::connect(&server)?;
    let cases = [
        ("", "[] None"),
        (
            "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nX-Forwarded-For: 192.0.2.3\r\nX-Forwarded-Proto: https\r\n",
            r#"["192.0.2.1", "192.0.2.2", "192.0.2.3"] Some("https")"#,
        ),
        (
            "Forwarded: for=192.0.2.1;proto=http, For=\"[2001:db8::1]\"; Proto=https\r\n",
            r#"["192.0.2.1", "[2001:db8::1]"] Some("https")"#,
        ),
    ];
    for (headers, expected) in cases {
        client.write(format!("{head}{headers}\r\n"))?;
        assert_eq!(client.read()?.shown(), (200, expected));
    }
    drop(client);
    server.stop()
}

#[test]
fn test_international() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        assert_eq!(request.path_info(), "/\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}");
        assert_eq!(
            request.query_string(),
            "%D0%B2%D0%BE%D0%BF%D1%80%D0%BE%D1%81=%D0%BE%D1%82%D0%B2%D0%B5%D1%82"
        );
        response.reason("PASSED").map(drop)
    })?;
    let path =
        "/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82?%D0%B2%D0%BE%D0%BF%D1%80%D0%BE%D1%81=%D0%BE%D1%82%D0%B2%D0%B5%D1%82";
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let response = Client::with(&server, request)?.read()?;
    assert_eq!(
        (response.code, &*response.reason, response.header("Content-Length")),
        (200, "PASSED", Some("0"))
    );
    server.stop()
}

/// gevent's `TestInvalidEnviron`: the server adds no headers of its own to a request.
#[test]
fn test() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        let names: Vec<_> = request.headers().keys().map(|name| name.to_string()).collect();
        response.send(names.join(" "))
    })?;
    for version in ["1.0", "1.1"] {
        let response = Client::with(&server, format!("GET / HTTP/{version}\r\nHost: localhost\r\n\r\n"))?.read()?;
        assert_eq!(response.shown(), (200, "host"));
    }
    server.stop()
}

#[test]
fn a_function_from_requests_to_responses_is_a_handler() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(service(|request| {
        let who = request.headers().get("who").is_some();
        if !who {
            return Err(ExpectedError("nobody asks").into());
        }
        let (path, mut text) = (request.uri().path().to_owned(), String::new());
        request.into_body().read_to_string(&mut text)?;
        Ok(http::Response::builder().status(201).header("Path", path).body(text)?)
    }))?;
    let request = "POST /path HTTP/1.1\r\nWho: me\r\nContent-Length: 4\r\n\r\nbody";
    let mut client = Client::with(&server, [request, request].concat())?;
    for _ in 0..2 {
        let response = client.read()?;
        assert_eq!(
            (response.shown(), response.header("Path")),
            ((201, "body"), Some("/path"))
        );
    }
    drop(client);
    assert_eq!(status_of(&server, GET)?, (500, true));
    reports.one_with("nobody asks");
    server.stop()
}
