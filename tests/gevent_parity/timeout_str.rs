//! The text of a timeout.

use gevent::{Timeout, TimeoutError, sleep};

use super::common::{TestResult, ValueError};

fn said(timeout: &Timeout) -> TestResult {
    timeout.start()?;
    match sleep(10) {
        Err(error) if error.is::<TimeoutError>() => println!("raised: {error}"),
        Err(error) if error.is::<ValueError>() => println!("raised ValueError: {error}"),
        slept => return slept,
    }
    timeout.close();
    Ok(())
}

pub(crate) fn main() -> TestResult {
    println!(
        "[{}] [{}] [{}] [{}]",
        Timeout::new(None),
        Timeout::new(1),
        Timeout::new(2),
        Timeout::new(0.5)
    );
    println!(
        "[{}] [{}]",
        Timeout::new(1).with_message("too slow"),
        Timeout::new(0.5).with_exception(ValueError("no"))
    );
    said(&Timeout::new(0.001))?;
    said(&Timeout::new(0.001).with_message("too slow"))?;
    said(&Timeout::new(0.001).with_exception(ValueError("no")))
}
