//! A signal handler runs in a greenlet of its own, so it may block; it does not keep the loop running.

use gevent::{get_hub, signal_handler, sleep};
use rustix::process::{Signal, getpid, kill_process};

use super::common::{TestResult, ValueError, name, report_errors};

fn handler(label: &str) -> TestResult {
    println!("{label}: handles it");
    sleep(0.001)?;
    println!("{label}: ends");
    Ok(())
}

fn fails() -> TestResult {
    Err(ValueError("handler").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let user1 = signal_handler(libc::SIGUSR1, || handler("user 1"))?;
    let user2 = signal_handler(libc::SIGUSR2, fails)?;
    kill_process(getpid(), Signal::USR1)?;
    println!("killed");
    sleep(0.1)?;
    kill_process(getpid(), Signal::USR2)?;
    match sleep(100) {
        Err(error) if error.is::<ValueError>() => println!("main: {}", name(&error)),
        slept => slept?,
    }
    get_hub().join()?;
    user1.cancel();
    user2.cancel();
    Ok(())
}
