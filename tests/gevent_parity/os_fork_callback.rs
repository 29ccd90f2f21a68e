//! The callback of `fork_and_watch` is called before `waitpid` returns, also if nobody waits.

use std::cell::Cell;
use std::io::{Read, pipe};
use std::process::{ExitStatus, exit};
use std::rc::Rc;

use gevent::core::StatusUnknown;
use gevent::os::{fork_and_watch, waitpid};
use gevent::{get_hub, sleep};

use super::common::{TestResult, ValueError, report_errors, show};

type Status = Result<ExitStatus, StatusUnknown>;

fn ended(_pid: i32, status: Status) -> TestResult {
    println!("callback: {}", show(status?.code()));
    Ok(())
}

fn fails(_pid: i32, _status: Status) -> TestResult {
    println!("fails");
    Err(ValueError("callback").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    // gevent needs this for a child that has ended before it is watched.
    get_hub().loop_().install_sigchld()?;
    for code in [1, 2] {
        // SAFETY: this process has no other threads.
        let pid = unsafe { fork_and_watch(ended) }?;
        if pid == 0 {
            exit(code);
        }
        let (_pid, status) = waitpid(pid, 0)?;
        println!("main: {}", show(status.code()));
    }

    let done = Rc::new(Cell::new(false));
    let its = done.clone();
    let callback = move |pid, status| {
        let outcome = ended(pid, status);
        its.set(true);
        outcome
    };
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork_and_watch(callback) }?;
    if pid == 0 {
        exit(3);
    }
    while !done.get() {
        sleep(0.01)?;
    }
    let (_pid, status) = waitpid(pid, libc::WNOHANG)?;
    println!("main: {}", show(status.code()));

    // The hub does not wait for it.
    let (mut reader, writer) = pipe()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork_and_watch(fails) }?;
    if pid == 0 {
        drop(writer);
        let _ = reader.read(&mut [0]);
        exit(4);
    }
    get_hub().join()?;
    println!("joined");
    drop(writer);
    let (_pid, status) = waitpid(pid, 0)?;
    println!("main: {}", show(status.code()));
    Ok(())
}
