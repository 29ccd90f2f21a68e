//! Proxies before the server: HAProxy and nginx. They keep connections, tell for whom they ask, and send what their
//! clients send in another form.

use std::os::fd::AsRawFd;

use gevent::Exception;
use gevent::pywsgi::{Limits, ProxyProtocol, WSGIServer};
use gevent::subprocess::{Command, Popen};

use crate::common::folder::Folder;
use crate::common::installed::{installed, say_skipped};
use crate::support::{TestResult, bounded};
use crate::{curl, limits, serve, server};

/// A process that does not outlive the test, and neither do its children, which it ends when it is told to end.
struct Ended(Popen);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.terminate();
        if self.0.wait_timeout(10).is_err() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// HAProxy before the server: it keeps connections, and tells for whom it asks.
#[test]
fn haproxy_forwards() -> TestResult {
    let _bounded = bounded();
    if !installed(&["curl"], "curl") || !installed(&["haproxy"], "haproxy") {
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
        let haproxy = Ended(haproxy);
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

/// Debian's module of nginx for connections that are not of HTTP.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Keeps four connections. What is sent to a path that begins with `/streamed` is passed on as it comes.
const HTTP: &str = "
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    map $http_upgrade $connection_of_upgrade { '' ''; default upgrade; }
    upstream web { server BACKEND; keepalive 4; }
    server {
        listen LISTEN;
        proxy_http_version 1.1;
        proxy_set_header Connection $connection_of_upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header X-Forwarded-For $remote_addr;
        location / { proxy_pass http://web; }
        location /streamed { proxy_pass http://web; proxy_request_buffering off; }
    }
}
";

/// Tells by the PROXY protocol for whom it connects.
const STREAM: &str = "
stream {
    server { listen LISTEN; proxy_pass BACKEND; proxy_protocol on; }
}
";

/// nginx, with files of its own.
struct Nginx {
    address: String,
    _process: Ended,
    folder: Folder,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{}",
                std::fs::read_to_string(self.folder.path("log")).unwrap_or_default()
            );
        }
    }
}

impl Nginx {
    /// Puts nginx with these settings before the server at this address. It gets the socket at which it listens, so
    /// that nobody else has the port, and clients may come before it runs.
    fn before(backend: &str, settings: &str) -> Result<Nginx, Exception> {
        let folder = Folder::new().map_err(|error| Exception::msg(error.to_string()))?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, fd) = (listener.local_addr()?.to_string(), listener.as_raw_fd());
        let settings = settings.replace("LISTEN", &address).replace("BACKEND", backend);
        let first = "daemon off;\npid pid;\nevents { worker_connections 100; }\n";
        let module = match settings.contains("stream {") {
            true => format!("load_module {STREAM_MODULE};\n"),
            false => String::new(),
        };
        std::fs::write(folder.path("conf"), module + first + &settings)?;
        let process = Command::new("nginx")
            .arg("-p")
            .arg(folder.path(""))
            .args(["-c", "conf", "-e", "log"])
            .env("NGINX", format!("{fd};"))
            .pass_fds(&[fd])
            .spawn()?;
        Ok(Nginx {
            address,
            _process: Ended(process),
            folder,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The address of the server.
fn at(server: &WSGIServer) -> String {
    server.address().expect("it listens").to_string()
}

/// Whether the programs are there.
fn nginx_is_installed() -> bool {
    installed(&["curl"], "curl") && installed(&["nginx"], "nginx")
}

/// The values of a header in what curl has written, which has the heads of the answers.
fn values<'a>(told: &'a str, name: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name));
    told.lines()
        .filter_map(value)
        .map(|(_, value)| value.trim_end())
        .collect()
}

#[test]
fn nginx_keeps_its_connection() -> TestResult {
    let _bounded = bounded();
    if !nginx_is_installed() {
        return Ok(());
    }
    let server = server()?;
    let nginx = Nginx::before(&at(&server), HTTP)?;
    let (a, b) = (nginx.url("/a?q=1"), nginx.url("/b"));
    let told = curl(&["--include", "--interface", "127.0.0.2", &a, &b, &a], None)?;
    let ports = values(&told, "Port");
    assert_eq!(ports.len(), 3, "{told}");
    assert!(ports.iter().all(|port| *port == ports[0]), "{told}");
    assert_eq!(values(&told, "For"), ["127.0.0.2"; 3], "{told}");
    assert!(told.contains("\r\n\r\nGET /b HTTP/1.1 0 0\n"), "{told}");
    // Another client of nginx gets the connection, too, and so does one that only asks for the head.
    let told = curl(
        &["--include", &a, "--next", "--silent", "--noproxy", "*", "--head", &b],
        None,
    )?;
    assert_eq!(values(&told, "Port"), [ports[0]; 2], "{told}");
    assert_eq!(values(&told, "Content-Length"), ["24", "21"], "{told}");
    // It has all of the large page, which comes in chunks, and what follows it.
    let told = curl(&["--write-out", "%{size_download} ", &nginx.url("/large"), &b], None)?;
    assert!(
        told.trim_start_matches('x').starts_with("3000000 GET /b"),
        "{}",
        told.len()
    );
    server.stop()
}

#[test]
fn nginx_passes_uploads_on() -> TestResult {
    let _bounded = bounded();
    if !nginx_is_installed() {
        return Ok(());
    }
    let server = server()?;
    let nginx = Nginx::before(&at(&server), HTTP)?;
    let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let sum: u64 = data.iter().map(|byte| u64::from(*byte)).sum();
    for path in ["/up", "/streamed"] {
        let url = nginx.url(path);
        // A pipe has no length, so curl sends chunks, and nginx does so where it sends at once.
        let told = curl(&["--http1.1", "--upload-file", "-", &url], Some(&data))?;
        assert_eq!(told, format!("PUT {path} HTTP/1.1 3000000 {sum}\n"));
        let told = curl(&["--http1.1", "--data-binary", "@-", &url], Some(&data))?;
        assert_eq!(told, format!("POST {path} HTTP/1.1 3000000 {sum}\n"));
    }
    server.stop()
}

/// nginx sends all that it has before it looks for an answer, which the server gives at once.
#[test]
fn nginx_hears_that_an_upload_is_too_large() -> TestResult {
    let _bounded = bounded();
    if !nginx_is_installed() {
        return Ok(());
    }
    let limits = Limits {
        body: 1 << 20,
        ..limits()
    };
    let server = serve(WSGIServer::builder().limits(limits))?;
    let nginx = Nginx::before(&at(&server), HTTP)?;
    let large = vec![b'x'; 5 << 20];
    let status = [
        "--write-out",
        "%{http_code}",
        "--header",
        "Expect:",
        "--data-binary",
        "@-",
    ];
    for path in ["/up", "/streamed"] {
        let told = curl(&[&status[..], &[&nginx.url(path)]].concat(), Some(&large))?;
        assert!(told.ends_with("413"), "{told}");
    }
    server.stop()
}

/// The server ends its connections after two requests, and then itself.
#[test]
fn nginx_opens_another_connection_when_the_server_ends_one() -> TestResult {
    let _bounded = bounded();
    if !nginx_is_installed() {
        return Ok(());
    }
    let limits = Limits {
        requests: Some(2),
        ..limits()
    };
    let server = serve(WSGIServer::builder().limits(limits))?;
    let nginx = Nginx::before(&at(&server), HTTP)?;
    let url = nginx.url("/");
    let told = curl(&[&["--include"][..], &[&*url; 10]].concat(), None)?;
    let ports = values(&told, "Port");
    assert_eq!(ports.len(), 10, "{told}");
    assert!(ports.chunks(2).all(|pair| pair[0] == pair[1]), "{told}");
    server.stop()?;
    let code = ["--output", "/dev/null", "--write-out", "%{http_code}", &url];
    assert_eq!(curl(&code, None)?, "502");
    Ok(())
}

#[test]
fn nginx_tells_for_whom_it_connects() -> TestResult {
    let _bounded = bounded();
    if !nginx_is_installed() {
        return Ok(());
    }
    if !std::fs::exists(STREAM_MODULE)? {
        say_skipped("nginx has no streams: install Debian's package `libnginx-mod-stream`".to_owned());
        return Ok(());
    }
    let server = serve(WSGIServer::builder().proxy_protocol(ProxyProtocol::Required))?;
    let nginx = Nginx::before(&at(&server), STREAM)?;
    let url = nginx.url("/");
    let told = curl(&["--include", "--interface", "127.0.0.2", &url, &url], None)?;
    assert_eq!(values(&told, "Who"), ["127.0.0.2"; 2], "{told}");
    server.stop()
}

#[test]
fn nginx_passes_web_sockets_on() -> crate::common::Result {
    use tungstenite::Message;

    let _bounded = bounded();
    if !nginx_is_installed() {
        return Ok(());
    }
    let (_server, address) = crate::examples::serving("websocket")?;
    let nginx = Nginx::before(&address, HTTP)?;
    for _ in 0..3 {
        let stream = std::net::TcpStream::connect(&nginx.address)?;
        stream.set_read_timeout(Some(crate::common::SOON))?;
        let (mut socket, _) = tungstenite::client(nginx.url("/echo").replace("http", "ws"), stream)?;
        for message in [Message::text("hello"), Message::binary(vec![7; 1_000_000])] {
            socket.send(message.clone())?;
            assert!(socket.read()? == message);
        }
        socket.close(None)?;
        while let Ok(message) = socket.read() {
            assert!(message.is_close());
        }
    }
    Ok(())
}
