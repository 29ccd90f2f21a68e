//! A timeout ends with its block: it is not thrown into a greenlet that was killed, failed or went on.

use gevent::{Exception, GreenletExit, Kill, Timeout, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn worker(label: &str) -> TestResult {
    let timeout = Timeout::new(0.02);
    if let Err(error) = timeout.with(|| sleep(100)) {
        println!("{label}: {} pending={}", name(&error), timeout.pending());
    }
    sleep(0.05)?;
    println!("{label} ends");
    Ok(())
}

fn soon(exception: impl Into<Exception>) -> Kill {
    Kill {
        exception: exception.into(),
        block: false,
        timeout: None,
    }
}

pub(crate) fn main() -> TestResult {
    let [a, b, c] = ["a", "b", "c"].map(|label| spawn(move || worker(label)));
    sleep(0)?;
    a.kill_with(soon(GreenletExit))?;
    b.kill_with(soon(ValueError("told")))?;
    joinall([a, b, c])?;
    Ok(())
}
