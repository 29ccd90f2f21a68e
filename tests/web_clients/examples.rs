//! The examples `wsgiserver`, `webrouter` and `websocket`.

use crate::common::installed::installed;
use crate::common::process::{Process, example};
use crate::common::{Result, SOON};

/// An example that has told its address.
pub(crate) fn serving(name: &str) -> Result<(Process, String)> {
    let server = Process::spawn(example(name)?.arg("127.0.0.1:0"))?;
    let line = server.stdout().line_with("Serving on ", 0, SOON)?;
    let address = line.rsplit(' ').next().ok_or("it names its address")?.to_owned();
    Ok((server, address))
}

/// The status and the body that curl gets.
fn ask(arguments: &[&str], url: &str) -> Result<String> {
    let mut curl = std::process::Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--write-out",
        " %{http_code}",
    ]);
    let ended = Process::spawn(curl.args(arguments).arg(url))?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    Ok(ended.stdout)
}

#[test]
fn wsgiserver_has_two_pages() -> Result {
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let (_server, address) = serving("wsgiserver")?;
    assert_eq!(ask(&[], &format!("http://{address}/"))?, "<b>hello world</b> 200");
    assert_eq!(ask(&[], &format!("http://{address}/other"))?, "<h1>Not Found</h1> 404");
    Ok(())
}

#[test]
fn webrouter_keeps_notes() -> Result {
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let (_server, address) = serving("webrouter")?;
    let all = format!("http://{address}/notes");
    let today = format!("{all}/today");
    assert_eq!(ask(&[], &today)?, "no such note\n 404");
    assert_eq!(ask(&["--data", "buy milk"], &today)?, "written\n 201");
    assert_eq!(ask(&["--data", "buy tea"], &today)?, "written\n 200");
    assert_eq!(ask(&[], &today)?, "buy tea 200");
    assert_eq!(ask(&[], &all)?, "today\n 200");
    assert_eq!(ask(&["--request", "PATCH"], &today)?, " 405");
    assert_eq!(ask(&["--request", "DELETE"], &today)?, " 204");
    assert_eq!(ask(&["--request", "DELETE"], &today)?, " 404");
    assert_eq!(ask(&[], &format!("http://{address}/"))?, "not found\n 404");
    Ok(())
}

#[test]
fn websocket_echoes() -> Result {
    use tungstenite::Message;

    let (_server, address) = serving("websocket")?;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let stream = std::net::TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(SOON))?;
        let (socket, response) = tungstenite::client(format!("ws://{address}/echo"), stream)?;
        assert_eq!(response.status(), 101);
        sockets.push(socket);
    }
    let messages = [
        Message::text("hello"),
        Message::binary(vec![7; 1_000_000]),
        Message::text("x".repeat(70_000)),
        Message::text(""),
    ];
    for message in messages {
        for socket in &mut sockets {
            socket.send(message.clone())?;
        }
        for socket in &mut sockets {
            assert!(socket.read()? == message);
        }
    }
    for socket in &mut sockets {
        socket.send(Message::Ping("alive".into()))?;
        assert_eq!(socket.read()?, Message::Pong("alive".into()));
        socket.close(None)?;
        while let Ok(message) = socket.read() {
            assert!(message.is_close());
        }
    }
    Ok(())
}
