//! A browser: Chromium loads a page with its parts, and talks by a WebSocket.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gevent::Exception;
use gevent::event::Event;
use gevent::pywsgi::{Body, Environ, ResponseWriter, WSGIServer};
use http::Request;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};

use crate::common::folder::Folder;
use crate::support::{TestResult, bounded};
use crate::{output, url};

/// How many scripts, style sheets and images the page has: 51 parts.
const OF_EACH: usize = 17;

/// The page is loaded when its last image is, which comes when the page has told what it has found. Then the browser
/// prints it.
const SCRIPT: &str = "
const echo = (socket, sent) => new Promise((done, failed) => {
    socket.onerror = socket.onclose = failed;
    socket.onmessage = ({data}) => done((data.byteLength ?? data.length) === (sent.byteLength ?? sent.length)
        && (typeof data === 'object' || data === sent));
    socket.send(sent);
});
const find = async () => {
    const style = getComputedStyle(document.documentElement);
    const styles = [...Array(OF_EACH).keys()].filter(i => style.getPropertyValue('--style' + i).trim() === '1').length;
    const images = [...document.images].filter(image => image.id !== 'last');
    await Promise.all(images.map(image => image.decode()));
    const socket = new WebSocket('ws://' + location.host + '/echo');
    socket.binaryType = 'arraybuffer';
    await new Promise((done, failed) => { socket.onopen = done; socket.onerror = failed; });
    let echoes = 0;
    for (const sent of ['hello', '', 'x'.repeat(70000), new Uint8Array(1000000)]) {
        echoes += await echo(socket, sent);
    }
    await new Promise(done => { socket.onclose = done; socket.close(); });
    return `${scripts} scripts, ${styles} styles, ${images.length} images, ${echoes} echoes`;
};
find().catch(error => 'failed: ' + (error.message ?? error.type)).then(found => {
    result.textContent = found;
    fetch('/found', {method: 'POST', body: found});
});
";

fn page() -> String {
    let parts = |part: fn(usize) -> String| (0..OF_EACH).map(part).collect::<String>();
    let styles = parts(|i| format!("<link rel=stylesheet href=/style{i}>\n"));
    let scripts = parts(|i| format!("<script src=/script{i}></script>\n"));
    let images = parts(|i| format!("<img src=/image{i}>\n"));
    let script = SCRIPT.replace("OF_EACH", &OF_EACH.to_string());
    format!(
        "<!DOCTYPE html>\n<title>A page</title>\n<script>let scripts = 0</script>\n{styles}{scripts}\
         <p id=result></p>\n{images}<img id=last src=/last>\n<script>{script}</script>\n"
    )
}

fn echo(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let key = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
    response
        .header("Upgrade", "websocket")?
        .header("Sec-WebSocket-Accept", key)?;
    let mut socket = WebSocket::from_raw_socket(response.upgrade(request)?, Role::Server, None);
    loop {
        match socket.read() {
            Ok(message) if message.is_close() => {}
            Ok(message) => socket.send(message)?,
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the browser has asked for.
#[derive(Default)]
struct Asked {
    /// How often it has asked for each path.
    paths: RefCell<BTreeMap<String, usize>>,
    /// The requests of each connection, which has its port.
    ports: RefCell<BTreeMap<u16, usize>>,
    /// How many WebSockets have come to their end.
    closed: Cell<usize>,
    found: Event,
}

fn answer(asked: &Asked, request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let path = request.uri().path().to_owned();
    let port = request.remote_addr().expect("it comes over the network").port();
    *asked.paths.borrow_mut().entry(path.clone()).or_default() += 1;
    *asked.ports.borrow_mut().entry(port).or_default() += 1;
    match path.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "/" => response.header("Content-Type", "text/html")?.send(page()),
        "/style" => {
            let style = format!(":root {{ --style{}: 1 }}\n", &path[6..]);
            response.header("Content-Type", "text/css")?.send(style)
        }
        "/script" => response.header("Content-Type", "text/javascript")?.send("scripts++;\n"),
        "/echo" => {
            echo(request, response)?;
            asked.closed.set(asked.closed.get() + 1);
            Ok(())
        }
        "/found" => {
            asked.found.set();
            response.status(204).map(drop)
        }
        "/image" | "/last" => {
            if path == "/last" {
                asked.found.wait()?;
            }
            response.header("Content-Type", "image/svg+xml")?;
            response.send("<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>")
        }
        _ => response.status(404)?.send("not found"),
    }
}

#[test]
#[ignore = "Chromium is large; .ci/long runs it"]
fn chromium_loads_a_page() -> TestResult {
    let _bounded = bounded();
    let asked = Rc::new(Asked::default());
    let its = asked.clone();
    let server = WSGIServer::builder().log(None);
    let server = server.build("127.0.0.1:0", move |request, response| answer(&its, request, response));
    server.start()?;
    let folder = Folder::new().map_err(|error| Exception::msg(error.to_string()))?;
    let profile = format!("--user-data-dir={}", folder.path("profile").display());
    let arguments = [
        "--headless",
        // The superuser, as whom CI runs, has no sandbox.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        &profile,
        "--dump-dom",
        &url(&server, "/"),
    ];
    let told = output("chromium", &arguments, None)?;
    let expected = format!("{OF_EACH} scripts, {OF_EACH} styles, {OF_EACH} images, 4 echoes");
    assert!(told.contains(&format!("<p id=\"result\">{expected}</p>")), "{told}");
    let (paths, ports) = (asked.paths.take(), asked.ports.take());
    println!(
        "{} requests by {} connections: {expected}",
        ports.values().sum::<usize>(),
        ports.len()
    );
    for i in 0..OF_EACH {
        for part in ["style", "script", "image"] {
            assert_eq!(paths.get(&format!("/{part}{i}")), Some(&1), "{paths:?}");
        }
    }
    // It uses connections again: it has six, and the WebSocket.
    assert!(ports.len() <= 10, "{ports:?}");
    server.stop()?;
    assert_eq!(asked.closed.get(), 1);
    Ok(())
}
