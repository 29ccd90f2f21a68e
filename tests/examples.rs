//! Tests that the examples which end by themselves succeed. The portforwarder has tests of its own.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use common::process::{Process, example};
use common::{Result, SOON};

#[test]
fn demo_succeeds() -> Result {
    let demo = Process::spawn(example("demo")?.arg("--quick"))?;
    let ended = demo.wait(2 * SOON)?;
    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{output}");
    assert!(ended.stdout.contains("libev"), "{output}");
    assert_eq!(ended.stderr, "", "{output}");
    Ok(())
}

#[test]
fn demo_says_what_it_takes() -> Result {
    let ended = Process::spawn(example("demo")?.arg("--slow"))?.wait(SOON)?;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("usage"), "{}", ended.stderr);
    Ok(())
}

#[test]
fn udp_server_answers_udp_client() -> Result {
    let server = Process::spawn(example("udp_server")?.arg("0"))?;
    let line = server.stdout().line_with("Receiving datagrams on :", 0, SOON)?;
    let port = line.rsplit(':').next().ok_or("it names its port")?.to_owned();
    let at = format!("127.0.0.1:{port}");
    let client = Process::spawn(
        example("udp_client")?
            .args(["Test_udp_server", "twice"])
            .env("UDP_SERVER", &at),
    )?;
    let ended = client.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let expected = format!("Sending 21 bytes to {at}\n{at}: got \"Received 21 bytes\"");
    assert_eq!(ended.stdout, expected);
    server
        .stdout()
        .line_with("127.0.0.1: got \"Test_udp_server twice\"", 0, SOON)?;
    Ok(())
}

#[test]
fn unixsocket_server_answers_unixsocket_client() -> Result {
    let path = std::env::temp_dir().join(format!("gevent-unixsocket-{}", std::process::id()));
    let server = Process::spawn(example("unixsocket_server")?.arg(&path))?;
    server.stdout().line_with("Listening at ", 0, SOON)?;
    for _ in 0..2 {
        let ended = Process::spawn(example("unixsocket_client")?.arg(&path))?.wait(SOON)?;
        assert!(ended.status.success(), "{}", ended.stderr);
        assert!(ended.stdout.starts_with("received "), "{}", ended.stdout);
        assert!(ended.stdout.contains("HTTP/1.1 200 OK"), "{}", ended.stdout);
        assert!(
            ended.stdout.ends_with("<h1>Hello from a Unix socket</h1>"),
            "{}",
            ended.stdout
        );
    }
    server.signal(rustix::process::Signal::TERM)?;
    let ended = server.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!path.exists());
    Ok(())
}
