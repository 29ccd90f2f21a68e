//! [`Lines`]: the lines that a client sends.

use std::io::{self, Read};

/// How many bytes a line has at most.
pub const LINE: usize = 4096;

/// One line, or what came instead of one.
pub(super) enum Line {
    Text(String),
    /// There is no end of the line in sight.
    TooLong,
    /// The client has no more to say. What it has said without an end of line is dropped.
    End,
}

/// Reads lines. At most [`LINE`] bytes, and a little more, are kept for the next ones.
pub(super) struct Lines<R> {
    stream: R,
    kept: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn of(stream: R) -> Self {
        Lines {
            stream,
            kept: Vec::new(),
        }
    }

    /// The next line. Before each read, `limit` gets the stream.
    pub(super) fn next(&mut self, limit: impl Fn(&R) -> io::Result<()>) -> io::Result<Line> {
        loop {
            if let Some(end) = self.kept.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.kept.drain(..=end).collect();
                return Ok(Line::Text(String::from_utf8_lossy(&line).trim().to_owned()));
            }
            if self.kept.len() > LINE {
                return Ok(Line::TooLong);
            }
            limit(&self.stream)?;
            let mut part = [0; 512];
            match self.stream.read(&mut part)? {
                0 => return Ok(Line::End),
                count => self.kept.extend_from_slice(&part[..count]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<String> {
        let mut lines = Lines::of(text);
        let mut all = Vec::new();
        loop {
            match lines.next(|_| Ok(())).expect("memory does not fail") {
                Line::Text(text) => all.push(text),
                Line::TooLong => return [all, vec!["too long".to_owned()]].concat(),
                Line::End => return all,
            }
        }
    }

    #[test]
    fn lines_end_as_everywhere_and_are_not_endless() {
        assert!(all(b"").is_empty());
        assert!(all(b"no end").is_empty());
        assert_eq!(all(b"a b\r\n\n  c\nd"), ["a b", "", "c"]);
        assert_eq!(all(b"\xff\n"), ["\u{fffd}"]);
        let most = [vec![b'x'; LINE], vec![b'\n']].concat();
        assert_eq!(all(&most)[0].len(), LINE);
        let more = [vec![b'x'; 100 * LINE], b"\nquit\n".to_vec()].concat();
        assert_eq!(all(&[&b"first\n"[..], &more].concat()), ["first", "too long"]);
    }
}
