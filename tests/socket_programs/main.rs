//! Tests sockets of every family with programs that others have written, on both sides of a [forwarder] of our own:
//! socat, PostgreSQL's psql, and haproxy.
//!
//! Plain runs send a few MiB at a time; `FORWARDED_MIB=100` is another number.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
mod forwarder;
mod haproxy;
mod postgres;
mod socat;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use common::Result;
use sha2::{Digest, Sha256};

/// The time limit of one program's run, which takes seconds.
const RUN: Duration = Duration::from_secs(300);

/// How many bytes are sent at a time, unless `FORWARDED_MIB` says something else.
fn amount(mib: usize) -> Result<usize> {
    Ok(match std::env::var("FORWARDED_MIB") {
        Ok(mib) => mib.parse::<usize>()? << 20,
        Err(_) => mib << 20,
    })
}

/// Random numbers, in which a lost, doubled or swapped block cannot go unnoticed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Writes a file of `len` random bytes; another seed makes other ones. It has no lines.
fn write_random(path: &Path, seed: u64, len: usize) -> Result {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
    let mut file = io::BufWriter::new(File::create(path)?);
    for _ in 0..len / 8 {
        file.write_all(&random.next().to_le_bytes())?;
    }
    Ok(file.flush()?)
}

/// The length and the hash of a file.
fn sum(path: &Path) -> Result<(usize, String)> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(|e| format!("{path:?}: {e}"))?);
    let (mut hash, mut len) = (Sha256::new(), 0);
    loop {
        let block = file.fill_buf()?;
        if block.is_empty() {
            let hash = hash.finalize();
            return Ok((len, hash.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        hash.update(block);
        let n = block.len();
        len += n;
        file.consume(n);
    }
}
