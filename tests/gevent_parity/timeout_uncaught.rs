//! A timeout that is not caught is its greenlet's error.

use gevent::{Timeout, sleep, spawn};

use super::common::{TestResult, name, report_errors};

fn limited() -> TestResult {
    let _timeout = Timeout::start_new(0.001);
    sleep(100)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(limited);
    g.join()?;
    if let Some(error) = g.exception() {
        println!("{}: {}, {error}", g.successful(), name(&error));
    }
    Ok(())
}
