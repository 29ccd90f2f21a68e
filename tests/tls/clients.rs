//! Other implementations of TLS: OpenSSL's command, curl, Python and a scanner as clients of our servers; OpenSSL's
//! command as a server of our client; and OpenSSL on our streams.

#[path = "../common/installed.rs"]
mod installed;
#[path = "../../examples/starttls.rs"]
#[allow(dead_code, reason = "an example, whose main function is not used here")]
mod starttls;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/wsgiserver_ssl.rs"]
#[allow(dead_code, reason = "an example, whose main function is not used here")]
mod wsgiserver_ssl;

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use gevent::Exception;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::ssl::{Purpose, SslStream, TLSVersion, VerifyMode, create_default_context};
use gevent::subprocess::{Command, DEVNULL, PIPE, Popen, Run, run_with};
use gevent_tls_tests::{client, connected, file, server, server_of};

use installed::installed;
use support::{Reports, TestResult, bounded};

/// Answers requests of HTTP with what is known of the connection, until the client says that it is over.
fn answer_requests(stream: SslStream, _address: SocketAddr) -> TestResult {
    let mut reader = BufReader::new(stream.clone());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let cipher = stream.cipher().expect("the handshake is done");
        let told = format!(
            "{} {} {:?} {:?} {}\n",
            cipher.protocol,
            cipher.name,
            stream.selected_alpn_protocol(),
            stream.server_hostname(),
            stream.session_reused() == Some(true),
        );
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{told}", told.len());
        (&stream).write_all(answer.as_bytes())?;
    }
}

/// A server of HTTP, and its port.
fn http(change: impl FnOnce(&mut gevent::ssl::SSLContext)) -> Result<(StreamServer, String), Exception> {
    let mut context = server()?;
    context.set_alpn_protocols(&["http/1.1"]);
    change(&mut context);
    let server = StreamServer::new("127.0.0.1:0", context.wrap_socket_and_handle(answer_requests));
    server.start()?;
    let port = server.server_port().expect("it is one of the network").to_string();
    Ok((server, port))
}

/// The output of a program that must succeed. The server runs in the same thread meanwhile.
fn output(command: &mut Command, input: &str) -> Result<String, Exception> {
    let run = Run::default()
        .input(input.as_bytes().to_vec())
        .capture_output()
        .timeout(30);
    let ended = run_with(&mut *command, run)?;
    let [out, err] = [&ended.stdout, &ended.stderr].map(|text| String::from_utf8_lossy(text.as_deref().unwrap_or(b"")));
    assert_eq!(ended.returncode, 0, "{command:?}: {out}\n{err}");
    Ok(format!("{out}{err}"))
}

/// A process that does not outlive the test.
struct Killed(Popen);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ca() -> String {
    file("ca.crt").display().to_string()
}

#[test]
fn curl_with_both_versions() -> TestResult {
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let _bounded = bounded();
    let (server, port) = http(|_| ())?;
    for (version, name) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
        let url = format!("https://localhost:{port}/");
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--ipv4",
            "--noproxy",
            "*",
            "--cacert",
            &ca(),
        ]);
        curl.args([&format!("--tlsv{version}"), "--tls-max", version, &url, &url]);
        let told = output(&mut curl, "")?;
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        for line in lines {
            assert!(line.starts_with(name), "{told}");
            assert!(line.ends_with(r#"Some("http/1.1") Some("localhost") false"#), "{told}");
        }
    }
    server.stop()
}

#[test]
fn curl_and_the_web_server() -> TestResult {
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let _bounded = bounded();
    let server = wsgiserver_ssl::web_server("127.0.0.1:0", server()?);
    server.set_log(None);
    server.start()?;
    let at = format!(
        "https://localhost:{}",
        server.server_port().expect("it is one of the network")
    );
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--ipv4",
        "--noproxy",
        "*",
        "--cacert",
        &ca(),
    ]);
    curl.args([
        "--write-out",
        "%{http_code} %{num_connects}\n",
        &format!("{at}/"),
        &format!("{at}/missing"),
    ]);
    let told = output(&mut curl, "")?;
    assert_eq!(told, "<b>hello world</b>200 1\n<h1>Not Found</h1>404 0\n");
    server.stop()
}

/// The elements of this name in a text of XML, as the values of these attributes.
fn elements(xml: &str, element: &str, attributes: &[&str]) -> Vec<String> {
    let begin = format!("<{element} ");
    let lines = xml.lines().filter(|line| line.trim_start().starts_with(&begin));
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).expect("it has this attribute");
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let values = |line| attributes.iter().map(|name| value(line, name)).collect::<Vec<_>>();
    let mut found: Vec<_> = lines.map(|line| values(line).join(" ")).collect();
    found.sort_unstable();
    found
}

/// A scanner of weaknesses tries everything that a server could accept.
#[test]
fn sslscan_finds_nothing_weak() -> TestResult {
    if !installed(&["sslscan"], "sslscan") {
        return Ok(());
    }
    let _bounded = bounded();
    // Handshakes fail, and that is reported.
    let _reports = Reports::new();
    let server = wsgiserver_ssl::web_server("127.0.0.1:0", server()?);
    server.set_log(None);
    server.start()?;
    let at = server.address().expect("it listens").to_string();
    let scan = |options: &[&str]| {
        let mut sslscan = Command::new("sslscan");
        output(
            sslscan.args(["--sni-name=localhost", "--xml=-"]).args(options).arg(&at),
            "",
        )
    };
    let told = scan(&["--no-groups", "--timeout=20"])?;
    assert_eq!(
        elements(&told, "protocol", &["type", "version", "enabled"]),
        ["ssl 2 0", "ssl 3 0", "tls 1.0 0", "tls 1.1 0", "tls 1.2 1", "tls 1.3 1"]
    );
    assert_eq!(
        elements(&told, "cipher", &["sslversion", "cipher"]),
        [
            "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305",
            "TLSv1.3 TLS_AES_128_GCM_SHA256",
            "TLSv1.3 TLS_AES_256_GCM_SHA384",
            "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256",
        ]
    );
    let heartbleed = elements(&told, "heartbleed", &["sslversion", "vulnerable"]);
    assert_eq!(heartbleed, ["TLSv1.2 0", "TLSv1.3 0"]);
    assert_eq!(elements(&told, "renegotiation", &["supported"]), ["0"]);
    // Debian's scanner does not try compression, and another one finds none.
    let compressed = elements(&told, "compression", &["supported"]);
    assert!(compressed.iter().all(|supported| supported == "0"), "{told}");
    // Where the server takes a group, the scanner waits in vain for more.
    let told = scan(&[
        "--no-ciphersuites",
        "--no-heartbleed",
        "--no-renegotiation",
        "--timeout=1",
    ])?;
    let groups = elements(&told, "group", &["bits", "name"]);
    let bits = groups
        .iter()
        .map(|group| group.split(' ').next().map(str::parse::<u32>));
    assert!(
        bits.flatten().all(|bits| bits.is_ok_and(|bits| bits >= 128)),
        "{groups:?}"
    );
    server.stop()
}

#[test]
fn openssl_s_client_with_both_versions_and_its_session() -> TestResult {
    if !installed(&["openssl"], "openssl") {
        return Ok(());
    }
    let _bounded = bounded();
    let (server, port) = http(|_| ())?;
    let at = format!("127.0.0.1:{port}");
    for version in ["-tls1_2", "-tls1_3"] {
        let session = std::env::temp_dir().join(format!("gevent-tls-session-{}{version}", std::process::id()));
        let session = session.display().to_string();
        for (option, reused) in [("-sess_out", "false"), ("-sess_in", "true")] {
            let mut openssl = Command::new("openssl");
            openssl.args([
                "s_client",
                "-connect",
                &at,
                "-servername",
                "localhost",
                "-CAfile",
                &ca(),
            ]);
            openssl.args([
                "-verify_return_error",
                "-verify_hostname",
                "localhost",
                "-alpn",
                "h2,http/1.1",
            ]);
            openssl.args([version, option, &session, "-ign_eof"]);
            openssl.stdin(PIPE).stdout(PIPE).stderr(DEVNULL);
            let popen = Killed(openssl.spawn()?);
            let pipes = &popen.0;
            write!(pipes.stdin().expect("a pipe"), "GET / HTTP/1.1\r\n\r\n")?;
            let mut told = BufReader::new(pipes.stdout().expect("a pipe"));
            let mut line = String::new();
            while !line.ends_with(&format!("{reused}\n")) {
                line.clear();
                assert!(told.read_line(&mut line)? > 0, "{version} {option}");
            }
            drop(popen);
        }
        std::fs::remove_file(session)?;
    }
    server.stop()
}

#[test]
fn python_with_certificates_and_names() -> TestResult {
    if !installed(&["python3"], "python3") {
        return Ok(());
    }
    let _bounded = bounded();
    let other = server_of("other")?;
    let (server, port) = http(|context| {
        context.load_verify_locations(file("ca.crt")).expect("it is there");
        context.set_verify_mode(VerifyMode::CertOptional);
        context.set_sni_callback(move |name| Ok((name == Some("other.example")).then(|| other.clone())));
    })?;
    let mut python = Command::new("python3");
    python.args([
        "-",
        &port,
        &ca(),
        &file("other.crt").display().to_string(),
        &file("other.key").display().to_string(),
    ]);
    let told = output(
        &mut python,
        r#"
import socket, ssl, sys
port, ca, cert, key = sys.argv[1:]
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    context.minimum_version = context.maximum_version = version
    for name in "localhost", "other.example":
        with socket.create_connection(("127.0.0.1", int(port))) as plain:
            with context.wrap_socket(plain, server_hostname=name) as s:
                for _ in range(3):
                    s.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    assert b"200 OK" in s.recv(1000)
                print(s.version(), dict(s.getpeercert()["subject"][0])["commonName"])
                s.unwrap()
"#,
    )?;
    assert_eq!(
        told,
        "TLSv1.2 localhost\nTLSv1.2 other\nTLSv1.3 localhost\nTLSv1.3 other\n"
    );
    server.stop()
}

#[test]
fn python_after_starttls() -> TestResult {
    if !installed(&["python3"], "python3") {
        return Ok(());
    }
    let _bounded = bounded();
    let mails = Rc::new(RefCell::new(Vec::new()));
    let received = mails.clone();
    let server = starttls::mail_server("127.0.0.1:0", server()?, move |mail| received.borrow_mut().push(mail));
    server.start()?;
    let port = server.server_port().expect("it is one of the network").to_string();
    let mut python = Command::new("python3");
    output(
        python.args(["-", &port, &ca()]),
        r#"
import smtplib, ssl, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as smtp:
    smtp._host = "localhost"
    smtp.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
    smtp.sendmail("a@example.org", ["b@example.org"], "Subject: hello\r\n\r\nover TLS\r\n")
"#,
    )?;
    assert_eq!(*mails.borrow(), ["Subject: hello\r\n\r\nover TLS\r\n"]);
    server.stop()
}

#[test]
fn openssl_s_server_for_our_client() -> TestResult {
    if !installed(&["openssl"], "openssl") {
        return Ok(());
    }
    let _bounded = bounded();
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_server", "-accept", "127.0.0.1:0", "-www", option, "-CAfile", &ca()]);
        openssl.args(["-cert", &file("localhost.crt").display().to_string()]);
        openssl.args(["-key", &file("localhost.key").display().to_string()]);
        openssl.stdin(DEVNULL).stdout(PIPE).stderr(DEVNULL);
        let popen = Killed(openssl.spawn()?);
        let mut told = BufReader::new(popen.0.stdout().expect("a pipe"));
        let mut line = String::new();
        while !line.starts_with("ACCEPT") {
            line.clear();
            assert!(told.read_line(&mut line)? > 0, "it does not start");
        }
        let address = line.trim_end().trim_start_matches("ACCEPT ").to_owned();
        let mut client = client()?;
        client.set_minimum_version(TLSVersion::TLSv1_2);
        for reused in [false, true] {
            let mut stream = client.wrap_socket(TcpStream::connect(&*address)?, "localhost")?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut page = Vec::new();
            // It may end without saying so.
            let _ = stream.read_to_end(&mut page);
            let page = String::from_utf8_lossy(&page);
            assert!(page.contains("200 ok") && page.contains(version), "{page}");
            assert_eq!(
                (stream.version(), stream.session_reused()),
                (Some(version), Some(reused))
            );
        }
        drop(popen);
    }
    Ok(())
}

#[test]
fn test_keylog_env_and_load_default_certs_env() -> TestResult {
    const NAME: &str = "test_keylog_env_and_load_default_certs_env";
    let _bounded = bounded();
    if std::env::var_os("GEVENT_TLS_CHILD").is_some() {
        // The second process, whose variables the first one has set.
        let client = create_default_context(Purpose::ServerAuth)?;
        let (near, _far) = connected(&client, &server()?)?;
        assert_eq!(near.version(), Some("TLSv1.3"));
        return Ok(());
    }
    let log = std::env::temp_dir().join(format!("gevent-tls-keys-{}", std::process::id()));
    let mut child = Command::new(std::env::current_exe()?);
    child.args([NAME, "--exact"]).env("GEVENT_TLS_CHILD", "yes");
    child.env("SSL_CERT_FILE", file("ca.crt")).env("SSLKEYLOGFILE", &log);
    output(&mut child, "")?;
    let keys = std::fs::read_to_string(&log)?;
    std::fs::remove_file(log)?;
    assert!(keys.contains("CLIENT_HANDSHAKE_TRAFFIC_SECRET"), "{keys}");
    Ok(())
}
