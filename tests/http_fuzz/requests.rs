//! Requests: most are right, and some have headers that servers have to refuse, or understand in different ways.

use crate::Random;

const METHODS: [&str; 12] = [
    "GET", "GET", "GET", "POST", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "BREW",
];

const TARGETS: [&str; 14] = [
    "/",
    "/",
    "/path",
    "/path?query=1&other=%20",
    "/%2e%2e/%00",
    "*",
    "http://host/path",
    "http://host:80",
    "host:443",
    "//twice",
    "/#part",
    "/\"quoted\"",
    "/\u{e9}",
    "?",
];

const VERSIONS: [&str; 8] = [
    "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.0",
];

const ORDINARY: [&str; 16] = [
    "Accept: */*",
    "User-Agent: fuzz/1.0",
    "Cookie: a=b; c=d",
    "Cookie: e=f",
    "X-Empty:",
    "X-Blanks: \t value \t ",
    "X-Tight:value",
    "X-Other: \u{e9}\u{fc}",
    "TE: trailers",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Keep-Alive, Upgrade",
    "Connection: x-token , CLOSE",
    "Connection: closed",
    "Upgrade: websocket",
    "Expect: 100-continue",
];

/// Headers with which requests are smuggled, and their harmless relatives.
const ODD: [&str; 47] = [
    "Content-Length: 5",
    "Content-Length: 0",
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5, 5",
    "Content-Length: 5,6",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content-Length:",
    "Content-Length: 5;a",
    "Content-Length: 1e1",
    "Content-Length: 2147483648",
    "Content-Length: 18446744073709551615",
    "Content-Length: 18446744073709551616",
    "Content-Length: 99999999999999999999999",
    "Content-Length : 5",
    " Content-Length: 5",
    "Content_Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding:",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer_Encoding: chunked",
    "X: y\r\n folded",
    "X: y\r\n\tTransfer-Encoding: chunked",
    "Host: other",
    "Host:",
    "Expect: 100-Continue",
    "Expect: 100-continue, 100-continue",
    "Expect: tea",
    "Expect:",
    "Connection: \u{e9}, close",
    "Connection: keep-alive, close",
    ": no name",
    "no colon",
    "X: a\0b",
];

/// What is behind the size of a chunk.
const EXTENSIONS: [&str; 12] = [
    "",
    "",
    "",
    "",
    "",
    ";name",
    ";name=value",
    ";name=\"a quoted; value\"",
    ";a;b=c",
    " ;blank",
    " ",
    ";a\u{e9}",
];

const TRAILERS: [&str; 7] = [
    "X-Sum: 1234",
    "X-Sum: 5678",
    "X-Empty:",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "X-Folded: a\r\n b",
    "X-Nul: \0",
];

/// Adds a request to the input.
pub(crate) fn add(random: &mut Random, input: &mut Vec<u8>) {
    let mut lines: Vec<String> = Vec::new();
    let target = match random.one_in(200) {
        // About as long as our line may be.
        true => format!("/{}", "x".repeat(8150 + random.below(60))),
        false => (*random.pick(&TARGETS)).to_owned(),
    };
    let line = format!("{} {target} {}", random.pick(&METHODS), random.pick(&VERSIONS));
    if !random.one_in(8) {
        lines.push("Host: host".to_owned());
    }
    let count = match random.one_in(200) {
        // About as many as there may be.
        true => 90 + random.below(20),
        false => random.below(4),
    };
    for _ in 0..count {
        lines.push((*random.pick(&ORDINARY)).to_owned());
    }
    let mut body = Vec::new();
    match random.below(3) {
        0 => {}
        1 => {
            body = data(random);
            let length = match random.one_in(10) {
                true => body.len() + random.below(4),
                false => body.len(),
            };
            lines.push(format!("Content-Length: {length}"));
        }
        _ => {
            chunks(random, &mut body);
            lines.push("Transfer-Encoding: chunked".to_owned());
        }
    }
    if random.one_in(4) {
        lines.push((*random.pick(&ODD)).to_owned());
    }
    // Headers are in any order.
    for at in (1..lines.len()).rev() {
        lines.swap(at, random.below(at + 1));
    }
    if random.one_in(16) {
        input.extend_from_slice(b"\r\n");
    }
    for line in std::iter::once(&line).chain(&lines) {
        input.extend_from_slice(line.as_bytes());
        input.extend_from_slice(b"\r\n");
    }
    input.extend_from_slice(b"\r\n");
    input.extend_from_slice(&body);
}

fn data(random: &mut Random) -> Vec<u8> {
    let most = *random.pick(&[1, 6, 6, 40, 40, 300]);
    let len = random.below(most);
    match random.one_in(4) {
        // The data look like a request.
        true => b"GET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n".repeat(1 + len / 34)[..len].to_vec(),
        false => (0..len).map(|_| random.below(256) as u8).collect(),
    }
}

fn chunks(random: &mut Random, body: &mut Vec<u8>) {
    for _ in 0..random.below(4) {
        let data = data(random);
        if data.is_empty() {
            continue;
        }
        let size = match random.below(40) {
            0 => format!("{:x}", data.len() + 1),
            1 => format!("+{:x}", data.len()),
            2 => format!("0x{:x}", data.len()),
            3 => format!("{:017x}", data.len()),
            4 => format!("ffffffffffffffff{:x}", data.len()),
            5..20 => format!("{:X}", data.len()),
            20..24 => format!("{:04x}", data.len()),
            _ => format!("{:x}", data.len()),
        };
        body.extend_from_slice(size.as_bytes());
        body.extend_from_slice(random.pick(&EXTENSIONS).as_bytes());
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(&data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(random.pick(&["0", "0", "0", "000", "0;last", ""]).as_bytes());
    body.extend_from_slice(b"\r\n");
    for _ in 0..*random.pick(&[0, 0, 0, 1, 2]) {
        body.extend_from_slice(random.pick(&TRAILERS).as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"\r\n");
}
