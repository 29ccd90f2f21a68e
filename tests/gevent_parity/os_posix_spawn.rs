//! A program that is spawned is a watched child: `waitpid` and a handler of `SIGCHLD` hear of its end.

use std::io::{Error, ErrorKind, pipe};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use gevent::os::{posix_spawn, waitpid};
use gevent::signal::{SIG_DFL, signal};
use gevent::{Exception, get_hub, spawn};

use super::common::{TestResult, show};

fn sh(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

fn ended(_signum: i32) {
    println!("ended");
}

fn other() {
    println!("runs meanwhile");
}

pub(crate) fn main() -> TestResult {
    // gevent needs this for a child that has ended before it is watched.
    get_hub().loop_().install_sigchld()?;
    signal(libc::SIGCHLD, ended)?;
    for code in [0, 3] {
        let greenlet = spawn(other);
        let (_pid, status) = waitpid(posix_spawn(&mut sh(&format!("exit {code}")))?, 0)?;
        println!("code {}", show(status.code()));
        greenlet.join()?;
    }
    let (reader, writer) = pipe()?;
    let pid = posix_spawn(sh("read line; kill -KILL $$").stdin(reader))?;
    let (running, status) = waitpid(pid, libc::WNOHANG)?;
    println!("runs: ({running}, {})", status.into_raw());
    drop(writer);
    let (_pid, status) = waitpid(pid, 0)?;
    println!("signal {}", show(status.signal()));
    let is_not_found = |error: &Exception| error.downcast_ref().map(Error::kind) == Some(ErrorKind::NotFound);
    match posix_spawn(&mut Command::new("/no/such/program")) {
        Err(error) if is_not_found(&error) => println!("there is no such program"),
        spawned => _ = spawned?,
    }
    signal(libc::SIGCHLD, SIG_DFL)?;
    waitpid(posix_spawn(&mut sh("exit 0"))?, 0).map(drop)
}
