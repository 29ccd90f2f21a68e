//! Real clients of the HTTP server: curl and wget here, Python's libraries, a browser, and proxies before the server.

use std::io::{Read, Write};

use gevent::Exception;
use gevent::pywsgi::{Environ, Limits, ProxyProtocol, WSGIServer};
use gevent::subprocess::{Command, Run, run_with};

mod browser;
mod descriptors;
mod examples;
mod proxies;
mod python;

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod common;
#[path = "../support/mod.rs"]
mod support;

use common::installed::installed;
use support::{TestResult, bounded};

/// What these servers allow.
fn limits() -> Limits {
    Limits {
        body: 10 << 20,
        ..Limits::default()
    }
}

/// A server that tells what it was asked, and how many bytes came, by whom, and over which connection: that is the
/// port. The page `/large` has three megabytes in chunks, and `/moved` is elsewhere.
fn server() -> Result<WSGIServer, Exception> {
    serve(WSGIServer::builder().limits(limits()))
}

fn serve(builder: gevent::pywsgi::Builder) -> Result<WSGIServer, Exception> {
    let builder = builder.log(None).error_log(None);
    let server = builder.build("127.0.0.1:0", |request, response| -> Result<(), Exception> {
        let mut body = Vec::new();
        request.body_mut().read_to_end(&mut body)?;
        let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
        if let Some(who) = request.remote_addr() {
            response.header("Who", who.ip().to_string())?;
            response.header("Port", who.port().to_string())?;
        }
        response.header("For", request.forwarded().join(","))?;
        match request.uri().path() {
            "/large" => (0..30).try_for_each(|_| Ok(response.write_all(&[b'x'; 100_000])?)),
            "/moved" => response.status(302)?.header("Location", "/here").map(drop),
            _ => {
                let (method, uri, version) = (request.method(), request.uri(), request.version());
                response.send(format!("{method} {uri} {version:?} {} {sum}\n", body.len()))
            }
        }
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
