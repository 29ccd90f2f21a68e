//! An application whose functions fail with a `Box<dyn Error>`, with `Send + Sync` or without: it asks a server
//! for numbers.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};

use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::{Exception, GreenletExit, Raised, Timeout, sleep, spawn};

use crate::support::{LONG, TestResult, bounded};

/// The server's answer to one line.
fn answer(line: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let number: u32 = line.trim().parse()?;
    if number > 1000 {
        return Err("too large".into());
    }
    Ok(format!("{}\n", number * 2))
}

fn ask(address: std::net::SocketAddr, question: &str) -> Result<u32, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    writeln!(stream, "{question}")?;
    let mut line = String::new();
    sleep(0)?;
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

#[test]
fn it_works() -> Result<(), Box<dyn Error>> {
    let _bounded = bounded();
    let handle = |stream: TcpStream, _| {
        let mut line = String::new();
        BufReader::new(stream.clone()).read_line(&mut line)?;
        let answer = answer(&line).raised().unwrap_or_else(|error| format!("{error}\n"));
        (&stream).write_all(answer.as_bytes())?;
        Ok(())
    };
    let server = StreamServer::new("127.0.0.1:0", handle);
    server.start()?;
    let address = server.address().expect("it listens");
    assert_eq!(ask(address, "21")?, 42);
    let error = spawn(move || ask(address, "x").map_err(Exception::from_local)).get();
    assert_eq!(error.unwrap_err().to_string(), "invalid digit found in string");
    assert_eq!(
        ask(address, "x").unwrap_err().to_string(),
        "invalid digit found in string"
    );
    assert!(answer("1001").raised().is_err_and(|e| e.to_string() == "too large"));
    server.stop()?;
    Ok(())
}

#[test]
fn it_can_be_killed_and_timed_out() -> TestResult {
    let _bounded = bounded();
    let local = || -> Result<(), Box<dyn Error>> { Ok(sleep(LONG)?) };
    let anywhere = || -> Result<(), Box<dyn Error + Send + Sync>> { Ok(sleep(LONG)?) };
    for greenlet in [
        spawn(move || local().map_err(Exception::from_local)),
        spawn(move || anywhere().raised()),
    ] {
        sleep(0)?;
        greenlet.kill()?;
        assert!(greenlet.successful() && greenlet.get().unwrap_err().is::<GreenletExit>());
    }
    let silent = |work: &dyn Fn() -> TestResult| Timeout::new(0.001).silent(work);
    assert_eq!(silent(&|| local().map_err(Exception::from_local))?, None);
    assert_eq!(silent(&|| anywhere().raised())?, None);
    Ok(())
}
