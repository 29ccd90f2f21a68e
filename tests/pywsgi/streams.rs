//! Other streams than TCP, files, upgrades, and proxies before the server.

use std::fs::File;
use std::io::{self, Read, Write};

use gevent::Exception;
use gevent::pywsgi::{Environ, ProxyProtocol, WSGIServer, WebStream};
use gevent::socket::{TcpListener, TcpStream, UnixStream};

use crate::client::{Client, all_of, serve};
use crate::support::{Reports, TestResult, bounded};

const GET: &str = "GET / HTTP/1.0\r\n\r\n";

#[test]
fn a_unix_socket_is_served() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-pywsgi-{}", std::process::id()));
    let server = WSGIServer::builder()
        .log(None)
        .build_at_path(&path, |request, response| {
            assert_eq!((request.remote_addr(), request.server_addr()), (None, None));
            response.send("hello")
        })?;
    server.start()?;
    let mut client = UnixStream::connect(&path)?;
    client.write_all(GET.as_bytes())?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    server.stop()?;
    assert!(!path.exists());
    Ok(())
}

/// A stream that stands for TLS: each byte is another one on its way.
#[derive(Clone)]
struct Coded(TcpStream);

fn coded(data: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| byte ^ 0x55).collect()
}

impl Read for Coded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buf)?;
        let data = coded(&buf[..n]);
        buf[..n].copy_from_slice(&data);
        Ok(n)
    }
}

impl Write for Coded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(&coded(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WebStream for Coded {
    fn end_writing(&self) -> io::Result<()> {
        (&self.0).write_all(b"bye")?;
        self.0.end_writing()
    }
}

#[test]
fn a_wrapped_stream_is_served() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let wrap = |mut stream: TcpStream| -> io::Result<Coded> {
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting)?;
        match &greeting {
            b"hello" => Ok(Coded(stream)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    };
    let server = WSGIServer::builder().log(None).wrap_socket(wrap);
    let server = server.build("127.0.0.1:0", |request, response| {
        let file = File::open("/proc/self/cmdline").or_else(|_| File::open("/dev/null"))?;
        assert!(request.body().stream::<Coded>().is_some() && request.body().stream::<TcpStream>().is_none());
        response.sendfile(&file, 0, Some(0))?;
        Ok(write!(response, "{}", request.url_scheme())?)
    });
    server.start()?;
    let mut client = Client::with(&server, "hello")?;
    client.write(coded(GET.replace("1.0", "1.1").as_bytes()))?;
    client.write(coded(GET.as_bytes()))?;
    let all = client.read_to_end()?;
    let (answers, end) = all.split_at(all.len() - 3);
    assert_eq!(end, b"bye");
    let answers = String::from_utf8(coded(answers))?;
    assert_eq!(answers.matches("HTTP/1.1 500").count(), 0, "{answers}");
    drop(client);
    assert_eq!(reports.take().matches("declared length").count(), 1);
    let mut client = Client::with(&server, "holla")?;
    assert_eq!(client.read_to_end()?, b"");
    reports.one_with("nvalid");
    server.stop()
}

/// A file with this contents, which is removed already.
fn file(contents: &[u8]) -> io::Result<File> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("gevent-pywsgi-file-{}-{number}", std::process::id()));
    std::fs::write(&path, contents)?;
    let file = File::open(&path);
    std::fs::remove_file(&path)?;
    file
}

#[test]
fn files_are_sent() -> TestResult {
    let _bounded = bounded();
    let contents: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    let data = file(&contents)?;
    let reports = Reports::new();
    let server = serve(move |request, response| match request.uri().path() {
        "/whole" => response.sendfile(&data, 0, None),
        "/part" => response.sendfile(&data, 100_000, Some(5)),
        "/chunk" => {
            response.write_all(b"before")?;
            response.sendfile(&data, 299_990, None)?;
            Ok(response.write_all(b"behind")?)
        }
        _ => response.sendfile(&data, 0, Some(1_000_000)),
    })?;
    let get = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut client = Client::with(&server, get("GET", "/whole"))?;
    assert!(client.read()?.body == contents);
    client.write(get("GET", "/part"))?;
    assert_eq!(client.read()?.body, contents[100_000..100_005]);
    client.write(get("GET", "/chunk"))?;
    assert_eq!(
        client.read()?.body,
        [b"before", &contents[299_990..], b"behind"].concat()
    );
    client.write(get("HEAD", "/whole"))?;
    assert_eq!(client.read_to_head()?.header("Content-Length"), Some("300000"));
    client.write(get("GET", "/more"))?;
    assert_eq!(
        client.read().expect_err("the file is shorter").kind(),
        io::ErrorKind::UnexpectedEof
    );
    reports.one_with("the file has become shorter");
    server.stop()
}

#[test]
fn a_connection_becomes_something_else() -> TestResult {
    let _bounded = bounded();
    let server = serve(|request, response| {
        let path = request.uri().path().to_owned();
        let upgraded = response.header("Upgrade", "echo")?.upgrade(request)?;
        assert!(response.upgrade(request).is_err() && response.send("more").is_err());
        if path == "/stream" {
            let (mut stream, first) = upgraded.into_stream::<TcpStream>().expect("it is one");
            stream.write_all(&first)?;
            return Ok(gevent::socket::copy(&mut stream.clone(), &mut stream).map(drop)?);
        }
        let mut upgraded = upgraded.into_stream::<UnixStream>().expect_err("it is none");
        let mut text = String::new();
        upgraded.read_to_string(&mut text)?;
        Ok(upgraded.write_all(text.as_bytes())?)
    })?;
    for path in ["/stream", "/"] {
        let request = format!("GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        let answer = all_of(&server, format!("{request}GET / HTTP/1.1\r\n\r\n"))?;
        assert!(
            answer.starts_with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\nDate: ")
        );
        assert!(answer.ends_with("GMT\r\n\r\nGET / HTTP/1.1\r\n\r\n"), "{answer}");
    }
    let answer = all_of(&server, "CONNECT host:80 HTTP/1.1\r\n\r\nhello")?;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"),
        "{answer}"
    );
    server.stop()
}

fn behind_proxy() -> Result<WSGIServer, Exception> {
    let server = WSGIServer::builder().proxy_protocol(ProxyProtocol::Required);
    let server = server.log(None).error_log(None);
    let server = server.build_on(TcpListener::bind("127.0.0.1:0")?, |request, response| {
        response.send(format!("{:?} {:?}", request.remote_addr(), request.server_addr()))
    });
    server.start()?;
    Ok(server)
}

#[test]
fn a_proxy_tells_for_whom_it_connects() -> TestResult {
    let _bounded = bounded();
    let server = behind_proxy()?;
    let client_v2 = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..],
        &[192, 0, 2, 1, 198, 51, 100, 2, 0x13, 0x88, 0, 80],
    ]
    .concat();
    for greeting in [&b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 80\r\n"[..], &client_v2] {
        let answer = all_of(&server, [greeting, GET.as_bytes()].concat())?;
        assert!(
            answer.ends_with("Some(192.0.2.1:5000) Some(198.51.100.2:80)"),
            "{answer}"
        );
    }
    let answer = all_of(&server, format!("PROXY UNKNOWN\r\n{GET}"))?;
    assert!(answer.contains("\r\n\r\nSome(127.0.0.1:"), "{answer}");
    // Nobody else is served.
    let mut client = Client::with(&server, GET)?;
    match client.read_to_end() {
        Ok(answer) => assert_eq!(answer, b""),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    server.stop()
}
