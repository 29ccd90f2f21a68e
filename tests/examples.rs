//! Tests that the examples do what they say. The portforwarder has tests of its own.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread::available_parallelism;

use common::process::{Process, example};
use common::{Result, SOON, eventually};
use rustix::process::{Pid, Signal, kill_process};

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
    server.signal(Signal::TERM)?;
    let ended = server.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!path.exists());
    Ok(())
}

#[test]
fn prefork_serves_by_all_workers_and_replaces_one() -> Result {
    let server = Server::start(example("prefork")?.arg("127.0.0.1:0"))?;
    let output = server.process.stdout();
    // The line after the first `seen` ones that tells of a worker, without its end.
    let worker = |seen| -> Result<String> {
        let line = output.line_with("Worker ", seen, SOON)?;
        Ok(line.strip_prefix("Worker ").ok_or("no number")?.to_owned())
    };
    let (killed, other) = (worker(1)?, worker(2)?);
    let hello = |workers: [&str; 2]| workers.map(|worker| format!("Hello from process {worker}\n"));
    server.answers_with(&hello([&killed, &other]))?;
    let pid = Pid::from_raw(killed.parse()?).ok_or("no process")?;
    kill_process(pid, Signal::KILL)?;
    assert_eq!(worker(3)?, format!("{killed} has ended"));
    let new = worker(4)?;
    assert!(new != killed && new != other);
    server.ends_gracefully(&hello([&new, &other]), Signal::TERM)
}

#[test]
fn hub_per_process_shares_the_port_with_its_like() -> Result {
    let one = Server::start(example("hub_per_process")?.arg("127.0.0.1:0"))?;
    let two = Server::start(example("hub_per_process")?.arg(&one.address))?;
    let hello = [&one, &two].map(|server| format!("Hello from process {}\n", server.process.id()));
    let begun = one.begin(&hello)?;
    one.process.signal(Signal::TERM)?;
    finish(begun)?;
    let ended = one.process.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    two.answers_with(&hello[1..])?;
    two.ends_gracefully(&hello[1..], Signal::INT)
}

#[test]
fn hub_per_thread_serves_by_all_threads() -> Result {
    let server = Server::start(example("hub_per_thread")?.arg("127.0.0.1:0"))?;
    server.answers_with(&threads()?)?;
    server.ends_gracefully(&threads()?, Signal::INT)
}

#[test]
fn shared_listener_serves_by_all_threads() -> Result {
    let server = Server::start(example("shared_listener")?.arg("127.0.0.1:0"))?;
    server.answers_with(&threads()?)?;
    server.ends_gracefully(&threads()?, Signal::TERM)
}

/// What the threads of a server answer, of which it has one for each processor.
fn threads() -> Result<Vec<String>> {
    let numbers = 0..available_parallelism()?.get();
    Ok(numbers.map(|number| format!("Hello from thread {number}\n")).collect())
}

/// A server that says where it listens, and answers each request with a line that tells who has answered.
struct Server {
    process: Process,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Server> {
        let process = Process::spawn(command)?;
        let line = process.stdout().line_with("Listening at ", 0, SOON)?;
        let address = line.rsplit(' ').next().ok_or("it names its address")?.to_owned();
        Ok(Server { process, address })
    }

    /// Connects, and sends a request without its end.
    fn connect(&self) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"GET / HTTP/1.1\r\n")?;
        Ok(stream)
    }

    /// Asks until each of these answers has come, and no other.
    fn answers_with(&self, answers: &[String]) -> Result {
        let mut missing = answers.to_vec();
        eventually(&format!("all of {answers:?}"), SOON, || {
            let begun: Vec<_> = (0..8).map(|_| self.connect()).collect::<Result<_>>()?;
            for answer in finish(begun)? {
                assert!(answers.contains(&answer), "{answer}");
                missing.retain(|other| *other != answer);
            }
            Ok(missing.is_empty().then_some(()))
        })
    }

    /// Begins some requests, and returns them when they are accepted. Connections are accepted in their order, so that
    /// is so when all that accept have answered later ones.
    fn begin(&self, answers: &[String]) -> Result<Vec<TcpStream>> {
        let begun = (0..8).map(|_| self.connect()).collect::<Result<_>>()?;
        self.answers_with(answers)?;
        Ok(begun)
    }

    /// Tells the server to end, and checks that it listens no more, but answers the requests that have begun.
    fn ends_gracefully(self, answers: &[String], signal: Signal) -> Result {
        let begun = self.begin(answers)?;
        self.process.signal(signal)?;
        eventually("the end of the listener", SOON, || {
            Ok(TcpStream::connect(&self.address).is_err().then_some(()))
        })?;
        finish(begun)?;
        let ended = self.process.wait(SOON)?;
        assert!(ended.status.success(), "{}", ended.stderr);
        Ok(())
    }
}

/// Sends the ends of requests, and returns their answers.
fn finish(begun: Vec<TcpStream>) -> Result<Vec<String>> {
    let finish = |mut stream: TcpStream| {
        stream.write_all(b"\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        Ok(body.to_owned())
    };
    begun.into_iter().map(finish).collect()
}
