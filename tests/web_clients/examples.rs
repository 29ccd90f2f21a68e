//! The examples `wsgiserver`, `webrouter`, `websocket`, `webchat` and `webproxy`.

use crate::common::installed::installed;
use crate::common::process::{Process, example};
use crate::common::{Result, SOON};
use crate::python::with_requests;

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

/// Some readers wait for messages, each with a cookie of its own, while others write.
#[test]
fn webchat_tells_every_page_each_message() -> Result {
    let Some(python) = with_requests() else {
        return Ok(());
    };
    let (_server, address) = serving("webchat")?;
    let script = r#"
import os, re, sys
os.environ["no_proxy"] = "*"
import requests
from concurrent.futures import ThreadPoolExecutor
url = "http://" + sys.argv[1]

def page(session):
    text = session.get(url + "/", timeout=50).text
    return re.findall(r'<div class="message" id="m(\w+)">', text)

def updates(session, timeout=50):
    return session.post(url + "/a/message/updates", timeout=timeout).json()["messages"]

def write(body, **headers):
    answer = requests.post(url + "/a/message/new", {"body": body}, headers=headers, timeout=50)
    assert answer.headers["Content-Type"] == "text/javascript; charset=UTF-8"
    return answer.json()

readers = [requests.Session() for _ in range(20)]
assert all(page(reader) == [] for reader in readers)
with ThreadPoolExecutor(len(readers)) as pool:
    for body in "hello", "<b>&", "":
        # The server answers none of them without a message.
        waiting = [pool.submit(updates, reader) for reader in readers]
        written = write(body)
        assert all(reader.result() == [written] for reader in waiting)
assert written == {"id": written["id"], "from": "127.0.0.1", "body": "", "html":
                   f'<div class="message" id="m{written["id"]}"><b>127.0.0.1: </b></div>\n'}, written
try:
    print(updates(readers[0], timeout=0.2), "although there is no message")
except requests.Timeout:
    pass
# The reader that has gone gets what comes next when it has come back.
two = [write('<i>"&'), write("more", **{"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})]
assert updates(readers[0]) == two and updates(readers[1]) == two
assert "<b>127.0.0.1: </b>&lt;i&gt;&quot;&amp;</div>" in two[0]["html"] and two[0]["body"] == '<i>"&'
assert two[1]["from"] == "192.0.2.2"
# A page gets what there is already, and the updates begin behind that.
late = requests.Session()
assert len(page(late)) == 5
last = [write(str(number)) for number in range(200)]
assert updates(late) == last
# The room has forgotten the message that a reader had last, which gets all that the room has.
last = last[1:] + [write("the last")]
assert updates(readers[1]) == last and updates(requests.Session()) == last
assert page(late) == [message["id"] for message in last]
for path, status in ("/a/message/new", 400), ("/a/other", 404):
    assert requests.post(url + path, {"text": "hello"}, timeout=50).status_code == status
"#;
    let ended = Process::spawn(std::process::Command::new(python).args(["-c", script, &address]))?.wait(SOON)?;
    assert!(
        ended.status.success() && ended.stdout.is_empty(),
        "{}\n{}",
        ended.stdout,
        ended.stderr
    );
    Ok(())
}

#[cfg(feature = "ssl")]
#[test]
fn webproxy_leads_links_to_itself() -> Result {
    use crate::common::folder::Folder;
    use std::fs;
    use std::process::Command;

    if !installed(&["curl"], "curl") || !installed(&["python3"], "python3") {
        return Ok(());
    }
    let folder = Folder::new()?;
    fs::create_dir(folder.path("sub"))?;
    let text = "href=/a src=b action='c'\n".repeat(10_000);
    fs::write(folder.path("sub/text.txt"), &text)?;
    let site = Process::spawn(
        Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"])
            .arg(folder.path("")),
    )?;
    let line = site.stdout().line_with("Serving HTTP on ", 0, SOON)?;
    let port = line
        .split("port ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .ok_or("it names its port")?;
    let at = format!("127.0.0.1:{port}");
    let links = [
        ("<a href=\"/a?b=c\">", format!("<a href=\"/http://{at}/a?b=c\">")),
        (
            "<a class=x href='d.html'>",
            format!("<a class=x href='/http://{at}/sub/d.html'>"),
        ),
        (
            "<img src=e/f.gif width=1>",
            format!("<img src=/http://{at}/sub/e/f.gif width=1>"),
        ),
        (
            "<FORM ACTION = \"?g=h\">",
            format!("<FORM ACTION = \"/http://{at}/sub/page.html?g=h\">"),
        ),
        ("<a href=//i.example/>", "<a href=/http://i.example/>".to_owned()),
        (
            "<a href=\"https://j.example\">",
            "<a href=\"/https://j.example\">".to_owned(),
        ),
        (
            "<a href=\"/k?src=l&href=m\">",
            format!("<a href=\"/http://{at}/k?src=l&href=m\">"),
        ),
        (
            "<a href=#n><a href=\"\"><a href=''>",
            "<a href=#n><a href=\"\"><a href=''>".to_owned(),
        ),
        ("<a href=mailto:o@p.example>", "<a href=mailto:o@p.example>".to_owned()),
        ("<p title=q>src=</p> \u{fc}", "<p title=q>src=</p> \u{fc}".to_owned()),
    ];
    let page: String = links.iter().map(|(link, _)| *link).collect();
    let expected: String = links.iter().map(|(_, link)| &**link).collect();
    fs::write(folder.path("sub/page.html"), page)?;

    // The site is asked without a proxy.
    let mut proxy = example("webproxy")?;
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        proxy.env_remove(variable);
    }
    let proxy = Process::spawn(proxy.arg("127.0.0.1:0"))?;
    let line = proxy.stdout().line_with("Serving on ", 0, SOON)?;
    let proxy = format!("http://{}", line.rsplit(' ').next().ok_or("it names its address")?);
    let form = ask(&[], &proxy)?;
    assert!(form.contains("gevent example") && form.ends_with(" 200"), "{form}");
    for begin in ["http://", ""] {
        assert_eq!(
            ask(&[], &format!("{proxy}/{begin}{at}/sub/page.html"))?,
            format!("{expected} 200")
        );
    }
    // The site leads on to the folder, and the links on its page are those of the folder.
    let listing = ask(&[], &format!("{proxy}/{at}/sub"))?;
    assert!(
        listing.contains(&format!("href=\"/http://{at}/sub/page.html\"")),
        "{listing}"
    );
    assert_eq!(
        ask(&[], &format!("{proxy}/http://{at}/sub/text.txt"))?,
        format!("{text} 200")
    );
    let missing = ask(&[], &format!("{proxy}/http://{at}/none"))?;
    assert!(
        missing.contains("File not found") && missing.ends_with(" 404"),
        "{missing}"
    );

    let data = format!("url=http://{at}/sub/page.html");
    let told = ask(&["--location", "--data-urlencode", &data], &format!("{proxy}/"))?;
    assert_eq!(told, format!("{expected} 200"));
    for data in ["url=http://a%0d%0aB: c", "other=http://a"] {
        assert_eq!(
            ask(&["--data", data], &format!("{proxy}/"))?,
            "There is no address.\n 400"
        );
    }
    for url in ["http://127.0.0.1:1/a&b", "ftp://127.0.0.1/a&b"] {
        let told = ask(&[], &format!("{proxy}/{url}"))?;
        let (url, told_url) = (
            url.replace('&', "&amp;"),
            told.ends_with(
                "</h2>
 502",
            ),
        );
        assert!(
            told_url && told.starts_with("<h1>") && told.contains(&format!("</h1><h2>{url}")),
            "{told}"
        );
    }
    assert_eq!(ask(&["--data", "url=x"], &format!("{proxy}/other"))?, " 404");
    assert_eq!(ask(&["--request", "PUT"], &format!("{proxy}/"))?, " 501");
    Ok(())
}
