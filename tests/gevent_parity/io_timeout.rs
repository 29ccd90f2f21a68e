//! Data that are there when the time is over have come in time.

use std::io::{Write, pipe};
use std::os::fd::{AsRawFd, RawFd};
use std::thread;
use std::time::Duration;

use gevent::hub::{TimedOut, wait_read};
use gevent::{sleep, spawn};

use super::common::TestResult;

fn waits(reader: RawFd, what: &str, timeout: f64) -> TestResult {
    match wait_read(reader, timeout) {
        Ok(()) => println!("{what}: readable"),
        Err(error) if error.is::<TimedOut>() => println!("{what}: timed out"),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (reader, mut writer) = pipe()?;
    let fd = reader.as_raw_fd();

    waits(fd, "empty", 0.0)?;
    waits(fd, "empty", 0.001)?;
    let g = spawn(move || waits(fd, "late writer", 0.001));
    sleep(0)?;
    thread::sleep(Duration::from_millis(10));
    writer.write_all(b"x")?;
    g.join()?;
    waits(fd, "full", 0.0)?;
    waits(fd, "full", -1.0)
}
