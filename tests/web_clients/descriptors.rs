//! A web server without descriptors for more connections: it serves those that it has, hardly tries to get others, and
//! serves them all when it can.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use crate::common::process::{Process, example};
use crate::common::{Result, SOON, eventually};

/// How many descriptors the server may have, and how many clients want one.
const DESCRIPTORS: usize = 40;
const CLIENTS: usize = 100;

struct Client(BufReader<TcpStream>);

impl Client {
    fn ask(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        let mut client = Client(BufReader::new(stream));
        client.ask_again()?;
        Ok(client)
    }

    fn ask_again(&mut self) -> Result {
        Ok(self
            .0
            .get_mut()
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?)
    }

    /// Reads an answer, which must be the page.
    fn read(&mut self) -> Result {
        let (mut head, mut body) = (String::new(), [0; 18]);
        while self.0.read_line(&mut head)? > 2 {}
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 18\r\n"),
            "{head}"
        );
        self.0.read_exact(&mut body)?;
        assert_eq!(&body, b"<b>hello world</b>");
        Ok(())
    }
}

/// How many calls to accept a client have failed so far.
fn failed(server: &Process) -> usize {
    server.stderr().text().matches("Too many open files").count()
}

fn fails_more_often(server: &Process, than: usize) -> Result<usize> {
    eventually("a call that fails", SOON, || {
        Ok(Some(failed(server)).filter(|failed| *failed > than))
    })
}

#[test]
fn a_server_without_descriptors_serves_again_when_it_has_some() -> Result {
    let script = ["-c", "ulimit -n \"$1\" && exec \"$0\" 127.0.0.1:0"];
    let begun = Instant::now();
    let server = Process::spawn(
        Command::new("sh")
            .args(script)
            .arg(example("wsgiserver")?.get_program())
            .arg(DESCRIPTORS.to_string()),
    )?;
    let line = server.stdout().line_with("Serving on ", 0, SOON)?;
    let address = line.rsplit(' ').next().ok_or("it names its address")?;
    let at_rest = server.fds()?;
    let mut clients = (0..CLIENTS).map(|_| Client::ask(address)).collect::<Result<Vec<_>>>()?;
    let mut failures = fails_more_often(&server, 0)?;
    let room = server.fds()? - at_rest;
    assert!((10..CLIENTS / 2).contains(&room), "{room}");
    // The kernel hands clients over in their order. Those that the server has, it serves.
    let (served, _) = clients.split_at_mut(room);
    for client in &mut *served {
        client.read()?;
    }
    for client in &mut *served {
        client.ask_again()?;
        client.read()?;
    }
    // Each pause between two tries is twice as long as the one before, from a hundredth of a second to a whole one.
    failures = fails_more_often(&server, failures.max(4))?;
    let (ticks, waited) = (server.cpu_ticks()?, Instant::now());
    failures = fails_more_often(&server, failures + 1)?;
    let (ticks, waited) = (server.cpu_ticks()? - ticks, waited.elapsed().as_secs_f64());
    assert!((ticks as f64) < 100.0 * waited / 2.0, "{ticks} of {waited}");
    assert!((failures as f64) < 9.0 + begun.elapsed().as_secs_f64(), "{failures}");
    // All the others are served while these go.
    for (i, mut client) in clients.into_iter().enumerate() {
        if i >= room {
            client.read()?;
        }
    }
    eventually("the descriptors of all clients", SOON, || {
        Ok((server.fds()? == at_rest).then_some(()))
    })?;
    Client::ask(address)?.read()
}
