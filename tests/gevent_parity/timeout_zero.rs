//! A time of zero is over when the loop next looks; a greenlet that does not block is in time.

use gevent::{Timeout, sleep};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let timeout = Timeout::start_new(0);
    println!("pending: {}", timeout.pending());
    timeout.close();

    let timeout = Timeout::start_new(0);
    let slept: TestResult = (|| {
        for i in 0..3 {
            sleep(0)?;
            println!("sleep(0) {i}");
        }
        sleep(10)?;
        println!("never printed");
        Ok(())
    })();
    if let Err(error) = slept {
        println!("it came: {}", timeout.caused(&error));
    }
    Ok(())
}
