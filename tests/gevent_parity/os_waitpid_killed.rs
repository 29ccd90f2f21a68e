//! A greenlet that is killed in `waitpid` takes no status; without children, `waitpid` fails.

use std::io::{Error, Read, pipe};
use std::process::exit;

use gevent::os::{fork, waitpid};
use gevent::{GreenletExit, sleep, spawn};

use super::common::{TestResult, show};

fn waits(which: i32) -> TestResult {
    match waitpid(which, 0) {
        Err(error) if error.is::<GreenletExit>() => {
            println!("killed");
            Err(error)
        }
        waited => waited.map(drop),
    }
}

pub(crate) fn main() -> TestResult {
    let (mut reader, writer) = pipe()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        drop(writer);
        let _ = reader.read(&mut [0]);
        exit(5);
    }
    for which in [pid, -1] {
        let waiting = spawn(move || waits(which));
        sleep(0)?;
        waiting.kill()?;
    }
    drop(writer);
    let (ended, status) = waitpid(-1, 0)?;
    println!("{}, {}", ended == pid, show(status.code()));
    for which in [1, -2] {
        match waitpid(which, 0) {
            Err(error) => match error.downcast_ref::<Error>() {
                Some(error) => println!("errno {}", show(error.raw_os_error())),
                None => return Err(error),
            },
            Ok(_) => continue,
        }
    }
    Ok(())
}
