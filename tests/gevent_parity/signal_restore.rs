//! `signal` returns the handler that there was, which can be set again; `getsignal` tells it.

use gevent::core::IllegalSignal;
use gevent::signal::{SIG_DFL, SIG_IGN, getsignal, signal};
use gevent::sleep;
use rustix::process::{Signal, getpid, kill_process};

use super::common::TestResult;

const USR1: i32 = libc::SIGUSR1;

fn send() -> TestResult {
    kill_process(getpid(), Signal::USR1)?;
    sleep(0.01)
}

fn first(signum: i32) {
    println!("first: {}", signum == USR1);
}

fn second(_signum: i32) -> TestResult {
    println!("second");
    signal(USR1, SIG_IGN).map(drop)
}

pub(crate) fn main() -> TestResult {
    println!("{}", getsignal(USR1)? == SIG_DFL);
    println!("{}", signal(USR1, SIG_IGN)? == SIG_DFL);
    send()?;
    println!("{}", signal(USR1, first)? == SIG_IGN);
    send()?;
    let old = getsignal(USR1)?;
    println!("{}", signal(USR1, second)? == old);
    println!("{}", getsignal(USR1)? == old);
    send()?;
    println!("{}", getsignal(USR1)? == SIG_IGN);
    send()?;
    println!("{}", signal(USR1, old.clone())? == SIG_IGN);
    send()?;
    println!("{}", signal(USR1, SIG_DFL)? == old);
    println!("{}", getsignal(USR1)? == SIG_DFL);
    for wrong in [0, 1000] {
        match signal(wrong, SIG_IGN) {
            Err(error) if error.is::<IllegalSignal>() => println!("wrong"),
            set => _ = set?,
        }
    }
    Ok(())
}
