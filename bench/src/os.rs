//! `os`: compares child processes and files with std in threads, tokio (its current-thread runtime) and Python's
//! gevent.

mod ours;
mod threads;
mod tokio;

use std::path::PathBuf;

use crate::Result;
use crate::turns::{Case, Comparison, Peer};

pub(crate) const OS: Comparison = Comparison {
    name: "os",
    cases: &[
        Case {
            name: "true",
            about: "run `true`, 50 at once",
            count: 2000,
        },
        Case {
            name: "communicate",
            about: "10 MB to `cat` and back (for each MB)",
            count: 100,
        },
        Case {
            name: "read-4k",
            about: "4 KiB from a file, one after the other",
            count: 20_000,
        },
        Case {
            name: "read-1m",
            about: "1 MiB from a file, one after the other",
            count: 1000,
        },
        Case {
            name: "read-4k-100",
            about: "4 KiB from a file, by 100 at once, each with its own file",
            count: 20_000,
        },
    ],
    peers: &[
        Peer::here("ours", ours::measure),
        Peer::here("std's threads", threads::measure),
        Peer::here("tokio", tokio::measure),
        Peer::gevent(|_| 1),
    ],
};

/// How many run at once.
const AT_ONCE: u32 = 50;
/// How many megabytes go through `cat` at a time.
const MEGABYTES: u32 = 10;
/// How many read at once.
const READERS: u32 = 100;

/// What goes through `cat`.
fn input() -> Vec<u8> {
    vec![7; MEGABYTES as usize * 1_000_000]
}

/// Fails unless everything came back.
fn check_output(output: &[u8]) -> Result {
    match output.len() == input().len() {
        true => Ok(()),
        false => Err(format!("{} bytes have come back", output.len()).into()),
    }
}

/// A file of 16 MiB, which the system keeps in memory. Removed when dropped.
struct Data(PathBuf);

impl Data {
    const SIZE: usize = 16 << 20;

    fn new() -> std::io::Result<Data> {
        let path = std::env::temp_dir().join(format!("gevent-bench-{}", std::process::id()));
        std::fs::write(&path, vec![7; Data::SIZE])?;
        Ok(Data(path))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}
