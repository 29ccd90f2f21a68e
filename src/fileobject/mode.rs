//! [`Mode`]: how a file is opened, by Python's letters. Source: `OpenDescriptor` in gevent's `_fileobjectcommon.py`.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// What the letters of a mode ask for.
#[derive(Debug, Clone)]
pub(super) struct Mode {
    /// The letters, as they were given.
    pub(super) text: Box<str>,
    how: How,
    updating: bool,
    pub(super) binary: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Create,
    Read,
    Write,
    Append,
}

impl Mode {
    /// Fails as Python's `open` does, for modes that name no way to open a file, or several.
    pub(super) fn parse(text: &str) -> io::Result<Mode> {
        let has = |letter| text.contains(letter);
        let is_letter = |letter| "axrwb+tU".contains(letter);
        let twice = text.chars().any(|letter| text.matches(letter).count() > 1);
        if twice || !text.chars().all(is_letter) {
            return Err(invalid(format!("invalid mode: {text:?}")));
        }
        let hows = [
            ('x', How::Create),
            ('r', How::Read),
            ('w', How::Write),
            ('a', How::Append),
        ];
        let (writes, updating, binary) = (has('x') || has('w') || has('a') || has('+'), has('+'), has('b'));
        if has('U') && writes {
            return Err(invalid("mode U cannot be combined with 'x', 'w', 'a', or '+'".into()));
        }
        if has('U') {
            return Err(invalid(format!(
                "invalid mode: {text:?}: ends of lines are not changed"
            )));
        }
        if has('t') && binary {
            return Err(invalid("can't have text and binary mode at once".into()));
        }
        let mut wanted = hows.iter().filter(|(letter, _)| has(*letter));
        let how = wanted.next().map(|(_, how)| *how);
        if wanted.next().is_some() {
            return Err(invalid("can't have read/write/append mode at once".into()));
        }
        let how = how.ok_or_else(|| invalid("must have exactly one of read/write/append mode".into()))?;
        Ok(Mode {
            text: text.into(),
            how,
            updating,
            binary,
        })
    }

    pub(super) fn reads(&self) -> bool {
        self.updating || self.how == How::Read
    }

    pub(super) fn writes(&self) -> bool {
        self.updating || self.how != How::Read
    }

    /// Opens a file. This blocks the thread.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(self.reads());
        match self.how {
            How::Read => options.write(self.updating),
            How::Write => options.write(true).create(true).truncate(true),
            How::Append => options.append(true).create(true),
            How::Create => options.write(true).create_new(true),
        };
        options.open(path)
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
