//! Runs the examples that are ports of Python programs, and compares their lengths with those of the originals, which
//! stand beside them.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;

use common::process::{Process, example};
use common::{Result, SOON, eventually};

const PORTED: [&str; 5] = ["chat", "crawler", "jobqueue", "loadtester", "scheduler"];

/// Neither all lines nor those with code are more than 1.3 times as many as in Python.
#[test]
fn ports_are_about_as_long_as_the_originals() -> Result {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in PORTED {
        let rust = fs::read_to_string(examples.join(format!("{name}.rs")))?;
        let python = fs::read_to_string(examples.join(format!("{name}.py")))?;
        for count in [all_lines, code_lines] {
            let (ours, theirs) = (count(&rust), count(&python));
            assert!(theirs > 30 && ours * 10 <= theirs * 13, "{name}: {ours} and {theirs}");
        }
        assert!(!rust.contains("OnceCell"), "{name}");
    }
    Ok(())
}

fn all_lines(text: &str) -> usize {
    text.lines().count()
}

fn code_lines(text: &str) -> usize {
    let lines = text.lines().map(str::trim);
    let comments = ["//", "#", "\"\"\""];
    let of_rust = ["#["];
    lines
        .filter(|line| !line.is_empty())
        .filter(|line| {
            of_rust.iter().any(|start| line.starts_with(start)) || !comments.iter().any(|start| line.starts_with(start))
        })
        .count()
}

#[test]
fn jobs_are_tried_again_and_their_submitter_gets_the_result() -> Result {
    let ended = Process::spawn(&mut example("jobqueue")?)?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    // Which of two workers is quicker is not said.
    let mut lines: Vec<_> = ended.stdout.lines().collect();
    lines.sort_unstable();
    let expected = [
        "11 attempts",
        "attempt 1 of 3 failed: 3 is not ready",
        "attempt 1 of 9 failed: 9 is not ready",
        "attempt 2 of 3 failed: 3 is not ready",
        "attempt 2 of 9 failed: 9 is not ready",
        "failed: 9 is not ready",
        "got 1",
        "got 3",
        "squares [0, 1, 4, 9]",
    ];
    assert_eq!(lines, expected);
    assert_eq!(ended.stderr, "");
    Ok(())
}

#[test]
fn jobs_are_repeated_cancelled_and_fail() -> Result {
    let ended = Process::spawn(&mut example("scheduler")?)?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    // Which turns are skipped depends on the machine.
    let mut lines: Vec<_> = ended.stdout.lines().filter(|line| !line.contains("skips")).collect();
    lines.sort_unstable();
    let [failing, lazy, running, cancelled, ticks] = lines[..] else {
        panic!("{}", ended.stdout);
    };
    assert_eq!(failing, "failing has failed: no luck");
    assert_eq!(lazy, "lazy was cancelled");
    assert!(
        running.starts_with("running: ") && running.ends_with("ticks"),
        "{running}"
    );
    assert_eq!(cancelled, "ticks was cancelled");
    assert!(ticks.starts_with("ticks: "), "{ticks}");
    assert!(ended.stderr.contains("no luck"), "{}", ended.stderr);
    Ok(())
}

/// A web server in threads. It answers the n-th request for a path, from 1 on, as `page` says: with a text, with a
/// status, or never.
fn serve(page: fn(&str, usize) -> Answer) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let (mut requests, mut unanswered) = (HashMap::new(), Vec::new());
        for stream in listener.incoming() {
            let mut stream = stream.expect("it listens");
            let mut line = String::new();
            let mut reader = BufReader::new(&stream);
            reader.read_line(&mut line).expect("it asks");
            // The rest of the head, as an unread byte would reset the connection.
            reader.read_line(&mut String::new()).expect("it asks");
            let path = line.split(' ').nth(1).expect("a path").to_owned();
            let n: &mut usize = requests.entry(path.clone()).or_default();
            *n += 1;
            // A client that is gone has no use for its answer.
            let _ = match page(&path, *n) {
                Answer::Text(text) => write!(stream, "HTTP/1.0 200 OK\r\n\r\n{text}"),
                Answer::Status(status) => write!(stream, "HTTP/1.0 {status} no\r\n\r\n"),
                Answer::Never => {
                    unanswered.push(stream);
                    Ok(())
                }
            };
        }
    });
    Ok(address)
}

enum Answer {
    Text(&'static str),
    Status(u16),
    Never,
}

#[test]
fn the_crawler_finds_each_page_once_and_tries_again() -> Result {
    let address = serve(|path, n| match (path, n) {
        ("/", _) => Answer::Text(r#"<a href="/a">a</a> <a href="/b">b</a> <a href="/">home</a>"#),
        ("/a", 1 | 2) => Answer::Status(503),
        ("/a", 3) => Answer::Text(r#"<a href="/b">b</a> <a href="/c">c</a>"#),
        ("/b", 1) => Answer::Never,
        ("/b", 2) => Answer::Text(r#"<a href="/a">a</a>"#),
        (_, 1..=3) => Answer::Status(404),
        _ => panic!("{path} is asked for again"),
    })?;
    let ended = Process::spawn(example("crawler")?.arg(address.to_string()))?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let expected = "/ 77 bytes, attempt 1\n\
                    /a 56 bytes, attempt 3\n\
                    /b 37 bytes, attempt 2\n\
                    /c failed: status 404";
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), (expected, ""));
    Ok(())
}

#[test]
fn the_load_tester_ends_when_its_time_is_over() -> Result {
    let address = serve(|_, _| Answer::Text("hello"))?;
    let arguments = [address.to_string(), "5".into(), "0.3".into()];
    let ended = Process::spawn(example("loadtester")?.args(arguments))?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_summary(&ended.stdout)
}

#[test]
fn ctrl_c_ends_the_load_tester_with_its_summary() -> Result {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let address = serve(|_, n| {
        ASKED.store(n, Ordering::SeqCst);
        Answer::Text("hello")
    })?;
    let arguments = [address.to_string(), "5".into(), "1000".into()];
    let tester = Process::spawn(example("loadtester")?.args(arguments))?;
    // So many requests mean that some are answered.
    eventually("requests", SOON, || {
        Ok((ASKED.load(Ordering::SeqCst) > 10).then_some(()))
    })?;
    tester.signal(Signal::INT)?;
    let ended = tester.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let summary = ended.stdout.strip_prefix("interrupted\n").ok_or(ended.stdout.clone())?;
    assert_summary(summary)
}

/// There are as many times as answers, and the server's answer is among them.
fn assert_summary(stdout: &str) -> Result {
    let mut lines = stdout.lines();
    let total: usize = lines
        .next()
        .and_then(|line| line.strip_suffix(" answers"))
        .ok_or(stdout)?
        .parse()?;
    let (mut counted, mut ok) = (0, 0);
    let mut parts = 0;
    for line in lines {
        if line.contains(" % within ") {
            parts += 1;
            continue;
        }
        let (count, answer) = line.trim().split_once(' ').ok_or(stdout)?;
        let count: usize = count.parse()?;
        counted += count;
        if answer == "HTTP/1.0 200 OK" {
            ok = count;
        }
    }
    assert!(counted == total && ok > 0 && parts == 3, "{stdout}");
    Ok(())
}

/// A client of the chat.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: &str, name: &str) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        let lines = BufReader::new(stream.try_clone()?);
        let mut client = Client { stream, lines };
        client.say(name)?;
        Ok(client)
    }

    fn say(&mut self, line: &str) -> Result {
        Ok(writeln!(self.stream, "{line}")?)
    }

    /// The next line; nothing at the end.
    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

#[test]
fn chat_clients_hear_each_other() -> Result {
    let server = Process::spawn(example("chat")?.arg("0"))?;
    let line = server.stdout().line_with("listening on ", 0, SOON)?;
    let address = line.rsplit(' ').next().ok_or("no address")?;
    let mut ann = Client::connect(address, "ann")?;
    assert_eq!(ann.hear()?, "* ann has come");
    let mut bob = Client::connect(address, "bob")?;
    assert_eq!(
        (ann.hear()?, bob.hear()?),
        ("* bob has come".into(), "* bob has come".into())
    );
    let mut second = Client::connect(address, "ann")?;
    assert_eq!(
        (second.hear()?, second.hear()?),
        ("this name is taken".into(), String::new())
    );

    ann.say("hello")?;
    assert_eq!((ann.hear()?, bob.hear()?), ("ann: hello".into(), "ann: hello".into()));
    bob.say("/who")?;
    assert_eq!(bob.hear()?, "here: ann bob");

    // A client that is gone in the middle: what it has not read resets the connection.
    let cat = Client::connect(address, "cat")?;
    assert_eq!(ann.hear()?, "* cat has come");
    ann.say("hello, cat")?;
    assert_eq!(ann.hear()?, "ann: hello, cat");
    drop(cat);
    assert_eq!(ann.hear()?, "* cat has gone");
    bob.say("/quit")?;
    assert_eq!(ann.hear()?, "* bob has gone");
    ann.say("alone")?;
    assert_eq!(ann.hear()?, "ann: alone");
    for expected in ["* cat has come", "ann: hello, cat", "* cat has gone", ""] {
        assert_eq!(bob.hear()?, expected);
    }

    server.signal(Signal::INT)?;
    let ended = server.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("bye"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    Ok(())
}
