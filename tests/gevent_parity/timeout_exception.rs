//! A timeout may throw another exception instead of itself.

use gevent::{Exception, Timeout, sleep};

use super::common::{KeyError, TestResult, ValueError, name};

pub(crate) fn main() -> TestResult {
    let error = Exception::new(ValueError("late"));
    let timeout = Timeout::new(0.001).with_exception(error.clone());
    timeout.start()?;
    match sleep(100) {
        Err(caught) if caught.is::<ValueError>() => {
            let same = caught.same(&error);
            println!("{} {caught}, the same: {same}", name(&caught));
        }
        slept => slept?,
    }
    println!("pending: {}", timeout.pending());

    let slept: TestResult = (|| {
        let timeout = Timeout::new(0.001).with_exception(KeyError("key"));
        timeout.start()?;
        sleep(100)?;
        println!("never printed");
        Ok(())
    })();
    match slept {
        Err(caught) if caught.is::<KeyError>() => println!("{}", name(&caught)),
        other => other?,
    }
    Ok(())
}
