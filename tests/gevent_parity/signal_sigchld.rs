//! A handler of `SIGCHLD` is called in a greenlet for each watched child; the earlier one can be restored.

use std::process::exit;

use gevent::os::{fork, waitpid};
use gevent::signal::{SIG_DFL, SIG_IGN, getsignal, signal};
use gevent::{get_hub, sleep};

use super::common::{TestResult, show};

fn child() -> TestResult {
    // gevent needs this for a child that has ended before it is watched.
    get_hub().loop_().install_sigchld()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        exit(2);
    }
    let (_pid, status) = waitpid(pid, 0)?;
    sleep(0.01)?;
    println!("status {}", show(status.code()));
    Ok(())
}

fn first(signum: i32) -> TestResult {
    println!("first: {}", signum == libc::SIGCHLD);
    sleep(0)?;
    println!("first ends");
    Ok(())
}

fn second(_signum: i32) {
    println!("second");
}

pub(crate) fn main() -> TestResult {
    println!("{}", getsignal(libc::SIGCHLD)? == SIG_DFL);
    child()?;
    println!("{}", signal(libc::SIGCHLD, first)? == SIG_DFL);
    child()?;
    let old = signal(libc::SIGCHLD, second)?;
    println!("{}", getsignal(libc::SIGCHLD)? == old);
    child()?;
    signal(libc::SIGCHLD, old.clone())?;
    println!("{}", getsignal(libc::SIGCHLD)? == old);
    child()?;
    println!("{}", signal(libc::SIGCHLD, SIG_IGN)? == old);
    println!("{}", signal(libc::SIGCHLD, SIG_DFL)? == SIG_IGN);
    child()
}
