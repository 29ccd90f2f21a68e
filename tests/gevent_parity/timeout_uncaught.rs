//! A timeout that nobody catches is its greenlet's error.

use gevent::{Timeout, sleep, spawn};

use super::common::{Outcome, name, report_errors};

fn limited() -> Outcome {
    let _timeout = Timeout::start_new(0.001);
    sleep(100)
}

pub(crate) fn main() -> Outcome {
    report_errors();
    let g = spawn(limited);
    g.join(None)?;
    if let Some(error) = g.exception() {
        println!("{}: {}, {error}", g.successful(), name(&error));
    }
    Ok(())
}
