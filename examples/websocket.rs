//! A WebSocket server that sends every message back, with the crate `tungstenite`, whose calls just block.
//!
//! ```sh
//! cargo run --features pywsgi --example websocket
//! ```
//!
//! The page at `http://127.0.0.1:8090/` has a client for it. Another address may be given as an argument.

use gevent::Exception;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use http::{HeaderMap, Request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};

const PAGE: &str = "<!DOCTYPE html>
<title>Echo</title>
<input id=text autofocus placeholder='a message, and Enter'>
<pre id=log></pre>
<script>
const socket = new WebSocket('ws://' + location.host + '/echo');
socket.onmessage = event => log.textContent += event.data + '\\n';
text.onchange = () => { socket.send(text.value); text.value = ''; };
</script>
";

/// The key with which a client asks for a WebSocket, if it does.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let is = |name: &str, value: &str| {
        let found = headers.get(name)?.to_str().ok()?;
        found.split(',').find(|item| item.trim().eq_ignore_ascii_case(value))
    };
    is("upgrade", "websocket")?;
    is("connection", "upgrade")?;
    is("sec-websocket-version", "13")?;
    Some(headers.get("sec-websocket-key")?.as_bytes())
}

fn echo(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let Some(key) = key(request.headers()) else {
        return response
            .status(426)?
            .header("Upgrade", "websocket")?
            .send("This is a WebSocket.\n");
    };
    response.header("Upgrade", "websocket")?;
    response.header("Sec-WebSocket-Accept", derive_accept_key(key))?;
    let stream = response.upgrade(request)?;
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.send(message)?,
            // Pings are answered, and a close is, by `read`.
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let server = WSGIServer::new(address, |request, response| match request.uri().path() {
        "/" => response.header("Content-Type", "text/html")?.send(PAGE),
        "/echo" => echo(request, response),
        _ => response.status(404)?.send("not found\n"),
    });
    server.start()?;
    println!("Serving on {}", server.address().expect("it was started"));
    server.serve_forever()
}
