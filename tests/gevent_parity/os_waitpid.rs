//! `waitpid` waits for a child of `fork` while other greenlets run; with `WNOHANG` it does not wait.

use std::io::{Read, pipe};
use std::process::exit;

use gevent::os::{fork, waitpid};
use gevent::{sleep, spawn};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let (mut reader, writer) = pipe()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        drop(writer);
        let _ = reader.read(&mut [0]);
        exit(7);
    }
    drop(reader);
    let (ended, _status) = waitpid(pid, libc::WNOHANG)?;
    println!("{ended}");
    let waits = move || -> TestResult {
        let (ended, status) = waitpid(pid, 0)?;
        println!("ended: {}, {}", ended == pid, show(status.code()));
        Ok(())
    };
    let waiting = spawn(waits);
    sleep(0)?;
    println!("it waits");
    drop(writer);
    waiting.join()
}
