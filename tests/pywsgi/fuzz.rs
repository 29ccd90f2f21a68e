//! Random requests, most of them wrong: each has an answer, and the same one however it comes.

use std::io::Read;

use gevent::sleep;

use crate::client::{Client, serve};
use crate::support::{Reports, TestResult, bounded};

/// Random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const LINES: [&str; 9] = [
    "GET / HTTP/1.1",
    "POST /path?query HTTP/1.1",
    "HEAD / HTTP/1.1",
    "GET /\" HTTP/1.0",
    "OPTIONS * HTTP/1.1",
    "CONNECT host:80 HTTP/1.1",
    "GET http://host/path HTTP/1.1",
    "GET / HTTP/1.2",
    "get / http/1.1",
];

const HEADERS: [&str; 18] = [
    "Host: localhost",
    "Content-Length: 5",
    "Content-Length: 0",
    "Content-Length: 05",
    "content-length:5 ",
    "Content-Length: 5,5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "transfer-encoding:\tChunked",
    "Connection: close",
    "Connection: keep-alive, x",
    "Expect: 100-continue",
    "Empty:",
    ": no name",
    " folded",
    "X: \u{e9}\"",
    "Upgrade: h2c",
    "No-Colon",
];

const BODIES: [&str; 8] = [
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "5\r\nhelloo\r\n0\r\n\r\n",
    "hello world",
    "0\r\n\r\n",
    "fffffffffffffffff\r\n",
];

/// A request, in which a byte may be another one, or missing.
fn request(random: &mut Random) -> Vec<u8> {
    let mut text = random.one_of(&LINES).to_owned();
    for _ in 0..random.below(4) {
        text += random.one_of(&["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"]);
        text += random.one_of(&HEADERS);
    }
    text += "\r\n\r\n";
    text += random.one_of(&BODIES);
    let mut bytes = text.into_bytes();
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.below(256) as u8,
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, *b"\0\r\n :;".get(random.below(6)).unwrap_or(&b' ')),
        _ => {}
    }
    bytes
}

#[test]
fn random_requests_have_an_answer_which_does_not_depend_on_how_they_come() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = serve(|request, response| {
        let mut body = Vec::new();
        request.body_mut().read_to_end(&mut body)?;
        response
            .header("Date", "today")?
            .send(format!("{} {body:?}", request.uri()))
    })?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut served, mut refused) = (0, 0);
    for _ in 0..1500 {
        let request = request(&mut random);
        let shown = String::from_utf8_lossy(&request).into_owned();
        let mut answers = Vec::new();
        for at in [request.len(), random.below(request.len()) + 1] {
            let (first, second) = request.split_at(at);
            let mut client = Client::with(&server, first)?;
            if !second.is_empty() {
                for _ in 0..2 {
                    sleep(0)?;
                }
                // The first part may have been refused, and the connection be over.
                let _ = client.write(second);
            }
            let _ = client.end_writing();
            let answer = String::from_utf8_lossy(&client.read_to_end()?).into_owned();
            // The date of a refusal is the server's.
            let lines = answer
                .split_inclusive("\r\n")
                .filter(|line| !line.starts_with("Date: "));
            answers.push(lines.collect::<String>());
        }
        assert_eq!(answers[0], answers[1], "{shown:?}");
        let answer = &answers[0];
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 "),
            "{shown:?}: {answer:?}"
        );
        assert!(!answer.contains("HTTP/1.1 500 "), "{shown:?}: {answer:?}");
        served += usize::from(answer.contains("HTTP/1.1 200 "));
        refused += usize::from(answer.contains("HTTP/1.1 400 "));
    }
    assert!(served > 100 && refused > 300, "{served} {refused}");
    assert_eq!(reports.take(), "");
    server.stop()
}
