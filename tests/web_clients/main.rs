//! Real clients of the HTTP server: curl, wget, Python's urllib, and HAProxy before the server.

use std::io::Read;
use std::os::fd::AsRawFd;

use gevent::Exception;
use gevent::pywsgi::{Environ, Limits, ProxyProtocol, WSGIServer};
use gevent::subprocess::{Command, Run, run_with};

mod examples;

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod common;
#[path = "../support/mod.rs"]
mod support;

use common::installed::{installed, say_skipped};
use support::{TestResult, bounded};

/// A server that tells what it was asked, and how many bytes came.
fn server() -> Result<WSGIServer, Exception> {
    serve(WSGIServer::builder())
}

fn serve(builder: gevent::pywsgi::Builder) -> Result<WSGIServer, Exception> {
    let limits = Limits {
        body: 10 << 20,
        ..Limits::default()
    };
    let builder = builder.limits(limits).log(None).error_log(None);
    let server = builder.build("127.0.0.1:0", |request, response| -> Result<(), Exception> {
        let mut body = Vec::new();
        request.body_mut().read_to_end(&mut body)?;
        let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
        let who = request.remote_addr().map(|address| address.ip().to_string());
        response.header("Who", who.unwrap_or_default())?;
        let (method, uri, version) = (request.method(), request.uri(), request.version());
        response.send(format!("{method} {uri} {version:?} {} {sum}\n", body.len()))
    });
    server.start()?;
    Ok(server)
}

/// Runs a program beside the server, and returns what it writes. It must succeed.
fn output(program: &str, arguments: &[&str], input: Option<&[u8]>) -> Result<String, Exception> {
    let mut command = Command::new(program);
    command.args(arguments);
    let mut keywords = Run::default().capture_output().timeout(50);
    if let Some(input) = input {
        keywords = keywords.input(input);
    }
    let ended = run_with(&mut command, keywords)?;
    let error = String::from_utf8_lossy(ended.stderr.as_deref().unwrap_or_default()).into_owned();
    assert_eq!(ended.returncode, 0, "{program} {arguments:?}: {error}");
    Ok(String::from_utf8(ended.stdout.unwrap_or_default())?)
}

fn curl(arguments: &[&str], input: Option<&[u8]>) -> Result<String, Exception> {
    let all = [&["--silent", "--show-error", "--noproxy", "*"], arguments].concat();
    output("curl", &all, input)
}

/// The address of a path of the server.
fn url(server: &WSGIServer, path: &str) -> String {
    format!("http://{}{path}", server.address().expect("it listens"))
}

#[test]
fn curl_asks_by_both_versions() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let server = server()?;
    let (a, b) = (url(&server, "/a?q=1"), url(&server, "/b"));
    assert_eq!(curl(&["--http1.0", &a], None)?, "GET /a?q=1 HTTP/1.0 0 0\n");
    // Both requests use one connection.
    let told = curl(&["--http1.1", "--write-out", "%{num_connects}\n", &a, &b], None)?;
    assert_eq!(told, "GET /a?q=1 HTTP/1.1 0 0\n1\nGET /b HTTP/1.1 0 0\n0\n");
    let head = curl(&["--head", &a], None)?;
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 25\r\n"),
        "{head}"
    );
    server.stop()
}

#[test]
fn curl_uploads() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let server = server()?;
    let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let sum: u64 = data.iter().map(|byte| u64::from(*byte)).sum();
    let at = url(&server, "/up");
    // A pipe has no length, so it is sent in chunks.
    let told = curl(&["--http1.1", "--upload-file", "-", &at], Some(&data))?;
    assert_eq!(told, format!("PUT /up HTTP/1.1 3000000 {sum}\n"));
    let told = curl(&["--http1.1", "--data-binary", "@-", &at], Some(&data))?;
    assert_eq!(told, format!("POST /up HTTP/1.1 3000000 {sum}\n"));
    // curl waits for permission for as long as it takes.
    let waits = ["--header", "Expect: 100-continue", "--expect100-timeout", "40"];
    let told = curl(
        &[&waits[..], &["--data-binary", "@-", "--verbose", &at]].concat(),
        Some(b"hello"),
    )?;
    assert_eq!(told, "POST /up HTTP/1.1 5 532\n");
    let told = curl(&[&waits[..], &["--upload-file", "-", &at]].concat(), Some(&data))?;
    assert_eq!(told, format!("PUT /up HTTP/1.1 3000000 {sum}\n"));
    server.stop()
}

/// A body that is too large: curl gets the answer, although it is still sending.
#[test]
fn curl_is_refused() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let server = server()?;
    let data = vec![b'x'; (10 << 20) + 1];
    let at = url(&server, "/large");
    let status = ["--write-out", "%{http_code}", "--header", "Expect:"];
    for upload in ["--data-binary", "--upload-file"] {
        let from = if upload == "--upload-file" { "-" } else { "@-" };
        let told = curl(&[&status[..], &[upload, from, &at]].concat(), Some(&data))?;
        assert!(told.ends_with("413"), "{told}");
    }
    let long = url(&server, &format!("/{}", "x".repeat(9000)));
    assert!(curl(&["--write-out", "%{http_code}", &long], None)?.ends_with("414"));
    server.stop()
}

#[test]
fn curl_is_a_proxy() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let server = serve(WSGIServer::builder().proxy_protocol(ProxyProtocol::Required))?;
    let at = url(&server, "/");
    let told = curl(&["--haproxy-protocol", "--include", &at], None)?;
    assert!(told.contains("\r\nWho: 127.0.0.1\r\n"), "{told}");
    server.stop()
}

#[test]
fn curl_asks_a_unix_socket() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let path = std::env::temp_dir().join(format!("gevent-curl-{}", std::process::id()));
    let server = WSGIServer::builder().log(None);
    let server = server.build_at_path(&path, |request, response| response.send(request.uri().path()))?;
    server.start()?;
    let socket = path.to_string_lossy();
    assert_eq!(
        curl(&["--unix-socket", &socket, "http://localhost/path"], None)?,
        "/path"
    );
    server.stop()
}

#[test]
fn wget_asks() -> TestResult {
    let _bounded = bounded();
    if !installed(&["wget"], "wget") {
        return Ok(());
    }
    let server = server()?;
    let arguments = ["--quiet", "--no-proxy", "--output-document=-"];
    let told = output(
        "wget",
        &[&arguments[..], &[&url(&server, "/a"), &url(&server, "/b")]].concat(),
        None,
    )?;
    assert_eq!(told, "GET /a HTTP/1.1 0 0\nGET /b HTTP/1.1 0 0\n");
    server.stop()
}

#[test]
fn python_asks() -> TestResult {
    let _bounded = bounded();
    if !installed(&["python3"], "python3") {
        return Ok(());
    }
    let server = server()?;
    let script = "
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
for body in (None, b'hello', iter([b'he', b'llo'])):
    connection.request('POST', '/path', body)
    sys.stdout.write(connection.getresponse().read().decode())
";
    let address = server.address().expect("it listens").to_string();
    let told = output("python3", &["-c", script, &address], None)?;
    assert_eq!(
        told,
        "POST /path HTTP/1.1 0 0\nPOST /path HTTP/1.1 5 532\nPOST /path HTTP/1.1 5 532\n"
    );
    server.stop()
}

/// HAProxy before the server: it keeps connections, and tells for whom it asks.
#[test]
fn haproxy_forwards() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") || !installed_by("haproxy", "-v") {
        return Ok(());
    }
    let server = serve(WSGIServer::builder().proxy_protocol(ProxyProtocol::Required))?;
    for version in ["send-proxy", "send-proxy-v2"] {
        // HAProxy gets the socket itself, so that nobody else has its port.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let (port, fd) = (listener.local_addr()?.port(), listener.as_raw_fd());
        let backend = server.address().expect("it listens");
        let settings = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen web\n bind fd@{fd}\n option forwardfor\n http-reuse always\n server one {backend} {version}\n"
        );
        let path = std::env::temp_dir().join(format!("gevent-haproxy-{}-{port}", std::process::id()));
        std::fs::write(&path, settings)?;
        let haproxy = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&path)
            .pass_fds(&[fd])
            .spawn()?;
        let haproxy = Killed(haproxy);
        let at = format!("http://127.0.0.1:{port}/");
        let asks = [
            "--retry",
            "50",
            "--retry-connrefused",
            "--retry-delay",
            "1",
            "--include",
            // HAProxy's own address is another one.
            "--interface",
            "127.0.0.2",
            &at,
            &at,
        ];
        let told = curl(&asks, None)?;
        drop(haproxy);
        std::fs::remove_file(&path)?;
        assert_eq!(
            told.to_ascii_lowercase().matches("\r\nwho: 127.0.0.2\r\n").count(),
            2,
            "{told}"
        );
    }
    server.stop()
}

/// A process that does not outlive the test.
struct Killed(gevent::subprocess::Popen);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn installed_by(program: &str, argument: &str) -> bool {
    let is_there = std::process::Command::new(program).arg(argument).output().is_ok();
    if !is_there {
        say_skipped(format!("{program} not found: install Debian's package `{program}`"));
    }
    is_there
}
